"""What packet sizes alone foretell, against what the pictures show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av

from edge.decoders import Picture
from edge.decoders.software import SoftwareDecoder
from edge.gates._sizes import Sizes
from edge.gates.motion import Options
from edge.packet import Packet
from edge.sources.file import Options as FileOptions
from tests.scenes.quiet import camera_options

IN_TIME_S = 1.5
"""A movement is told when sizes stir before it is this old: later the next keyframe does it."""

QUIET_S = 2.0
"""Movements nearer to each other are one; so long the gate stays open after one."""


@dataclass(frozen=True)
class Foretold:
    """Sizes against pictures.

    Attributes:
        n_movements: Movements that began after a quiet stretch.
        n_told: Those sizes told in time.
        n_false: Times sizes stirred in a quiet stretch.
        quiet_s: Length of the quiet stretches.
    """

    n_movements: int
    n_told: int
    n_false: int
    quiet_s: float


def foretold(clip: Path) -> Foretold:
    """Go through a recording: sizes are asked where the gate would be idle."""
    packets, moving = _judged(clip)
    spans: list[tuple[float, float]] = []
    for pts in sorted(pts for pts, moves in moving.items() if moves):
        if spans and pts - spans[-1][1] <= QUIET_S:
            spans[-1] = (spans[-1][0], pts)
        else:
            spans.append((pts, pts))
    sizes, stirs, keyframe_at, awake_until = Sizes(), [], 0.0, 0.0
    for packet in packets:
        pts = packet.pts
        if packet.is_keyframe:
            keyframe_at = pts
        elif any(first + IN_TIME_S < pts <= last + QUIET_S for first, last in spans):
            continue  # awake: what moves was seen in pictures
        elif pts > awake_until and sizes.stir(len(packet.data)):
            stirs.append(pts)
            sizes.forget()
            awake_until = pts + QUIET_S
            if any(moves and keyframe_at <= at <= awake_until for at, moves in moving.items()):
                sizes.was_right()
            else:
                sizes.was_wrong()
    starts = [first for first, _ in spans if first > QUIET_S]
    told = [any(-0.3 <= at - first <= IN_TIME_S for at in stirs) for first in starts]
    n_false = sum(all(not first - 0.3 <= at <= last + QUIET_S for first, last in spans)
                  for at in stirs)  # fmt: skip
    end = packets[-1].pts
    quiet_s = end - sum(min(last + QUIET_S, end) - first for first, last in spans)
    return Foretold(len(starts), sum(told), n_false, quiet_s)


def recoded(clip: Path, path: Path, *, fps: int, kbit_s: int | None, seconds: float) -> Path:
    """A recording as a camera with a keyframe every 2 s would send it.

    Args:
        clip: The recording.
        path: Where to.
        fps: Its pictures a second.
        kbit_s: Constant bit rate; None is constant quality.
        seconds: How much of it.
    """
    with av.open(str(clip)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream("libx264", rate=fps)
        stream.options = camera_options(2 * fps, kbit_s)
        for number, frame in enumerate(old.decode(video=0)):
            if number >= seconds * fps:
                break
            if not number:
                stream.width, stream.height = frame.width, frame.height
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), "yuv420p")
            picture.pts = number
            new.mux(stream.encode(picture))
        new.mux(stream.encode())
    return path


def _judged(clip: Path) -> tuple[list[Packet], dict[float, bool]]:
    """The packets, and for each stream time whether the picture differs from the background."""
    source = FileOptions(kind="file", path=clip, realtime=False).open()
    decoder = SoftwareDecoder(source.stream)
    gate = Options(linger_seconds=0, look_seconds=60).build()
    moving: dict[float, bool] = {}

    def judge(pictures: Iterable[Picture]) -> None:
        for picture in pictures:
            gate.is_open(picture.frame("bench", 0), is_following=False)
            moving[picture.packet.pts] = not gate.is_idle

    packets = list(source.packets())
    for packet in packets:
        judge(decoder.decode(packet))
    judge(decoder.flush())
    source.close()
    decoder.close()
    return packets, moving

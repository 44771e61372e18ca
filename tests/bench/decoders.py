"""`python -m tests.bench.decoders`: what threads and shortcuts buy the software decoder.

Four tables: thread count and type for one and four streams at once, a lone 4K camera, what is saved
when a keyframe is decoded only to see whether anything moves, and how often damage shows. CPU is
the process's own: other programs on the machine change the frames a second, and hardly the
milliseconds a frame.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import av
import av.logging
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.decoders.software import SoftwareDecoder
from edge.frame import Plane
from edge.luma import shrunk
from edge.packet import Packet, Stream
from tests.conftest import shared_folder
from tests.unit.decoders import coded

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080), "2160p": (3840, 2160)}
KBITS = {"720p": 2000, "1080p": 4000, "2160p": 12000}
"""Bit rates cameras leave the factory with, for H.264 at 25 frames a second."""
FPS, GOP = 25, 50
ENCODERS = {"h264": "libx264", "hevc": "libx265"}
THREADS = [("1", 1, "SLICE"), ("2 slice", 2, "SLICE"), ("2 frame", 2, "FRAME"),
           ("auto slice", 0, "SLICE"), ("auto frame", 0, "FRAME")]  # fmt: skip
LOOKS: dict[str, dict[str, str]] = {
    "full": {},
    "skip_loop_filter=all": {"skip_loop_filter": "all"},
    "flags2=fast": {"flags2": "fast"},
    "both": {"skip_loop_filter": "all", "flags2": "fast"},
}


@dataclass(frozen=True)
class Clip:
    """Coded pictures in decoding order, without B-frames, as cameras send them."""

    codec: str
    size: str
    packets: list[bytes]
    is_keyframe: list[bool]


def scenes(clip: Path | None, size_wh: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Pictures (H * 3 / 2, W) of a recording at another size; moving noise where there is none."""
    width, height = size_wh
    if clip is not None:
        with av.open(str(clip)) as container:
            for frame in container.decode(video=0):
                yield frame.reformat(width, height, "yuv420p").to_ndarray()
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (height // 16, width // 16), dtype=np.uint8)
    luma = cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC)
    chroma = np.full((height // 2, width), 128, np.uint8)
    while True:
        luma = np.roll(luma, 2, axis=1)
        yield np.concatenate([luma + rng.integers(0, 4, luma.shape, dtype=np.uint8), chroma])


def encoded(clip: Path | None, codec: str, size: str, n_frames: int, slices: int = 1) -> Clip:
    """Encode as a camera would: constant bit rate, a keyframe every two seconds, no B-frames.

    One slice a picture and no wavefronts unless asked for, as cameras' encoders have it: both would
    give slice threads work they do not have in the field.
    """
    context: Any = av.CodecContext.create(ENCODERS[codec], "w")
    context.width, context.height = SIZES[size]
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, FPS)
    context.framerate = Fraction(FPS)
    context.bit_rate = KBITS[size] * 1000 * (6 if codec == "hevc" else 10) // 10
    if codec == "h264":
        params = f"keyint={GOP}:bframes=0:scenecut=0:sliced-threads=0:slices={slices}"
        context.options = {"preset": "veryfast", "x264-params": params}
    else:
        params = f"keyint={GOP}:bframes=0:scenecut=0:repeat-headers=1:wpp=0:log-level=none"
        context.options = {"preset": "ultrafast", "x265-params": params}
    units: list[Any] = []
    for number, picture in enumerate(islice(scenes(clip, SIZES[size]), n_frames)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        units += context.encode(frame)
    units += context.encode(None)
    return Clip(codec, size, [bytes(p) for p in units], [p.is_keyframe for p in units])


def opened(clip: Clip, count: int, kind: str, options: dict[str, str] | None = None) -> Any:
    """A decoder with this many threads of this type."""
    context: Any = av.CodecContext.create(clip.codec, "r")
    context.thread_count, context.thread_type = count, kind
    context.options = options or {}
    return context


def decode(clip: Clip, count: int, kind: str) -> int:
    """Decode the clip; give how many packets late its first picture came."""
    context = opened(clip, count, kind)
    delay = -1
    for number, data in enumerate(clip.packets):
        packet = av.Packet(data)
        packet.pts = packet.dts = number
        if context.decode(packet) and delay < 0:
            delay = number
    context.decode(None)
    return delay


def row(clip: Clip, count: int, kind: str, n_streams: int) -> tuple[float, float, int]:
    """Frames a second of all streams together, CPU ms a frame, delay in frames."""
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(n_streams) as pool:
        delays = list(pool.map(lambda _: decode(clip, count, kind), range(n_streams)))
    n_frames = n_streams * len(clip.packets)
    wall_s = time.perf_counter() - began
    return n_frames / wall_s, 1e3 * (time.process_time() - cpu) / n_frames, max(delays)


def threads_table(clips: list[tuple[str, Clip]], streams: tuple[int, ...], repeats: int) -> None:
    """Print frames a second, CPU and delay by threads; the median of some rounds."""
    heads = " | ".join(f"{n} at once: fps | CPU ms" for n in streams)
    print(f"| stream | threads | {heads} | delay, frames |")
    print("|---|---|" + "---|---|" * len(streams) + "---|")
    for name, clip in clips:
        for label, count, kind in THREADS:
            cells, delay = [], 0
            for n_streams in streams:
                rows = [row(clip, count, kind, n_streams) for _ in range(repeats)]
                fps, cpu = (median(r[i] for r in rows) for i in (0, 1))
                cells.append(f"{fps:.0f} | {cpu:.1f}")
                delay = rows[0][2]
            print(f"| {name} | {label} | {' | '.join(cells)} | {delay} |", flush=True)


def looks_table(clips: list[tuple[str, Clip]], repeats: int) -> None:
    """Print the CPU of one keyframe by shortcut, and how far the gate's small luma is off."""
    print("| keyframes of | shortcut | CPU ms each | small luma, mean error | worst pixel |")
    print("|---|---|---|---|---|")
    for name, clip in clips:
        keyframes = [d for d, is_key in zip(clip.packets, clip.is_keyframe, strict=True) if is_key]
        wanted: list[NDArray[np.uint8]] = []
        for label, options in LOOKS.items():
            costs, small = [], []
            context = opened(clip, 1, "SLICE", options)
            for data in keyframes * repeats:
                began = time.thread_time()
                pictures = context.decode(av.Packet(data)) + context.decode(None)
                context.flush_buffers()
                costs.append(1e3 * (time.thread_time() - began))
                plane = pictures[0].planes[0]
                luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                small.append(shrunk(luma[:, : plane.width], 160))
            wanted = wanted or small
            off = np.abs(np.stack(small).astype(int) - np.stack(wanted))
            print(f"| {name} | {label} | {median(costs):.2f} | {off.mean():.2f} | {off.max()} |")


def concealed(stream: Stream, packets: Sequence[Packet]) -> dict[int, Plane]:
    """What FFmpeg shows as it comes, without what it marks as corrupt; luma by number."""
    context: Any = av.CodecContext.create(stream.codec, "r")
    context.thread_count = 1
    shown: dict[int, Plane] = {}
    for packet in [*packets, None]:
        coded_packet = None if packet is None else av.Packet(packet.data)
        if packet is not None and coded_packet is not None:
            coded_packet.pts = round(packet.pts * coded.FPS)
        for frame in context.decode(coded_packet):
            if not frame.is_corrupt:
                shown[frame.pts] = frame.to_ndarray()[: frame.height]
    return shown


def damage_table(n_trials: int) -> None:
    """Print in how many trials a visibly wrong picture was shown, one packet spoilt in each."""
    print("| stream | damage | FFmpeg as it comes | `software` |")
    print("|---|---|---|---|")
    for stream, profile, b_frames in (
        (coded.RTSP, "high", 0),
        (coded.RTSP, "baseline", 0),
        (coded.RTSP, "high", 2),
        (coded.HEVC, "", 0),
    ):
        packets = coded.coded(stream.codec, profile=profile, b_frames=b_frames)
        whole = concealed(stream, packets)
        name = f"{stream.codec} {profile}{', B-frames' if b_frames else ''}"
        for how in ("lost", "cut", "hole", "flips"):
            rng = random.Random(3)
            n_wrong = [0, 0]
            for _ in range(n_trials):
                place = rng.randrange(coded.GOP + 1, 2 * coded.GOP - 2)
                spoilt = (
                    coded.without(packets, place)
                    if how == "lost"
                    else coded.damaged(packets, place, how, rng)
                )
                ours = coded.by_number(coded.decoded(SoftwareDecoder(stream), spoilt))
                for way, shown in enumerate((concealed(stream, spoilt), ours)):
                    n_wrong[way] += any(
                        coded.is_visibly_wrong(luma, whole[number])
                        for number, luma in shown.items()
                    )
            print(f"| {name} | {how} | {n_wrong[0]} | {n_wrong[1]} |", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, default=40)
    args = parser.parse_args()
    av.logging.set_level(None)
    shared = shared_folder()
    source = shared / "clips" / "traffic_camera.mp4" if shared else None
    print(f"scene: {source.name if source else 'moving noise'}, {args.frames} frames\n")
    clips = [
        (f"{size} {codec}", encoded(source, codec, size, args.frames))
        for size in ("720p", "1080p")
        for codec in ENCODERS
    ]
    sliced = ("1080p h264, 4 slices", encoded(source, "h264", "1080p", args.frames, slices=4))
    threads_table([*clips, sliced], (1, 4), args.repeats)
    print()
    large = ("2160p hevc", encoded(source, "hevc", "2160p", args.frames // 2))
    threads_table([large], (1,), args.repeats)
    print()
    looks_table([*clips, large], args.repeats)
    print(f"\n{args.trials} trials each")
    damage_table(args.trials)
    return 0


if __name__ == "__main__":
    sys.exit(main())

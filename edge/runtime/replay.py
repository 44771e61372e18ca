"""Replay: a recording through one camera's rules, as fast as it goes. Deterministic.

The same straight line as a camera in service, without its threads: nothing is skipped, times are
the recording's own, and identifiers come from the recording's hash instead of chance.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from edge.config import Config
from edge.config.schema import Camera
from edge.decoders import Decoder, Picture
from edge.decoders.software import SoftwareDecoder
from edge.detectors import Engine
from edge.digest import file_digest
from edge.errors import ConfigError, InputError
from edge.event import Event
from edge.frame import Stamp
from edge.gates import Rate
from edge.packet import Packet
from edge.pipeline import Step
from edge.runtime.recorded import TracksFile
from edge.runtime.wiring import pipeline_of, rules_of
from edge.sources.file import Options as FileOptions

THE_END = "the recording ended"
"""Why what was open at the end is ended."""


def camera_named(config: Config, name: str) -> Camera:
    """One camera of a configuration.

    Raises:
        InputError: There is none of this name, or its file has problems.
    """
    for camera in config.cameras:
        if camera.camera == name:
            return camera
    for rejected, problems in config.rejected:
        if rejected == name:
            raise ConfigError("\n".join(map(str, problems)))
    known = ", ".join(camera.camera for camera in config.cameras) or "none"
    raise InputError(f"{config.folder}: no camera {name!r}; there are: {known}")


def steps(
    clip: Path, options: Camera, engine: Engine, *, start: datetime | None = None
) -> Iterator[Step | list[Event]]:
    """Go through a recording.

    Args:
        clip: The recording, in place of the camera's own source.
        options: The camera whose masks, gate, tracker and rules apply.
        engine: The detector.
        start: UTC of the first picture where that is known.

    Yields:
        A step for each analysed frame; at last the ends of what was still open.

    Raises:
        SourceError: The recording cannot be read.
        DetectorStalled: The engine failed: a replay does not go on without it.
    """
    source = FileOptions(kind="file", path=clip, realtime=False).open(start=start)
    try:
        yield from analysed(source.packets(), SoftwareDecoder(source.stream), options, engine)
    finally:
        source.close()


def analysed(
    packets: Iterable[Packet], decoder: Decoder, options: Camera, engine: Engine
) -> Iterator[Step | list[Event]]:
    """Go through packets as through a recording.

    Args:
        packets: All of them, from a keyframe on.
        decoder: For them; closed at the end.
        options: The camera whose masks, gate, tracker and rules apply.
        engine: The detector.

    Yields:
        As `steps`.

    Raises:
        DetectorStalled: The engine failed.
    """
    pipeline = pipeline_of(options, engine)
    rate = Rate(options.analyse.fps)
    stamp: Stamp | None = None
    index = 0

    def pictures() -> Iterator[Picture]:
        for packet in packets:
            yield from decoder.decode(packet)
        yield from decoder.flush()

    try:
        for picture in pictures():
            if rate.is_due(picture.packet.pts):
                frame = picture.frame(options.camera, index)
                stamp = frame.stamp
                index += 1
                yield pipeline.step(frame)
    finally:
        decoder.close()
    if stamp is not None:
        yield pipeline.close(stamp, THE_END)


def judged(tracks: TracksFile, options: Camera) -> Iterator[list[Event]]:
    """Go through recorded tracks with a camera's rules; nothing is decoded or detected.

    Args:
        tracks: What was followed.
        options: The camera whose rules apply.

    Yields:
        The events of each frame; at last the ends of what was still open.

    Raises:
        InputError: A line of the file is damaged.
    """
    rules = rules_of(options)
    stamp: Stamp | None = None
    for seen in tracks.frames():
        stamp = seen.stamp
        if seen.tracks is not None:
            yield [event for rule in rules for event in rule.update(seen.tracks)]
        else:
            yield []
    if stamp is not None:
        yield [event for rule in rules for event in rule.close(stamp, THE_END)]


def digest_of(clip: Path) -> str:
    """SHA-256 of a recording, in hex.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return file_digest(clip)
    except OSError as exc:
        raise InputError(f"{clip}: cannot be read: {exc.strerror}; check the path") from None


def repeatable(clip_sha256: str) -> Callable[[int], bytes]:
    """Random bytes that are the same each time the same recording is replayed."""
    return random.Random(bytes.fromhex(clip_sha256)).randbytes  # noqa: S311 - no secrets

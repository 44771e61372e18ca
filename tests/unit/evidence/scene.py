"""A camera's packets, its recorder and who listens: what tests of evidence are made of."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import numpy as np

from edge.detections import Detections, ModelRef
from edge.event import Event, Phase, Sighting
from edge.evidence.case import Footage
from edge.evidence.policy import Policy
from edge.evidence.recorder import Recorder
from edge.evidence.sidecar import Sidecar, read
from edge.evidence.witness import Witness
from edge.frame import Frame, Stamp
from edge.masks import Masks
from edge.message import EventMessage, Evidence, Origin, compose
from edge.options import Point
from edge.packet import Packet, Stream
from edge.pipeline import Step
from edge.ring import Ring
from edge.sources.file import Options as FileOptions
from edge.uuid7 import unix_ms, uuid7
from tests.servers import eventually

ORIGIN = Origin("westminster", "cabinet-017", "9b1e77aa" + "0" * 56)
MODEL = ModelRef("yolox-nano", "3fa1c2d4" + "0" * 56, ("person", "car"))
AT = datetime(2026, 11, 23, 9, 27, 38, 123000, tzinfo=timezone.utc)


@dataclass
class Feed:
    """One connection, as the reader has it."""

    stream: Stream
    ring: Ring


def packets_of(clip: Path) -> tuple[Stream, list[Packet]]:
    """All of a recording."""
    source = FileOptions(kind="file", path=clip, realtime=False).open(start=AT)
    return source.stream, list(source.packets())


def feed_of(clip: Path, *, seconds: float = 60.0) -> tuple[Feed, list[Packet]]:
    """A ring to which nothing has come yet, and what will come."""
    stream, packets = packets_of(clip)
    return Feed(stream, Ring(seconds=seconds, max_bytes=2**26)), packets


@dataclass
class Room:
    """A control room, and an audit log: what they were told."""

    updates: list[tuple[EventMessage, Sequence[Evidence], str]] = field(default_factory=list)
    audit: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def hear(self, message: EventMessage, evidence: Sequence[Evidence], reason: str) -> None:
        self.updates.append((message, evidence, reason))

    def note(self, what: str, details: Mapping[str, object]) -> None:
        self.audit.append((what, details))

    @property
    def refs(self) -> list[str]:
        return [one.ref for _, evidence, _ in self.updates for one in evidence]

    @property
    def reasons(self) -> list[str]:
        return [reason for _, _, reason in self.updates if reason]


@contextmanager
def recording(evidence: Path, room: Room, **more: Any) -> Iterator[Recorder]:
    """A recorder at work."""
    recorder = Recorder(evidence, room.hear, record=room.note, **more)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.close()


def a_witness(
    recorder: Recorder,
    evidence: Path,
    feed: Footage,
    *,
    masks: Sequence[Sequence[Point]] = (),
    **policy: Any,
) -> Witness:
    """One camera's."""
    witness = Witness(
        "gate",
        recorder,
        evidence,
        origin=lambda: ORIGIN,
        policy=Policy(**policy),
        masks=Masks(masks),
        purposes={"gate-in": "to see who comes in after hours"},
    )
    witness.follow(feed)
    return witness


def an_event(phase: Phase = "pulse", *, key: str = "", **changes: Any) -> Event:
    """An alert about one person."""
    return Event(
        **{
            "camera": "gate",
            "kind": "line_crossed" if phase == "pulse" else "zone_entered",
            "phase": phase,
            "at": AT,
            "clock_ms": 40,
            "priority": "alert",
            "rule": "gate-in",
            "key": key,
            "where": "gate",
            "objects": (Sighting(17, "person", 0.87, (0.4, 0.3, 0.1, 0.5)),),
            "model": str(MODEL),
            **changes,
        }
    )


_numbers = iter(range(1, 10**6))


def sent(event: Event, incident: str = "") -> bytes:
    """The event as the outbox would have stored it."""
    number = next(_numbers)
    name = uuid7(unix_ms(event.at), number.to_bytes(10, "big"))
    return compose(event, ORIGIN, id=name, seq=number, incident=incident or name)[1]


def a_step(
    pts: float,
    frame: Frame | None = None,
    *,
    boxes: Sequence[Sequence[float]] = ((128, 54, 160, 144),),
    size_wh: tuple[int, int] = (320, 180),
) -> Step:
    """A picture, and one person in it."""
    stamp = Stamp("gate", 0, pts, AT, 40)
    frame = frame or a_frame(stamp, size_wh)
    found = Detections(
        frame.stamp,
        frame.size_wh,
        MODEL,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.87, np.float32),
        np.zeros(len(boxes), np.int32),
    )
    return Step(frame, found, None, [])


def a_frame(stamp: Stamp, size_wh: tuple[int, int] = (320, 180)) -> Frame:
    """Noise, in which every pixel's loss can be seen."""
    width, height = size_wh
    half = ((height + 1) // 2, (width + 1) // 2)
    random = np.random.default_rng(7)
    y, u, v = (random.integers(16, 235, shape, np.uint8) for shape in ((height, width), half, half))
    return Frame(stamp, y, u, v)


def play(feed: Feed, packets: Sequence[Packet]) -> None:
    """Let packets come."""
    for packet in packets:
        feed.ring.append(packet)


def items(evidence: Path) -> list[Sidecar]:
    """Everything listed, in the order of names."""
    return [read(path) for path in sorted(evidence.glob("*/*/*.json"))]


def media(evidence: Path, item: Sidecar) -> Path:
    """An item's file."""
    return evidence / item.day / item.camera / item.ref


def listed(evidence: Path, n: int) -> list[Sidecar]:
    """Everything listed, once there are so many."""
    assert eventually(lambda: len(items(evidence)) >= n, 20), items(evidence)
    return items(evidence)


def coded(path: Path) -> tuple[Stream, list[bytes]]:
    """A file's packets, as they are in it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context: Any = stream.codec_context
        told = Stream(context.name, bytes(context.extradata or b""), (0, 0), 0.0)
        return told, [bytes(packet) for packet in container.demux(stream) if packet.size]


def decoded(path: Path) -> list[Any]:
    """A clip's pictures, (H, W, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def complaints(path: Path) -> str:
    """What FFmpeg itself says of a file while it decodes all of it."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr

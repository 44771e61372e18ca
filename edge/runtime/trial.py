"""Trial: what rules would have said, on what is remembered or recorded. Nothing is published.

Runs in a thread of its own below normal priority, one at a time; the network it asks is the one in
service, one picture after the other, so that cameras wait for it as for one more camera.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from edge.config.schema import Camera as CameraOptions
from edge.decoders.software import SoftwareDecoder
from edge.detectors import Engine
from edge.event import Event
from edge.frame import Stamp
from edge.packet import Packet, Stream
from edge.pipeline import Step
from edge.runtime.replay import THE_END, analysed, steps
from edge.runtime.wiring import rules_of
from edge.tracks import Tracks

T = TypeVar("T")

_Judged: TypeAlias = "tuple[float | None, list[Event]]"
"""When a picture was, None after the last one; and what the rules said."""

NICE = 10
MOST_S = 120.0
"""Of computing; what was not reached by then is said to be left out."""

MOST_EVENTS = 1000


def of_packets(
    options: CameraOptions, engine: Engine, stream: Stream, packets: Iterable[Packet]
) -> dict[str, Any]:
    """What a camera's rules say of packets.

    Args:
        options: The camera as it is to be tried.
        engine: Its detector.
        stream: What the packets are of.
        packets: From a keyframe on.
    """
    return _judged(_of_steps(analysed(packets, SoftwareDecoder(stream), options, engine)))


def of_tracks(options: CameraOptions, turns: Iterable[Iterable[Tracks]]) -> dict[str, Any]:
    """What a camera's rules say of remembered tracks; nothing is decoded or detected.

    Args:
        options: The camera whose rules, zones, lines and calibration apply.
        turns: Of each start of the camera, in order.
    """
    return _judged(_of_turns(options, turns))


def of_clip(options: CameraOptions, engine: Engine, clip: Path) -> dict[str, Any]:
    """What a camera's rules say of a recording.

    Raises:
        SourceError: It cannot be read.
    """
    return _judged(_of_steps(steps(clip, options, engine)))


def told(event: Event) -> dict[str, Any]:
    """An event for a page: what the message would say, without its number."""
    return {
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "rule": event.rule,
        "kind": event.kind,
        "phase": event.phase,
        "where": event.where,
        "direction": event.direction,
        "reason": event.reason,
        "tracks": [one.track for one in event.objects],
        "objects": [
            {
                "track": one.track,
                "class": one.label,
                "confidence": round(one.confidence, 2),
                "box": [round(side, 4) for side in one.box],
            }
            for one in event.objects
        ],
    }


def below_normal(work: Callable[[], T]) -> T:
    """Do something slowly, so that cameras do not notice; waits for it.

    Raises:
        Exception: What the work raised.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            # Of this thread alone on Linux; it cannot be taken back, so the thread ends with it.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
            done.append(work())
        except BaseException as why:  # noqa: BLE001 - raised again where it was asked for
            failed.append(why)

    thread = threading.Thread(target=run, name="trial", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _of_steps(found: Iterable[Step | list[Event]]) -> Iterator[_Judged]:
    """What a replay found, by stream time."""
    for step in found:
        if isinstance(step, list):
            yield None, step
        else:
            yield step.frame.stamp.pts, step.events


def _of_turns(options: CameraOptions, turns: Iterable[Iterable[Tracks]]) -> Iterator[_Judged]:
    """What rules say of tracks, by UTC: stream time begins anew with each turn."""
    for turn in turns:
        rules = rules_of(options)
        stamp: Stamp | None = None
        for tracks in turn:
            stamp = tracks.stamp
            events = [event for rule in rules for event in rule.update(tracks)]
            yield stamp.captured_at.timestamp(), events
        if stamp is not None:
            yield None, [event for rule in rules for event in rule.close(stamp, THE_END)]


def _judged(found: Iterable[_Judged]) -> dict[str, Any]:
    """Events of rules, and how much of the video they are from."""
    give_up_at = time.monotonic() + MOST_S
    events: list[dict[str, Any]] = []
    first = last = 0.0
    n_frames = 0
    is_cut = False
    for pts, said in found:
        if pts is not None:
            first, last = (pts if n_frames == 0 else first), pts
            n_frames += 1
        events += [{**told(e), "pts": round(last - first, 2)} for e in said if e.rule]
        if time.monotonic() > give_up_at or len(events) > MOST_EVENTS:
            is_cut = True
            break
    return {
        "events": events[:MOST_EVENTS],
        "seconds": round(last - first, 2),
        "frames": n_frames,
        "is_cut": is_cut,
    }

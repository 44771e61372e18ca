"""`edge replay`: a recording through a camera's rules; same input, same events."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from edge.annotate import Annotator, caption
from edge.cli import FINE, add_config
from edge.config import Config, load
from edge.config.schema import Camera
from edge.detectors import Models, open_engine, unbatched
from edge.errors import InputError
from edge.event import Event
from edge.pipeline import Step
from edge.runtime.recorded import SUFFIX, TracksFile, header, row
from edge.runtime.replay import camera_named, digest_of, judged, repeatable, steps
from edge.runtime.service import origin_of
from edge.runtime.wiring import scene_of
from edge.sinks import Outbox
from edge.site.film import Film

HELP = "run a recording through a camera's rules, as fast as it goes; same input, same events"
EXAMPLE = (
    "edge replay clips/street.mp4 --camera high-street-north --config /etc/edge --out events.jsonl"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "clip",
        type=Path,
        metavar="CLIP",
        help="the recording; or the tracks of one (.jsonl), for which nothing is decoded",
    )
    parser.add_argument("--camera", required=True, metavar="ID", help="whose rules apply")
    add_config(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write one message a line (default: to stdout)"
    )
    parser.add_argument("--video", type=Path, metavar="FILE", help="write an annotated video")
    parser.add_argument(
        "--tracks-out",
        type=Path,
        metavar="FILE.jsonl",
        help="keep what was followed, to try other rules on it within seconds",
    )
    parser.add_argument(
        "--start",
        type=_moment,
        metavar="UTC",
        help="when the recording began, such as 2026-11-23T09:00:00Z (default: what its container "
        "says, else 1970, so that times read as seconds into the clip)",
    )


def run(args: argparse.Namespace) -> int:
    """Replay."""
    config = load(args.config)
    options = camera_named(config, args.camera)
    origin = origin_of(config)
    if args.tracks_out and args.tracks_out.suffix != SUFFIX:
        raise InputError(f"--tracks-out {args.tracks_out}: expected a name that ends in {SUFFIX}")
    with ExitStack() as stack:
        replayed, clip_sha256 = (
            _tracks(args, options)
            if args.clip.suffix == SUFFIX
            else _recording(args, config, options, stack)
        )
        out = stack.enter_context(_writable(args.out)) if args.out else sys.stdout.buffer
        outbox = Outbox(None, randomness=repeatable(clip_sha256))
        stack.callback(outbox.close)
        n_events = 0
        for events in replayed:
            for event in events:
                for stored in outbox.append(event, origin):
                    out.write(stored.payload + b"\n")
                    n_events += 1
                if args.out:
                    print(f"{event.at:%H:%M:%S.%f}"[:-3], caption(event))
    print(f"edge replay: {n_events} messages", file=sys.stderr)
    return FINE


def _recording(
    args: argparse.Namespace, config: Config, options: Camera, stack: ExitStack
) -> tuple[Iterator[list[Event]], str]:
    """The events of a recording step by step, and its SHA-256."""
    clip_sha256 = digest_of(args.clip)
    models = Models.on_this_machine(config.appliance.storage.path)
    detector = config.appliance.detectors[options.analyse.detector]
    engine, reason = open_engine(detector, models, unbatched)
    stack.callback(engine.close)
    if reason:
        print(f"edge replay: {reason}", file=sys.stderr)
    video = None
    if args.video:
        _writable(args.video).close()
        video = Film(args.video, options.analyse.fps)
        stack.callback(video.close)
    kept = stack.enter_context(_writable(args.tracks_out)) if args.tracks_out else None

    def events() -> Iterator[list[Event]]:
        annotator = Annotator(scene_of(options))
        n_frames = 0
        if kept:
            kept.write(header(options.camera, clip_sha256, engine.model).encode())
        for step in steps(args.clip, options, engine, start=args.start):
            if not isinstance(step, Step):
                yield step
                continue
            n_frames += 1
            if video:
                video.add(annotator.draw(step))
            if kept:
                kept.write(row(step).encode())
            yield step.events
        print(
            f"edge replay: {n_frames} frames analysed, model {engine.model}",
            file=sys.stderr,
        )

    return events(), clip_sha256


def _tracks(args: argparse.Namespace, options: Camera) -> tuple[Iterator[list[Event]], str]:
    """The events of recorded tracks frame by frame, and the SHA-256 of what they were made from."""
    for name in ("video", "tracks_out", "start"):
        if getattr(args, name) is not None:
            raise InputError(
                f"--{name.replace('_', '-')} needs a recording; {args.clip} holds tracks only"
            )
    tracks = TracksFile(args.clip)
    if tracks.camera != options.camera:
        raise InputError(
            f"{args.clip}: tracks of camera {tracks.camera!r}, expected {options.camera!r}; "
            f"replay them with --camera {tracks.camera}"
        )
    return judged(tracks, options), tracks.clip_sha256


def _writable(path: Path) -> BinaryIO:
    """A file opened for writing.

    Raises:
        InputError: It cannot be.
    """
    try:
        return path.open("wb")
    except OSError as exc:
        raise InputError(
            f"{path}: cannot be written: {exc.strerror}; check the folder and its permissions"
        ) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-23T09:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

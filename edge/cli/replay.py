"""`edge replay`: a recording through a camera's rules; same input, same events."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from edge.annotate import Annotator, caption
from edge.cli import FINE, add_config
from edge.config import load
from edge.detectors import Models, open_engine, unbatched
from edge.event import Event
from edge.message import Origin
from edge.pipeline import Step
from edge.runtime.replay import camera_named, repeatable, steps
from edge.runtime.wiring import scene_of
from edge.sinks import Outbox
from edge.site.film import Film

HELP = "run a recording through a camera's rules, as fast as it goes; same input, same events"
EXAMPLE = (
    "edge replay clips/street.mp4 --camera high-street-north --config /etc/edge --out events.jsonl"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("clip", type=Path, metavar="CLIP", help="the recording")
    parser.add_argument("--camera", required=True, metavar="ID", help="whose rules apply")
    add_config(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write one message a line (default: to stdout)"
    )
    parser.add_argument("--video", type=Path, metavar="FILE", help="write an annotated video")
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
    detector = config.appliance.detectors[options.analyse.detector]
    models = Models.on_this_machine(config.appliance.storage.path)
    engine, reason = open_engine(detector, models, unbatched)
    if reason:
        print(f"edge replay: {reason}", file=sys.stderr)
    origin = Origin(config.appliance.site, config.appliance.node, config.sha256)
    outbox = Outbox(None, randomness=repeatable(args.clip))
    annotator = Annotator(scene_of(options))
    n_frames = n_events = 0
    with ExitStack() as stack:
        stack.callback(engine.close)
        stack.callback(outbox.close)
        out = stack.enter_context(args.out.open("wb")) if args.out else sys.stdout.buffer
        video = Film(args.video, options.analyse.fps) if args.video else None
        if video:
            stack.callback(video.close)
        for step in steps(args.clip, options, engine, start=args.start):
            events: list[Event] = step.events if isinstance(step, Step) else step
            for event in events:
                for stored in outbox.append(event, origin):
                    out.write(stored.payload + b"\n")
                    n_events += 1
                if args.out:
                    print(f"{event.at:%H:%M:%S.%f}"[:-3], caption(event))
            if isinstance(step, Step):
                n_frames += 1
                if video:
                    video.add(annotator.draw(step))
    print(
        f"edge replay: {n_frames} frames analysed, {n_events} messages, model {engine.model}",
        file=sys.stderr,
    )
    return FINE


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-23T09:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

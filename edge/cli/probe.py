"""`edge probe`: one stream, looked at for a few seconds."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from edge.cli import FINE
from edge.config import load
from edge.detectors import Models
from edge.errors import InputError
from edge.files import write_atomically
from edge.runtime.replay import camera_named
from edge.site.commission.pictures import shown
from edge.site.probe import Findings, advice, probe, source_of
from edge.snapshot import jpeg

HELP = "open a stream; say codec, size, fps, keyframes, loss and clock, and what to change"
EXAMPLE = "edge probe --camera high-street-north --config /etc/edge --snapshot camera.jpg"

MAX_JPEG_BYTES = 4 * 2**20


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "url", nargs="?", metavar="URL", help="rtsp://, rtsps://, http://, https:// or a recording"
    )
    which.add_argument("--camera", metavar="ID", help="a camera of --config, with its login")
    parser.add_argument(
        "--config", type=Path, metavar="DIR", help="configuration folder, for --camera"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="how long to look at it (10); at least 1"
    )
    parser.add_argument(
        "--transport", choices=("tcp", "udp"), default="tcp", help="for rtsp:// (tcp)"
    )
    parser.add_argument(
        "--snapshot",
        type=Path,
        metavar="FILE",
        help="keep a picture: of a URL as it comes; of a camera masked, and people pixelated as "
        "its policy says",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for scripts")


def run(args: argparse.Namespace) -> int:
    """Look, and say."""
    if not 1.0 <= args.seconds <= 3600.0:
        raise InputError(f"--seconds {args.seconds:g}: expected 1 to 3600")
    if (args.camera is None) != (args.config is None):
        raise InputError("--camera and --config: expected both or none of them")
    if args.camera is None:
        found, picture = probe(source_of(args.url, args.transport), args.seconds)
    else:
        config = load(args.config)
        camera = camera_named(config, args.camera)
        found, _ = probe(camera.source, args.seconds)
        if args.snapshot is not None:
            models = Models.on_this_machine(config.appliance.storage.path)
            picture, _ = shown(config, camera, models)
    if args.snapshot is not None:
        coded, _ = jpeg(picture, MAX_JPEG_BYTES)
        try:
            write_atomically(args.snapshot, coded, mode=0o644)
        except OSError as exc:
            raise InputError(f"--snapshot {args.snapshot}: {exc.strerror}") from exc
    told = advice(found)
    if args.json:
        print(json.dumps({**asdict(found), "advice": told}, indent=2))
        return FINE
    for name, value in _lines(found):
        print(f"{name:14} {value}")
    for words in told:
        print(f"-> {words}")
    return FINE


def _lines(found: Findings) -> list[tuple[str, str]]:
    width, height = found.size_wh
    nominal = f", says {found.nominal_fps:.3g}" if found.nominal_fps else ""
    keyframes = "less than two came"
    if found.keyframe_s is not None and found.longest_keyframe_s is not None:
        keyframes = f"every {found.keyframe_s:.2f} s, at most {found.longest_keyframe_s:.2f} s"
    if found.keyframe_kib is not None:
        keyframes += f", {found.keyframe_kib:.0f} KiB each"
    return [
        ("stream", found.address),
        ("video", f"{found.codec} {width}x{height}"),
        ("rate", f"{found.fps:.4g} fps{nominal}; {found.kbit_s:.0f} kbit/s"),
        ("keyframes", keyframes),
        ("first picture", f"after {found.first_picture_s:.2f} s"),
        ("loss", f"{found.n_damaged} damaged or missing of {found.n_packets}"),
        ("gaps", f"{found.n_late}; packets at most {found.jitter_ms:.0f} ms late (95 %)"),
        ("clock", found.clock),
    ]

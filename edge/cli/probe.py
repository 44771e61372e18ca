"""`edge probe`: one stream, looked at for a few seconds."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.cli import FINE
from edge.errors import InputError
from edge.files import write_atomically
from edge.options import kinds
from edge.site.probe import Findings, advice, probe
from edge.snapshot import jpeg
from edge.sources import SourceOptions

HELP = "open a stream; say codec, size, fps, keyframes, loss and clock, and what to change"
EXAMPLE = "edge probe rtsp://user:password@192.168.1.20/stream1 --snapshot camera.jpg"

MAX_JPEG_BYTES = 4 * 2**20


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "url", metavar="URL", help="rtsp://, rtsps://, http://, https:// or a recording"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="how long to look at it (10); at least 1"
    )
    parser.add_argument(
        "--transport", choices=("tcp", "udp"), default="tcp", help="for rtsp:// (tcp)"
    )
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="keep the first picture")
    parser.add_argument("--json", action="store_true", help="one JSON object for scripts")


def run(args: argparse.Namespace) -> int:
    """Look, and say."""
    if not 1.0 <= args.seconds <= 3600.0:
        raise InputError(f"--seconds {args.seconds:g}: expected 1 to 3600")
    found, picture = probe(_options(args.url, args.transport), args.seconds)
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


def _options(url: str, transport: str) -> SourceOptions:
    """The options of a camera file for this address.

    Raises:
        InputError: It is no address and no file; says no part of it that may be a password.
    """
    scheme, has_scheme, _ = url.partition("://")
    made: dict[str, Any]
    if not has_scheme:
        if not Path(url).is_file():
            raise InputError(f"{url}: no such recording; expected one, or rtsp://host/path")
        made = {"kind": "file", "path": Path(url), "realtime": False}
    elif scheme in ("http", "https"):
        made = {"kind": "http", "url": url}
    else:
        made = {"kind": "rtsp", "url": url, "transport": transport}
    try:
        options: SourceOptions = kinds("edge.sources")[made["kind"]].model_validate(made)  # type: ignore[assignment]
    except ValidationError as exc:
        words = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"URL: {words}") from None
    return options

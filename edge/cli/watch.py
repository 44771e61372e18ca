"""`edge watch`: alerts as they arrive, in a terminal, from any broker."""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.cli import FAILED, FINE
from edge.cli._typed import password
from edge.errors import InputError, MissingDependency
from edge.event import Kind, Priority
from edge.sinks import Heard, Subscriber, decode
from edge.sinks.mqtt import Options
from edge.site.watching import Filter, Line, Style, Watch

HELP = "show alerts as they arrive at a broker; with --audit, what is missing or came twice"
EXAMPLE = "edge watch mqtts://hub.example --ca-file ca.pem --site westminster --priority alert"

PASSWORD = "EDGE_MQTT_PASSWORD"  # noqa: S105 - the variable's name
_COLOURS: dict[Style, str] = {
    "alert": "1;31",
    "review": "33",
    "info": "2",
    "good": "32",
    "bad": "1;35",
    "plain": "0",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_broker(parser)
    shown = parser.add_argument_group("what is shown; each may be given several times")
    shown.add_argument("--site", action="append", default=[])
    shown.add_argument("--node", action="append", default=[])
    shown.add_argument("--camera", action="append", default=[])
    shown.add_argument("--kind", action="append", default=[], choices=Kind.__args__, metavar="KIND")  # type: ignore[attr-defined]
    shown.add_argument("--priority", action="append", default=[], choices=Priority.__args__)  # type: ignore[attr-defined]
    parser.add_argument(
        "--audit", action="store_true", help="say gaps and duplicates, and sum them up at the end"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seconds", type=float, help="stop after this time")
    parser.add_argument("--count", type=int, help="stop after this many events")


def add_broker(parser: argparse.ArgumentParser) -> None:
    """Add what says where to listen, and with which login."""
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="mqtts://host:port; without it, this machine's broker"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="DIR",
        help="take broker and login from a box's folder",
    )
    parser.add_argument("--root", help="first level of every topic (default cctv)")
    add_login(parser, "login")
    parser.add_argument(
        "--insecure", action="store_true", help="accept mqtt:// to another machine, in clear text"
    )


def add_login(parser: argparse.ArgumentParser, title: str) -> None:
    """Add what says who listens."""
    login = parser.add_argument_group(title)
    login.add_argument(
        "--username", help=f"its password is read from {PASSWORD}, --password-file, or asked for"
    )
    login.add_argument("--password-file", type=Path, metavar="FILE")
    login.add_argument("--ca-file", type=Path, metavar="FILE", help="who may vouch for the broker")
    login.add_argument("--cert-file", type=Path, metavar="FILE", help="certificate to show")
    login.add_argument("--key-file", type=Path, metavar="FILE", help="its private key")


def run(args: argparse.Namespace) -> int:
    """Print until interrupted.

    Returns:
        0; with --audit, 1 where something is missing that the box has not said itself.
    """
    options, folder = broker_of(args)
    shown = Filter(frozenset(args.camera), frozenset(args.kind), frozenset(args.priority))
    watch = Watch(shown, is_audit=args.audit)
    arrived: queue.SimpleQueue[Heard | str] = queue.SimpleQueue()
    with closing(Subscriber(options, folder, _topics(args, options), arrived.put, arrived.put)):
        place = options.addresses[0].place
        print(f"watching {place}; Ctrl-C ends it", file=sys.stderr, flush=True)
        try:
            _show(args, watch, arrived)
        except KeyboardInterrupt:
            print(file=sys.stderr)
    if not args.audit:
        return FINE
    for line in watch.report():
        _print(line, is_json=args.json)
    accounts = watch.accounts().values()
    if not accounts:
        print("no event arrived: nothing to audit", file=sys.stderr)
    return FINE if all(account.is_whole for account in accounts) else FAILED


def _show(args: argparse.Namespace, watch: Watch, arrived: queue.SimpleQueue[Heard | str]) -> None:
    deadline = time.monotonic() + args.seconds if args.seconds is not None else float("inf")
    while args.count is None or watch.n_shown < args.count:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        try:
            heard = arrived.get(timeout=min(left, 3600.0))
        except queue.Empty:
            continue
        if isinstance(heard, str):
            print(heard or "connected again", file=sys.stderr, flush=True)
            continue
        for line in watch.take(
            heard.topic,
            _decoded(heard),
            datetime.now(timezone.utc),
            is_replayed=heard.is_replayed,
        ):
            _print(line, is_json=args.json)


def _decoded(heard: Heard) -> object:
    """The message as an object; what cannot be read goes on as text, and is said to be unreadable.

    Raises:
        MissingDependency: It is CBOR, and its library is not installed.
    """
    if not heard.payload:
        return b""
    try:
        return decode(heard.payload, heard.content_type)
    except MissingDependency:
        raise
    except ValueError:
        return repr(heard.payload[:20])


def _print(line: Line, *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(line.data, ensure_ascii=False), flush=True)
    elif sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        print(f"\x1b[{_COLOURS[line.style]}m{line.text}\x1b[0m", flush=True)
    else:
        print(line.text, flush=True)


def _topics(args: argparse.Namespace, options: Options) -> list[str]:
    """Events and states of the boxes wanted. All events of each, or the numbers would have gaps."""
    return [
        f"{options.root}/v1/{site}/{node}/{what}"
        for site in args.site or ["+"]
        for node in args.node or ["+"]
        for what in ("status", "camera/+/status", "camera/+/event/#", "camera/+/live/#")
    ]


def broker_of(args: argparse.Namespace) -> tuple[Options, Path]:
    """Where to listen and with which login.

    Raises:
        InputError: What was given does not go together.
        ConfigError: `--config` names no usable configuration.
    """
    if args.config is not None:
        if args.url is not None:
            raise InputError("give a URL or --config, not both")
        from edge.config import load  # all there is to configure: not needed to listen

        config = load(args.config)
        return config.appliance.mqtt, config.folder
    written: dict[str, Any] = {
        "url": args.url or "mqtt://127.0.0.1:1883",
        "root": args.root or "cctv",
        "insecure": args.insecure,
        "username": args.username,
        "password": password_of(args),
        **{name: getattr(args, name) for name in ("ca_file", "cert_file", "key_file")},
    }
    try:
        return Options.model_validate(written), Path.cwd()
    except ValidationError as wrong:
        # `from None`: a url with a password in it must not be repeated.
        said = [error["msg"].removeprefix("Value error, ") for error in wrong.errors()]
        hint = said[0].replace("`username` and `password`", f"--username and {PASSWORD}")
        raise InputError(f"URL: {hint.replace('`insecure: true`', '--insecure')}") from None


def password_of(args: argparse.Namespace) -> str | None:
    """Of the file, the environment, or typed; None without a user."""
    if args.username is None:
        return None
    if args.password_file is not None:
        try:
            return str(args.password_file.read_text("utf-8")).strip()
        except OSError as exc:
            raise InputError(f"--password-file {args.password_file}: {exc.strerror}") from exc
    if PASSWORD in os.environ:
        return os.environ[PASSWORD]
    return password(f"password of {args.username}", f"set {PASSWORD}, or give --password-file")

"""`edge demo`: the main job with nothing to set up."""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from pydantic import ValidationError

from edge.cli import FAILED, FINE
from edge.demo.broker import DemoBroker
from edge.demo.setting import MODEL, ROOT, setting
from edge.demo.street import cached, clip_path
from edge.detectors import Models, pull
from edge.errors import InputError, ModelError
from edge.runtime.daemon import Daemon
from edge.sinks import Heard, Subscriber

HELP = "the main job with nothing to set up: simulated camera, broker, detector, rules, events"
EXAMPLE = "edge demo rtsp://user:password@192.168.1.20/stream1"

SECONDS_UNATTENDED = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="a real camera (rtsp://...) or a recording instead of the simulated street",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="end after N seconds of watching (default: on a terminal, when interrupted; "
        f"otherwise {SECONDS_UNATTENDED:.0f})",
    )
    parser.add_argument(
        "--offline", action="store_true", help="do not try to download the model's weights"
    )


def run(args: argparse.Namespace) -> int:
    """Run the appliance on one camera and print what comes back from the broker."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("edge.service").setLevel(logging.CRITICAL)  # what it says, events say too
    seconds = args.seconds
    if seconds is None and not sys.stdout.isatty():
        seconds = SECONDS_UNATTENDED
    _fetch_weights(offline=args.offline)
    source = _source(args.url)
    n_events = 0

    def heard(got: Heard) -> None:
        nonlocal n_events
        line = _line(got.topic, got.payload)
        if line:
            n_events += "/event/" in got.topic and '"rule"' in got.payload.decode()
            print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="edge-demo-") as storage, DemoBroker() as broker:
        try:
            listen = _listen()
            is_street = args.url is None
            config = setting(source, Path(storage), broker.port, is_street=is_street, listen=listen)
        except ValidationError as exc:
            # `from None`: pydantic quotes the address, password included.
            raise InputError(f"URL: {exc.errors(include_input=False)[0]['msg']}") from None
        with closing(Subscriber(config.appliance.mqtt, config.folder, [f"{ROOT}/v1/#"], heard)):
            daemon = Daemon(config)
            daemon.handle_signals()
            if seconds is not None:
                timer = threading.Timer(seconds, daemon.stop)
                timer.daemon = True  # an interrupt need not wait for it
                timer.start()
            print(f"watching {config.cameras[0].source.address}; events come back over MQTT from")
            print(f"  mqtt://127.0.0.1:{broker.port}  topic {ROOT}/v1/#")
            print(f"the device page is at http://{listen}/", flush=True)
            print('  each says "profile":"laboratory": this is a trial', flush=True)
            daemon.run()
            time.sleep(0.5)  # the last messages are on their way back from the broker
    print(f"{n_events} events" + ("" if n_events else ": nothing was seen to cross or enter"))
    return FINE if n_events else FAILED


def _listen() -> str:
    """The page's usual address, or a free port where somebody has it."""
    for port in (8080, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as free:
            return f"127.0.0.1:{free.getsockname()[1]}"
    raise InputError("no port of 127.0.0.1 is free for the device page")


def _fetch_weights(*, offline: bool) -> None:
    """Try to have the model; the demo runs without it, and says what is missing."""
    models = Models.on_this_machine()
    missing = _trouble(lambda: models.find(MODEL))
    if missing and not offline:
        print(f"no weights of {MODEL} here; downloading them ...", flush=True)
        missing = _trouble(lambda: pull(models.card(MODEL), Path("models"), timeout_s=20.0))
    if not missing:
        return
    print(f"NOTE: {missing}")
    print(
        "NOTE: watching with the motion detector instead: it sees that something moves, not what.\n"
        f"      Bring the file and run: edge model pull {MODEL} --from FILE",
        flush=True,
    )


def _trouble(fetch: Callable[[], Path]) -> str:
    """Why a model cannot be had; empty if it can."""
    try:
        fetch()
    except ModelError as exc:
        return str(exc)
    return ""


def _source(url: str | None) -> dict[str, Any]:
    """Options of the source: the street, a camera or a recording."""
    if url is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edge"
        if not clip_path(folder).exists():
            print("rendering the street, once; this takes about half a minute ...", flush=True)
        clip, _ = cached(folder)
        return {"kind": "file", "path": str(clip), "loop": True}
    if url.startswith(("rtsp://", "rtsps://")):
        return {"kind": "rtsp", "url": url}
    if Path(url).is_file():
        return {"kind": "file", "path": str(Path(url).resolve()), "loop": True}
    scheme = url.partition("://")[0] if "://" in url else "a file that does not exist"
    raise InputError(f"expected rtsp://host/path or a recording, got {scheme}")


def _line(topic: str, payload: bytes) -> str:
    """One arrived message in one line; empty for those that tell a viewer nothing."""
    if not payload:
        return ""
    message = json.loads(payload)
    place = topic.split("/", 4)[-1]
    if "/event/" in topic:
        who = ", ".join(
            f"{o['class']} {o['track']} ({o['confidence']:.2f})" for o in message.get("objects", ())
        )
        words = [
            message["at"][11:23],
            f"{message['kind']:16}",
            f"{message['phase']:6}",
            message.get("where", ""),
            message.get("direction", ""),
            who,
            shorten(message.get("reason", ""), 90),
        ]
        return f"  #{message['seq']:<5} " + " ".join(word for word in words if word)
    if place.endswith("status"):
        why = f": {shorten(message['why'], 90)}" if message.get("why") else ""
        return f"  [{place.removesuffix('/status')} {message['state']}{why}]"
    return ""

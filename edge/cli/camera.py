"""`edge camera add`: from an address, or from nothing but a network, to a camera's file.

What is not given is asked for on a terminal; without one the message names the option.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

from edge.cli import FINE, add_config
from edge.cli.discover import NOTHING, onvif_address, password_of
from edge.cli.schema import schema, text
from edge.config import Config, load
from edge.errors import EdgeError, InputError, SourceError
from edge.site.camera_file import Newcomer, Probed, add, choose, refuse_taken, with_login
from edge.site.discovery import MULTICAST, Camera, Login, discover, with_streams
from edge.site.probe import advice, probe, source_of

HELP = "add a camera: find it, look at its streams, write its file"
EXAMPLE = "edge camera add high-street-north --config /etc/edge --address 10.0.0.21 --user viewer"

MOST_STREAMS = 4
"""Of one camera that are looked at; some have a dozen profiles of the same two streams."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser(
        "add",
        help="look at a camera's streams and write its file; on a terminal it asks for the rest",
        epilog=f"example: {EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    adding.add_argument("camera", nargs="?", metavar="ID", help="such as high-street-north")
    add_config(adding)
    where = adding.add_argument_group("where it is; without any of these the network is asked")
    where.add_argument("--url", metavar="URL", help="address of its main stream")
    where.add_argument("--sub-url", metavar="URL", help="address of its second, smaller stream")
    where.add_argument(
        "--address", metavar="HOST[:PORT]", help="ask this one by ONVIF for its streams"
    )
    adding.add_argument(
        "--user",
        metavar="NAME",
        help="who logs in to it; the password is in EDGE_CAMERA_PASSWORD or asked for",
    )
    adding.add_argument("--name", help="what people call it (default: what it calls itself)")
    adding.add_argument("--detector", metavar="NAME", help="of appliance.yaml, if it has several")
    adding.add_argument(
        "--stream",
        choices=("auto", "main", "sub"),
        default="auto",
        help="which is analysed; auto: the main one, unless it is wider than detectors need",
    )
    adding.add_argument("--fps", type=float, default=8.0, help="pictures analysed a second (8)")
    adding.add_argument(
        "--transport", choices=("tcp", "udp"), default="tcp", help="for rtsp:// (tcp)"
    )
    adding.add_argument(
        "--seconds", type=float, default=5.0, help="how long each stream is looked at (5)"
    )
    adding.add_argument("--json", action="store_true", help="one JSON object for scripts")


def run(args: argparse.Namespace) -> int:
    """Find, look, write, and say what comes next."""
    if not 1.0 <= args.seconds <= 60.0:
        raise InputError(f"--seconds {args.seconds:g}: expected 1 to 60")
    config = load(args.config)
    if args.camera is not None:
        refuse_taken(config, args.camera)
    detector = _detector(args, config)
    device, urls = _addresses(args)
    camera = args.camera or _asked("ID", "id of the camera", _slug(device.name if device else ""))
    refuse_taken(config, camera)
    name = args.name
    if name is None:
        name = device.name if device else ""
        name = _asked("--name", "what people call it", name) if _is_terminal() else name
    streams = _probed(urls, args)
    main, sub = choose(streams, args.stream)
    if _is_terminal() and len(streams) > 1 and args.stream == "auto":
        default = "sub" if sub else "main"
        wanted = _asked("--stream", "analyse the main or the sub stream", default)
        if wanted not in ("main", "sub"):
            raise InputError(f"{wanted}: expected main or sub")
        main, sub = choose(streams, wanted)  # type: ignore[arg-type]
    newcomer = Newcomer(camera, name, main, sub, args.transport, detector, args.fps)
    added = add(config, newcomer, text(schema("camera")), datetime.now(timezone.utc))
    told = advice(newcomer.analysed.found)
    told += [str(problem).splitlines()[0] for problem in added.warnings]
    then = _next(config, args.config, camera)
    if args.json:
        said = {
            "camera": camera,
            "file": str(added.file),
            "secrets": list(added.secrets),
            "analysed": newcomer.analysed.found.address,
            "streams": [asdict(stream.found) for stream in streams],
            "advice": told,
            "next": then,
        }
        print(json.dumps(said, indent=2, ensure_ascii=False))
        return FINE
    for words in told:
        print(f"-> {words}")
    print(f"{camera}: {newcomer.analysed.found.address} is analysed by detector {detector}")
    print(f"written: {added.file}")
    if added.secrets:
        print(f"user and password: {args.config / 'secrets.yaml'}, as {', '.join(added.secrets)}")
    print("next:")
    for number, words in enumerate(then, 1):
        print(f"  {number}. {words}")
    return FINE


def _next(config: Config, folder: Path, camera: str) -> list[str]:
    page = "write zones, lines and rules into its file"
    if config.appliance.web is not None:
        page = f"draw zones, lines and rules for {camera} on the page, http://{config.appliance.web.listen}"
        page = page.replace("http:", "https:") if config.appliance.web.cert_file else page
    return [
        f"systemctl reload edge, and {camera} is watched",
        page,
        f"edge check --config {folder}",
        f"edge commission --config {folder}",
    ]


def _detector(args: argparse.Namespace, config: Config) -> str:
    there = sorted(config.appliance.detectors)
    if args.detector is None and len(there) == 1:
        return there[0]
    wanted = args.detector or _asked("--detector", f"detector ({', '.join(there)})", there[0])
    if wanted not in there:
        raise InputError(f"--detector {wanted}: appliance.yaml has {', '.join(there)}")
    return str(wanted)


def _addresses(args: argparse.Namespace) -> tuple[Camera | None, list[str]]:
    """The camera, where ONVIF was asked, and its streams with credentials."""
    if args.url is not None and args.address is not None:
        raise InputError("give --url or --address, not both")
    if args.sub_url is not None and args.url is None:
        raise InputError("--sub-url needs --url")
    url, device = args.url, None
    if url is None and args.address is None:
        if not _is_terminal():
            raise InputError(
                "no terminal to ask on: give --url rtsp://HOST/PATH, or --address HOST for a "
                "camera that speaks ONVIF; `edge discover` lists those"
            )
        picked = _picked(_found(MULTICAST, needs_one=False))
        url, device = (picked, None) if isinstance(picked, str) else (None, picked)
    elif url is None:
        device = _found(onvif_address(args.address), needs_one=True)[0]
    if url is not None:
        urls = [url, *([args.sub_url] if args.sub_url else [])]
        if args.user is None:
            return None, urls
        password = password_of(args.user)
        return None, [with_login(one, args.user, password) for one in urls]
    assert device is not None
    user = args.user or _asked("--user", f"user at {device.address}", "")
    login = Login(user, password_of(user))
    device = with_streams(device, login)
    if device.refusal:
        raise EdgeError(f"{device.address}: {device.refusal}")
    there = device.streams[:MOST_STREAMS]
    return device, [with_login(one, login.user, login.password) for one in there]


def _found(address: tuple[str, int], *, needs_one: bool) -> list[Camera]:
    cameras, _ = discover(address, 1.0 if needs_one else 4.0)
    if needs_one and not cameras:
        raise EdgeError(f"{address[0]}: {NOTHING}")
    return cameras


def _picked(cameras: Sequence[Camera]) -> Camera | str:
    """One of those found by its number, or an address typed."""
    for number, camera in enumerate(cameras, 1):
        _tell(f"{number:3}  {camera.address:15}  {camera.name} {camera.hardware}")
    if not cameras:
        _tell(NOTHING)
    typed = _asked("--url", "number of the camera, or rtsp://HOST/PATH", "1" if cameras else "")
    if not typed.isdecimal():
        return typed
    if not 1 <= int(typed) <= len(cameras):
        raise InputError(f"{typed}: expected 1 to {len(cameras)}")
    return cameras[int(typed) - 1]


def _probed(urls: Sequence[str], args: argparse.Namespace) -> list[Probed]:
    """The streams that show a picture.

    Raises:
        SourceError: None does; the first one's reason.
    """
    sources = [source_of(url, args.transport) for url in urls]
    _tell(f"looking at {', '.join(source.address for source in sources)}")

    def look(url: str) -> Probed | SourceError:
        try:
            return Probed(url, probe(source_of(url, args.transport), args.seconds)[0])
        except SourceError as exc:
            return exc

    if any(urlsplit(url).scheme not in ("rtsp", "rtsps", "http", "https") for url in urls):
        raise InputError("--url: expected rtsp://, rtsps://, http:// or https://")
    with ThreadPoolExecutor(MOST_STREAMS) as pool:
        seen = list(pool.map(look, urls))
    shown = [one for one in seen if isinstance(one, Probed)]
    failures = [one for one in seen if not isinstance(one, Probed)]
    if not shown:
        raise failures[0]
    for failure in failures:
        _tell(f"left out: {failure}")
    return shown


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:32]


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(option: str, question: str, default: str) -> str:
    """An answer typed.

    Raises:
        InputError: There is no terminal; names the option that answers.
    """
    if not _is_terminal():
        raise InputError(f"no terminal to ask for the {question}; give {option}")
    hint = f" [{default}]" if default else ""
    print(f"{question}{hint}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or default


def _tell(words: str) -> None:
    """What goes on; standard output is for the result."""
    print(f"edge camera: {words}", file=sys.stderr, flush=True)

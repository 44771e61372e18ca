"""`edge discover`: the ONVIF cameras on this network, and the addresses of their streams."""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

from edge.cli import FAILED, FINE
from edge.cli._typed import password
from edge.errors import InputError
from edge.site.discovery import MULTICAST, Camera, Login, discover, with_streams

HELP = "find ONVIF cameras on the network; with --user the addresses of their streams, too"
EXAMPLE = "edge discover --user viewer"

PASSWORD = "EDGE_CAMERA_PASSWORD"  # noqa: S105 - the variable's name
NOTHING = (
    "no camera answered; look whether the box is on the cameras' network (`ip -brief address`), "
    "whether ONVIF and discovery are switched on in the camera, whether a firewall holds UDP 3702, "
    "and try --seconds 15 or, past a router, --address CAMERA"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--address", metavar="HOST[:PORT]", help="ask this one, not the whole network by multicast"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to listen (4)")
    parser.add_argument(
        "--user",
        metavar="NAME",
        help=f"ask each for its streams as this user; the password is in {PASSWORD} or asked for",
    )
    parser.add_argument("--json", action="store_true", help="one JSON list for scripts")


def run(args: argparse.Namespace) -> int:
    """Ask, and list."""
    if not 0.1 <= args.seconds <= 60.0:
        raise InputError(f"--seconds {args.seconds:g}: expected 0.1 to 60")
    address = MULTICAST if args.address is None else onvif_address(args.address)
    login = None if args.user is None else Login(args.user, password_of(args.user))
    cameras, n_unread = discover(address, args.seconds)
    if login is not None:
        with ThreadPoolExecutor(16) as pool:
            cameras = list(pool.map(partial(with_streams, login=login), cameras))
    if n_unread:
        print(f"edge discover: {n_unread} answers could not be read", file=sys.stderr)
    if args.json:
        print(json.dumps([asdict(camera) for camera in cameras], indent=2))
    else:
        for camera in cameras:
            _show(camera)
    if not cameras:
        print(f"edge discover: {NOTHING}", file=sys.stderr)
    return FINE if cameras else FAILED


def _show(camera: Camera) -> None:
    told = filter(None, (camera.name, camera.hardware, camera.location))
    print(f"{camera.address:15}  {'; '.join(told) or 'says no name'}")
    for name, value in (
        ("endpoint", camera.endpoint),
        *(("service", xaddr) for xaddr in camera.xaddrs),
        *(("stream", uri) for uri in camera.streams),
        ("->", camera.refusal),
    ):
        if value:
            print(f"  {name:9} {value}")


def onvif_address(text: str) -> tuple[str, int]:
    """Host and port of `--address`, the port WS-Discovery's where none is given."""
    host, _, port = text.partition(":")
    if not host or not (port or "3702").isdecimal() or not 0 < int(port or 3702) < 1 << 16:
        raise InputError(f"--address {text}: expected HOST or HOST:PORT")
    return host, int(port or 3702)


def password_of(user: str) -> str:
    """Of the environment, or typed; never an argument, which everybody on the box could read."""
    if PASSWORD in os.environ:
        return os.environ[PASSWORD]
    return password(f"password of {user}", f"set {PASSWORD}")

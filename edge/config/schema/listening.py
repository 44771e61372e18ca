"""Listening: where the box lets others ask it over the network.

Pure.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from edge.options import Options


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, whatever its network says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


Listen = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")
]


def place_of(listen: str) -> tuple[str, int]:
    """Host, without brackets, and port of an address to listen on."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


class Web(Options):
    """The device page. Without this block there is none."""

    listen: Annotated[
        Listen,
        Field(
            description="Address and port of the page, the port at most 65535. On any address but "
            "this box's own (127.0.0.1, [::1], localhost) it needs `cert_file`, `key_file` and a "
            "user: `edge user add`.",
            examples=["127.0.0.1:8080"],
        ),
    ] = "127.0.0.1:8080"
    cert_file: Annotated[
        Path | None,
        Field(
            description="The page's certificate and those that vouch for it, as PEM; relative to "
            "the configuration folder. Read again at a reload.",
            examples=["tls/page.pem"],
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        Field(
            description="Its private key, as PEM, without a password.",
            examples=["tls/page.key"],
        ),
    ] = None

    @property
    def place(self) -> tuple[str, int]:
        """Host, without brackets, and port."""
        return place_of(self.listen)


class Metrics(Options):
    """Numbers for Prometheus, and whether the box is well, over plain HTTP."""

    listen: Annotated[
        Listen,
        Field(
            description="Address and port of /metrics, /healthz and /readyz. They tell numbers and "
            "states, no pictures; nobody has to log in, so on an address of the network a firewall "
            "must say who may ask.",
            examples=["127.0.0.1:9109"],
        ),
    ] = "127.0.0.1:9109"

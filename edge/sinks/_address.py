"""Address: where one broker listens, read from its url. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """One broker's place on the network.

    Attributes:
        host: Name or number.
        port: TCP port.
        is_tls: Whether the link is encrypted.
    """

    host: str
    port: int
    is_tls: bool

    @classmethod
    def of(cls, url: str) -> Address:
        """Read `mqtts://host:port` or `mqtt://host:port`; ports default to 8883 and 1883.

        Raises:
            ValueError: It is something else; the text says what, and never repeats a login.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as problem:
            raise ValueError("the port is not a number from 1 to 65535") from problem
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == 0:
            raise ValueError("expected mqtts://host:port or mqtt://host:port")
        if parts.username is not None or parts.password is not None:
            raise ValueError("write user name and password in `username` and `password`")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("nothing may follow the port; topics begin with `root`")
        is_tls = parts.scheme == "mqtts"
        return cls(parts.hostname, port or (8883 if is_tls else 1883), is_tls)

    @property
    def place(self) -> str:
        """`host:port`, for messages to people."""
        return f"{self.host}:{self.port}"

    @property
    def is_insecure(self) -> bool:
        """Whether what is sent there leaves this machine in clear text."""
        return not (self.is_tls or self._is_loopback)

    @property
    def _is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name; only a name server knows where it leads

"""Address: where an https:// other side is, and that no secret goes there in the clear. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def checked(url: str, *, insecure: bool) -> str:
    """An address as it may be used.

    Args:
        url: `https://host[:port][/path]`; `http://` to this machine, or where `insecure` is said.
        insecure: Whether http:// to another machine is accepted.

    Raises:
        ValueError: It may not be used; the text never repeats a login.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected https://host or https://host:port/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("write the login in its own keys, not into the url")
    if parts.query or parts.fragment:
        raise ValueError("nothing may follow the path")
    if parts.scheme == "http" and not insecure and not _is_here(parts.hostname):
        raise ValueError(
            "http:// sends evidence and logins in clear text; write https://, or `insecure: true`"
        )
    return url.rstrip("/")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

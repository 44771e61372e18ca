"""Addresses that hold a password: checked, and shown without it."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from pydantic import SecretStr

ESCAPES = (
    "in user name and password write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25"
)

_SECRET_IN_PATH = re.compile(r"(?i)(user|pass|pwd|token|auth)[^/=]*=.*")
"""Some cameras take the password in the path: `/user=admin_password=secret_channel=1.sdp`."""


def redacted(url: SecretStr) -> str:
    """An address fit for a log: `scheme://host:port/path`, nothing else.

    User, password and query go, and what looks like a password in the path.
    """
    parts = urlsplit(url.get_secret_value())
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    path = _SECRET_IN_PATH.sub("...", parts.path)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{path}"


def scheme_of(url: SecretStr) -> str:
    """What stands before `://`, in lower case."""
    return urlsplit(url.get_secret_value()).scheme


def checked(url: SecretStr, schemes: Collection[str]) -> SecretStr:
    """The address itself, if it can be one.

    Raises:
        ValueError: It is none of these schemes, has no host, or an @ behind it, which is a
            password that was not escaped; the text holds no part of it.
    """
    try:
        parts = urlsplit(url.get_secret_value())
        rest = parts.path + parts.query + parts.fragment
        is_usable = (
            parts.scheme in schemes and parts.hostname and parts.port != 0 and "@" not in rest
        )
    except ValueError:  # its text quotes what it took for the port: part of a password, maybe
        is_usable = False
    if not is_usable:
        expected = " or ".join(f"{scheme}://host/path" for scheme in schemes)
        raise ValueError(f"expected {expected}; {ESCAPES}")
    return url

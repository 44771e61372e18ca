"""Support: what somebody who cannot come to the box needs to help, in one file, without secrets.

Boundary: reads the configuration's files as they are written, the journal and what doctor finds.
Secrets never enter: `secrets.yaml`, keys and credentials are not read into it, and every value that
the configuration resolves from a secret, or that looks like a password, is struck out of all that
is, logs and doctor's words among them.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote, unquote

import yaml

from edge import __version__
from edge.config.credentials import FILE, credential_folders
from edge.config.folder import files
from edge.hardware import read_sensors
from edge.site._check import Check

STRUCK = "[struck out]"
SHORTEST = 4
"""A secret of fewer letters is struck out where it stands alone, else any text would lose them."""

_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)([^/\s@\"']+)@", re.IGNORECASE)
_QUERY = re.compile(
    r"([?&](?:[\w-]*(?:pass|pwd|token|key|secret|auth)[\w-]*)=)([^&\s\"']+)", re.IGNORECASE
)
_KEY = re.compile(
    r"((?:[\w-]*(?:passw|passphrase|pwd|secret|token|api_?key|credential)[\w-]*)[\"']?\s*[:=]\s*)"
    r"(?!!secret|\$\{)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,}]+)",
    re.IGNORECASE,
)
_PEM = re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)


class Redaction:
    """Strikes secrets out of text.

    Args:
        secrets: Values known to be secret.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one may hold another.
        known = sorted({secret for secret in secrets if secret.strip()}, key=len, reverse=True)
        parts = [
            re.escape(secret) if len(secret) >= SHORTEST else rf"(?<!\w){re.escape(secret)}(?!\w)"
            for secret in known
        ]
        self._known = re.compile("|".join(parts)) if parts else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        text = _PEM.sub(STRUCK, text)
        if self._known is not None:
            text = self._known.sub(STRUCK, text)
        text = _USERINFO.sub(rf"\1{STRUCK}@", text)
        text = _QUERY.sub(rf"\1{STRUCK}", text)
        return _KEY.sub(rf"\1{STRUCK}", text)


def secrets_of(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Every value that the configuration may take from elsewhere, as written and URL-encoded.

    Args:
        folder: The configuration's.
        environment: Of this process.
    """
    values: list[str] = []
    try:
        node = yaml.compose((folder / FILE).read_text("utf-8"), Loader=yaml.SafeLoader)
        values += _scalars(node)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        pass  # unreadable for us: then nothing of it can be in what we collect from its reader
    for credentials in credential_folders(folder, environment):
        if not os.access(credentials, os.R_OK | os.X_OK):
            continue
        for file in credentials.iterdir():
            try:
                values.append(file.read_text("utf-8").rstrip("\r\n"))
            except (OSError, UnicodeDecodeError):
                continue
    for file in files(folder):
        text = _read(file)
        values += [environment.get(name, "") for name in re.findall(r"\$\{(\w+)\}", text)]
        # One that is written out in a file may be repeated, bare, in what another program says.
        values += [login.rpartition(":")[2] for _, login in _USERINFO.findall(text)]
        values += [value for _, value in _QUERY.findall(text)]
        values += [value.strip("\"'") for _, value in _KEY.findall(text)]
    for value in values:
        yield from {value, quote(value, safe=""), unquote(value), json.dumps(value)[1:-1]}


def bundle(
    folder: Path, target: Path, checks: Iterable[Check], *, log_lines: int, now: datetime
) -> list[str]:
    """Write the file.

    Args:
        folder: The configuration's.
        target: A .tar.gz to write, mode 0600.
        checks: What doctor found.
        log_lines: Most lines of the journal.
        now: UTC.

    Returns:
        Names of what is in it.

    Raises:
        OSError: It cannot be written.
    """
    redact = Redaction(secrets_of(folder, os.environ))
    parts = {
        "doctor.json": json.dumps([asdict(check) for check in checks], indent=2),
        "versions.json": json.dumps(versions(), indent=2),
        "hardware.json": json.dumps(asdict(read_sensors()), indent=2),
        "journal.txt": _journal(log_lines),
    }
    for file in files(folder):
        parts[f"config/{file.relative_to(folder).as_posix()}"] = _read(file)
    root = f"edge-support-{now:%Y%m%dT%H%M%SZ}"
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in parts.items():
            content = redact(text).encode()
            entry = tarfile.TarInfo(f"{root}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now.timestamp())
            archive.addfile(entry, io.BytesIO(content))
    return list(parts)


def versions() -> dict[str, str]:
    """The system, this software and every Python package beside it."""
    found = {
        "edge": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    packages = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return found | dict(sorted(packages.items()))


def _journal(n_lines: int) -> str:
    command = ["journalctl", "-u", "edge", "-n", str(n_lines), "--no-pager", "-o", "short-iso"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"the journal could not be read: {exc}\n"
    return done.stdout or f"the journal gave nothing: {done.stderr}\n"


def _scalars(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _scalars(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(value)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError as exc:
        return f"could not be read: {exc.strerror}\n"

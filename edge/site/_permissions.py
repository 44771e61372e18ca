"""Permissions: what others may read that they must not, and what the service may not that it must.

The service's user is who owns `storage.path`: that is what the installer gives it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edge.config import Config
from edge.config.credentials import FILE
from edge.config.folder import files
from edge.site._check import Check

MOST_NAMED = 3
"""Files that are named; the remedy is for all of them."""


def examine_permissions(config: Config) -> Iterator[Check]:
    """Secrets, what the service reads, and what it writes."""
    try:
        yield from _examined(config)
    except OSError as exc:
        remedy = "run it as the service's user, sudo -u edge edge doctor, or as root"
        yield Check("permissions", "red", f"{exc.filename}: {exc.strerror}", remedy)


def _examined(config: Config) -> Iterator[Check]:
    private = [path for path in _private(config) if path.exists()]
    open_to_all = [path for path in private if path.stat().st_mode & stat.S_IRWXO]
    yield _check(
        "secrets",
        open_to_all,
        "every user of this box may read",
        f"sudo chmod o-rwx {' '.join(map(str, open_to_all))}",
        f"{len(private)} files with secrets, none that others may read",
    )
    storage = config.appliance.storage.path
    if not storage.exists():
        return
    owner = storage.stat()
    read = [*files(config.folder), *private, *_certificates(config)]
    unread = [path for path in read if path.exists() and not _may_read(path, owner)]
    who = f"user {_name(owner.st_uid)}, whose the data is,"
    yield _check(
        "configuration files",
        unread,
        f"{who} may not read",
        f"sudo chown --reference={storage} {' '.join(map(str, unread))}",
        f"{who} may read them",
    )
    foreign = sorted(path for path in _written(storage) if path.lstat().st_uid != owner.st_uid)
    yield _check(
        "data files",
        foreign,
        f"of another owner than {storage}, so the service cannot write",
        f"sudo chown -R --reference={storage} {storage}",
        f"{storage} and what is in it belong to {_name(owner.st_uid)}",
    )


def _check(name: str, bad: list[Path], what: str, remedy: str, good: str) -> Check:
    if not bad:
        return Check(name, "green", good)
    named = ", ".join(map(str, bad[:MOST_NAMED]))
    more = f" and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
    return Check(name, "red", f"{what} {named}{more}", remedy)


def _private(config: Config) -> list[Path]:
    """Files that hold passwords and private keys."""
    mqtt, web = config.appliance.mqtt, config.appliance.web
    keys = [mqtt.key_file, web.key_file if web else None]
    return [config.folder / FILE, *(path for path in keys if path is not None)]


def _certificates(config: Config) -> list[Path]:
    mqtt, web = config.appliance.mqtt, config.appliance.web
    named = [mqtt.ca_file, mqtt.cert_file, web.cert_file if web else None]
    return [path for path in named if path is not None]


def _may_read(path: Path, who: os.stat_result) -> bool:
    """By owner, group and others, as the kernel judges; access lists are not looked at."""
    if who.st_uid == 0:
        return True
    if who.st_uid == os.geteuid():
        return os.access(path, os.R_OK)
    file = path.stat()
    if file.st_uid == who.st_uid:
        return bool(file.st_mode & stat.S_IRUSR)
    if file.st_gid == who.st_gid:
        return bool(file.st_mode & stat.S_IRGRP)
    return bool(file.st_mode & stat.S_IROTH)


def _written(storage: Path) -> Iterator[Path]:
    """What the service writes, two folders deep: evidence has a folder a day and camera."""
    for path in storage.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK | os.X_OK):
            yield from path.iterdir()


def _name(uid: int) -> str:
    import pwd  # of Unix only

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)

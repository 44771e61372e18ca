"""Users: who may see the device page, and who may change things on it.

Boundary: one file in `storage.path`, written on the box and readable by the service alone. There is
no user until somebody makes one, and no password but the one they chose; it is kept as a scrypt
hash.

Source:
    RFC 7914 (scrypt); ETSI EN 303 645, 5.1 (no universal default passwords).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from edge.errors import InputError
from edge.files import write_atomically

Role: TypeAlias = Literal["viewer", "technician"]
"""A viewer sees; a technician also changes."""

ROLES: tuple[Role, ...] = get_args(Role)
LEAST_LENGTH = 12
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
# 32 MiB and about 0.1 s a try on a Jetson's core: dear for who guesses, cheap for who logs in.
_N, _R, _P = 2**15, 8, 1
_MOST_MEMORY = 64 * 2**20


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: What they type.
        role: What they may do.
        hash: Of their password, with the salt and cost it was made with.
    """

    name: str
    role: Role
    hash: str


class Users:
    """The users of one box, read anew when the file changes.

    Args:
        storage: The configuration's `storage.path`.

    Attributes:
        file: Where they are kept.
    """

    def __init__(self, storage: Path) -> None:
        self.file = storage / "users.json"
        self._read_at = -1
        self._users: dict[str, User] = {}

    def all(self) -> tuple[User, ...]:
        """By name; empty where there is none.

        Raises:
            InputError: The file cannot be used.
        """
        try:
            changed_at = self.file.stat().st_mtime_ns
            if changed_at != self._read_at:
                said = json.loads(self.file.read_bytes())
                self._users = {u["name"]: User(u["name"], u["role"], u["hash"]) for u in said}
                self._read_at = changed_at
        except FileNotFoundError:
            self._users, self._read_at = {}, -1
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise InputError(
                f"{self.file} cannot be used ({type(why).__name__}); remove it, and make the "
                "users anew"
            ) from why
        return tuple(self._users[name] for name in sorted(self._users))

    def add(self, name: str, role: Role, password: str) -> None:
        """Let somebody in; one of the same name is replaced.

        Raises:
            InputError: A name or password that cannot be taken; says what would be.
        """
        if not _NAME.fullmatch(name):
            raise InputError(f"user {name!r}: expected 1 to 32 of a-z, 0-9, '.', '_' and '-'")
        if flaw := weakness(password, name):
            raise InputError(f"user {name}: the password {flaw}")
        self._write(
            [*(u for u in self.all() if u.name != name), User(name, role, hashed(password))]
        )

    def remove(self, name: str) -> None:
        """Let somebody in no longer; their sessions end with the next thing they ask for.

        Raises:
            InputError: There is nobody of that name.
        """
        users = self.all()
        if name not in {user.name for user in users}:
            there = ", ".join(user.name for user in users) or "nobody"
            raise InputError(f"no user {name!r}; there is {there}")
        self._write([user for user in users if user.name != name])

    def check(self, name: str, password: str) -> User | None:
        """The user of this name, if the password is theirs; takes as long if there is none."""
        user = next((user for user in self.all() if user.name == name), None)
        is_right = _matches(password, user.hash if user is not None else _NOBODY)
        return user if is_right else None

    def _write(self, users: list[User]) -> None:
        if not users:  # no file says what an empty one would, to `edge check` too
            self.file.unlink(missing_ok=True)
            return
        listed = [{"name": u.name, "role": u.role, "hash": u.hash} for u in users]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.file, (json.dumps(listed, indent=2) + "\n").encode(), mode=0o600)
        except OSError as why:
            raise InputError(
                f"{self.file}: {why.strerror}; run it as the service's user: sudo -u edge ..."
            ) from why


def weakness(password: str, name: str = "") -> str:
    """What makes a password too easy to guess; empty where nothing obvious does."""
    if len(password) < LEAST_LENGTH:
        return f"has {len(password)} characters, expected {LEAST_LENGTH} or more"
    if len(set(password)) < 5:
        return "repeats a few characters; take three or four words"
    if name and name in password.lower():
        return "contains the user's name"
    return ""


def hashed(password: str) -> str:
    """A password as it is kept: cost, salt and scrypt hash."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_scrypt(password, salt, _N, _R, _P))}"


def _matches(password: str, kept: str) -> bool:
    _, n, r, p, salt, digest = kept.split("$")
    made = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(made, base64.b64decode(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=32
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_NOBODY = f"scrypt${_N}${_R}${_P}${_text(bytes(16))}${_text(bytes(32))}"

"""Note: signed heads of the log, and witnesses' cosignatures, in the forms of C2SP. Pure.

A head is a `tlog-checkpoint`, signed as a `signed-note` with Ed25519 (type 1); a witness adds a
`tlog-cosignature` (cosignature/v1, type 4). Keys are written as `vkey`: `name+id+base64`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

LOG, WITNESS = 1, 4
"""Types of key and signature."""

Sign: TypeAlias = Callable[[bytes], bytes]
Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""Whether (public key, signature, message) fit."""

_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who signs.

    Attributes:
        name: Of the log (its origin) or the witness: no spaces and no `+`.
        type: `LOG` or `WITNESS`.
        key: 32 bytes of Ed25519.
    """

    name: str
    type: int
    key: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed).digest()[:4]

    @property
    def _typed(self) -> bytes:
        return bytes([self.type]) + self.key

    def __str__(self) -> str:
        """As a vkey."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self._typed).decode()}"


def parse_key(vkey: str) -> PublicKey:
    """Read a vkey.

    Raises:
        ValueError: It is none, or its id is not that of its key.
    """
    name, _, rest = vkey.removesuffix("\n").partition("+")
    id_, _, coded = rest.partition("+")
    typed = _decoded(coded)
    if len(typed) != 33 or typed[0] not in (LOG, WITNESS) or not is_name(name):
        raise ValueError("not a verifier key: expected name+id+base64 of an Ed25519 key")
    key = PublicKey(name, typed[0], typed[1:])
    if key.id.hex() != id_:
        raise ValueError(f"a verifier key that is not whole: its id is {key.id.hex()}, not {id_}")
    return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    blob: bytes

    def __str__(self) -> str:
        """The line."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"


@dataclass(frozen=True, slots=True)
class Head:
    """A head of the log: what its first `size` records are.

    Attributes:
        origin: Name of the log.
        size: Records.
        root: Of the tree over them, 32 bytes.
        signatures: Of the log, then of witnesses; none where it is not signed yet.
    """

    origin: str
    size: int
    root: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def body(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def note(self) -> str:
        """The whole text."""
        return self.body + "\n" + "".join(map(str, self.signatures))

    def signed(self, key: PublicKey, sign: Sign) -> Head:
        """The same, with the log's signature alone."""
        signature = Signature(key.name, key.id, sign(self.body.encode()))
        return Head(self.origin, self.size, self.root, (signature,))

    def cosigned(self, key: PublicKey, sign: Sign, unix_s: int) -> Head:
        """The same, with a witness's signature in place of an older one of it.

        Args:
            key: The witness's.
            sign: With its private key.
            unix_s: UTC now, which is signed too.
        """
        signature = sign(_dated(self.body, unix_s))
        line = Signature(key.name, key.id, unix_s.to_bytes(8, "big") + signature)
        kept = tuple(s for s in self.signatures if (s.name, s.key_id) != (key.name, key.id))
        return Head(self.origin, self.size, self.root, (*kept, line))

    def is_signed_by(self, key: PublicKey, verify: Verify) -> bool:
        """Whether this key has signed it."""
        return self.signed_at(key, verify) is not None

    def signed_at(self, key: PublicKey, verify: Verify) -> int | None:
        """Unix time of a key's signature (0 for the log's own, which has none); None without."""
        for signature in self.signatures:
            if (signature.name, signature.key_id) != (key.name, key.id):
                continue
            if key.type == LOG and verify(key.key, signature.blob, self.body.encode()):
                return 0
            unix_s = int.from_bytes(signature.blob[:8], "big")
            if key.type == WITNESS and verify(
                key.key, signature.blob[8:], _dated(self.body, unix_s)
            ):
                return unix_s
        return None


def parse_head(note: str) -> Head:
    """Read a checkpoint.

    Raises:
        ValueError: It is none.
    """
    body, _, rest = note.partition("\n\n")
    lines = body.split("\n")
    signatures = rest.split("\n")
    if len(lines) != 3 or signatures[-1] != "" or len(signatures) < 2:
        raise ValueError("not a checkpoint: expected origin, size, root, an empty line, signatures")
    origin, size, coded = lines
    tree_root = _decoded(coded)
    if not is_name(origin) or not size.isascii() or not size.isdigit() or len(tree_root) != 32:
        raise ValueError("not a checkpoint: expected origin, size and a root of 32 bytes")
    if str(int(size)) != size or len(size) > 18:
        raise ValueError(f"not a checkpoint: size {size[:24]}")
    return Head(origin, int(size), tree_root, tuple(map(_signature, signatures[:-1])))


def is_name(name: str) -> bool:
    """Whether a log or a witness can be called so."""
    return 0 < len(name) <= 200 and "+" not in name and name.isprintable() and " " not in name


def _signature(line: str) -> Signature:
    dash, name, coded = line[:2], *line[2:].partition(" ")[::2]
    blob = _decoded(coded)
    if dash != _DASH or not is_name(name) or len(blob) < 5:
        raise ValueError("not a checkpoint: a line that is no signature")
    return Signature(name, blob[:4], blob[4:])


def _dated(body: str, unix_s: int) -> bytes:
    return f"cosignature/v1\ntime {unix_s}\n{body}".encode()


def _decoded(coded: str) -> bytes:
    try:
        plain = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise ValueError("not base64 where base64 was expected") from wrong
    if base64.b64encode(plain).decode() != coded:
        raise ValueError("base64 with stray bits")
    return plain

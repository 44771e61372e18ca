"""Signature: is this file the one that the holder of the key signed? Minisign's format.

Pure but for `cryptography`, which does the arithmetic. A box verifies; signing is done where the
secret key is, with the `minisign` program.

Source:
    jedisct1.github.io/minisign: a public key is `Ed` + 8 bytes of key id + 32 of Ed25519; a
    signature is `Ed` (of the file) or `ED` (of its BLAKE2b-512) + key id + 64; a second signature,
    over the first one's 64 bytes and the trusted comment, vouches for the comment.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.errors import InputError


@dataclass(frozen=True)
class PublicKey:
    """Who may sign.

    Attributes:
        name: Where it came from, for messages.
        key_id: Of the pair, 8 bytes.
        raw: Ed25519, 32 bytes.
    """

    name: str
    key_id: bytes
    raw: bytes


@dataclass(frozen=True)
class Signature:
    """What a `.minisig` file holds.

    Attributes:
        is_prehashed: It signs the file's BLAKE2b-512 instead of the file itself.
        key_id: Of the pair that made it.
        raw: Of the file, 64 bytes.
        comment: The trusted comment.
        comment_raw: Of `raw` and the comment, 64 bytes.
    """

    is_prehashed: bool
    key_id: bytes
    raw: bytes
    comment: str
    comment_raw: bytes


def read_public_key(text: str, name: str) -> PublicKey:
    """A public key as `minisign -G` writes it: a comment line and a line of base64, or that alone.

    Raises:
        InputError: It is not one.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    raw = _decoded(lines[-1], 42) if lines else b""
    if raw[:2] != b"Ed":
        raise InputError(f"{name} is no minisign public key; expected two lines as in minisign.pub")
    return PublicKey(name, raw[2:10], raw[10:])


def read_signature(text: str, name: str) -> Signature:
    """A signature as `minisign -S` writes it.

    Raises:
        InputError: It is not one.
    """
    lines = text.splitlines()
    trusted = "trusted comment: "
    if len(lines) >= 4 and lines[2].startswith(trusted):
        raw, comment_raw = _decoded(lines[1], 74), _decoded(lines[3], 64)
        if raw[:2] in (b"Ed", b"ED") and comment_raw:
            comment = lines[2].removeprefix(trusted)
            return Signature(raw[:2] == b"ED", raw[2:10], raw[10:], comment, comment_raw)
    raise InputError(f"{name} is no minisign signature, or is cut off; copy it again")


def verify(signature: Signature, keys: Sequence[PublicKey], content: bytes, name: str) -> PublicKey:
    """Who signed it, if one of those did who may.

    Args:
        signature: As read.
        keys: Who may sign.
        content: What was signed: the file's BLAKE2b-512 where `signature.is_prehashed`, else all
            of the file.
        name: The file's, for messages.

    Raises:
        InputError: Nobody did.
    """
    known = [key for key in keys if key.key_id == signature.key_id]
    if not known:
        trusted = ", ".join(f"{_hex(key.key_id)} ({key.name})" for key in keys) or "none"
        raise InputError(
            f"{name} is signed by key {_hex(signature.key_id)}, this box trusts {trusted}; nothing "
            "was installed"
        )
    for key in known:
        checks = Ed25519PublicKey.from_public_bytes(key.raw)
        try:
            checks.verify(signature.raw, content)
            checks.verify(signature.comment_raw, signature.raw + signature.comment.encode())
        except InvalidSignature:
            continue
        return key
    raise InputError(
        f"{name} is not what key {_hex(signature.key_id)} signed: forged, damaged or cut off; "
        "nothing was installed. Compare its size with the original and copy it again"
    )


def _decoded(line: str, size: int) -> bytes:
    """Base64 of so many bytes; empty where it is anything else."""
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if len(raw) == size else b""


def _hex(key_id: bytes) -> str:
    """As the minisign program prints it: little-endian."""
    return key_id[::-1].hex().upper()

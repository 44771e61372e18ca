"""Sealed: a media file encrypted at rest, so that a stolen disk shows nothing.

Boundary: the only file here that talks to `cryptography`. The form is STREAM (Hoang, Reyhanitabar,
Rogaway, Vizar, CRYPTO 2015) over AES-256-GCM in chunks of 64 KiB, with a key for each file from
HKDF-SHA256 over a random salt and the file's name: a chunk that was changed, left out, repeated,
taken from another file or put elsewhere, and a file that was cut, are all found. Flat in memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.errors import EvidenceError, EvidenceInvalid, InputError

CHUNK = 64 << 10
_TAG = 16
_HEADER = struct.Struct("<8s8s32s")  # magic, which key, salt
_MAGIC = b"EDGESEA1"
KEY_BYTES = 32


class Key:
    """A key for evidence at rest; never shown.

    Args:
        secret: 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise InputError(f"an evidence key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self.id = hashlib.sha256(b"edge evidence key id" + secret).digest()[:8]

    def __repr__(self) -> str:
        return f"Key({self.id.hex()})"

    @classmethod
    def read(cls, file: Path) -> Key:
        """Read a key: 32 raw bytes, or the same in base64 or hexadecimal digits.

        Raises:
            InputError: It cannot be read, or is no key.
        """
        try:
            content = file.read_bytes()
        except OSError as exc:
            raise InputError(f"evidence key {file}: {exc.strerror}") from exc
        if len(content) != KEY_BYTES:
            text = content.strip()
            try:
                is_hex = len(text) == 2 * KEY_BYTES
                content = bytes.fromhex(text.decode()) if is_hex else base64.b64decode(text)
            except (ValueError, binascii.Error):
                content = b""
        if len(content) != KEY_BYTES:
            raise InputError(
                f"evidence key {file}: expected {KEY_BYTES} bytes, raw, base64 or hexadecimal; "
                "make one with: openssl rand -out FILE 32"
            )
        return cls(content)

    @classmethod
    def from_credentials(cls, name: str, folders: Sequence[Path]) -> Key:
        """Read the key that systemd hands to this service.

        Args:
            name: Of the credential.
            folders: Where credentials are; the first that has it counts.

        Raises:
            InputError: There is none, or it is no key.
        """
        for folder in folders:
            if os.access(folder / name, os.F_OK):
                return cls.read(folder / name)
        raise InputError(
            f"evidence is to be encrypted with the credential '{name}', and there is none in "
            f"{' or '.join(map(str, folders)) or 'any folder'}: add LoadCredentialEncrypted={name} "
            "to the service, or name a key file with --key-file"
        )

    def cipher(self, salt: bytes, ref: str) -> AESGCM:
        """The cipher of one file."""
        derived = HKDF(SHA256(), KEY_BYTES, salt, _MAGIC + ref.encode()).derive(self._secret)
        return AESGCM(derived)


def _nonce(index: int, *, is_last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([is_last])


class Sealer:
    """A file object to write into; what reaches the disk is encrypted.

    Args:
        out: Where it goes, open for writing at its beginning; the caller syncs and closes it.
        key: The vault's key.
        ref: The media file's final name; it can be opened under this one only.
    """

    def __init__(self, out: BinaryIO, key: Key, ref: str) -> None:
        salt = os.urandom(32)
        self._out, self._cipher = out, key.cipher(salt, ref)
        self._waiting = bytearray()
        self._index = 0
        out.write(_HEADER.pack(_MAGIC, key.id, salt))

    def write(self, content: bytes) -> int:
        """Take some more."""
        self._waiting += content
        while len(self._waiting) > CHUNK:  # the last chunk is known by `finish` alone
            self._emit(bytes(self._waiting[:CHUNK]), is_last=False)
            del self._waiting[:CHUNK]
        return len(content)

    def finish(self) -> None:
        """Write the last chunk; without it the file cannot be opened."""
        self._emit(bytes(self._waiting), is_last=True)

    def _emit(self, chunk: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._index, is_last=is_last)
        self._out.write(self._cipher.encrypt(nonce, chunk, None))
        self._index += 1


def is_sealed(file: Path) -> bool:
    """Whether a file is in this form.

    Raises:
        OSError: It cannot be read.
    """
    with file.open("rb") as content:
        return content.read(len(_MAGIC)) == _MAGIC


def plain(file: Path, key: Key | None, ref: str, offset: int = 0) -> Iterator[bytes]:
    """Read a media file as it was before any encryption.

    Args:
        file: Sealed or not.
        key: The vault's key; needed for a sealed one.
        ref: The media file's name.
        offset: How many bytes to leave out at the beginning.

    Yields:
        Its content, at most 64 KiB at a time; what was yielded before an error is sound.

    Raises:
        EvidenceInvalid: It was changed, cut, or is another file.
        EvidenceError: There is no key, or another one than it was sealed with.
        OSError: It cannot be read.
    """
    with file.open("rb") as content:
        header = content.read(_HEADER.size)
        if not header.startswith(_MAGIC):
            content.seek(offset)
            while chunk := content.read(CHUNK):
                yield chunk
            return
        if len(header) < _HEADER.size:
            raise EvidenceInvalid(f"{file}: the encrypted file was cut short")
        _, key_id, salt = _HEADER.unpack(header)
        if key is None:
            raise EvidenceError(
                f"{file}: it is encrypted, and no key is here; name its file with --key-file"
            )
        if key.id != key_id:
            raise EvidenceError(
                f"{file}: encrypted with key {key_id.hex()}, or its header was changed; "
                f"the key here is {key.id.hex()}"
            )
        yield from _opened(content, key.cipher(salt, ref), file, offset)


def _opened(content: BinaryIO, cipher: AESGCM, file: Path, offset: int) -> Iterator[bytes]:
    # An offset at a chunk's end begins in it, so that the last chunk is always looked at.
    index, skip = divmod(max(offset - 1, 0), CHUNK)
    skip += min(offset, 1)
    content.seek(index * (CHUNK + _TAG), os.SEEK_CUR)
    sealed = content.read(CHUNK + _TAG)
    while True:
        following = content.read(CHUNK + _TAG)
        try:
            chunk = cipher.decrypt(_nonce(index, is_last=not following), sealed, None)
        except (InvalidTag, ValueError) as exc:
            raise EvidenceInvalid(
                f"{file}: changed or cut: what was encrypted from byte {index * CHUNK} on is not "
                "what was written"
            ) from exc
        if len(chunk) > skip:
            yield chunk[skip:]
        skip = 0
        if not following:
            return
        index, sealed = index + 1, following

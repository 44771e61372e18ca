"""Keys: Ed25519; the one file that knows `cryptography`."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge.audit._note import PublicKey
from edge.errors import AuditError
from edge.files import write_atomically


class SigningKey:
    """A private key and who it speaks for.

    Args:
        private: The key.
        name: Of the log or the witness.
        type: `LOG` or `WITNESS`.
    """

    def __init__(self, private: Ed25519PrivateKey, name: str, type: int) -> None:  # noqa: A002
        self._private = private
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = PublicKey(name, type, raw)

    def sign(self, message: bytes) -> bytes:
        """Sign; 64 bytes."""
        return self._private.sign(message)


def verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is right."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_in(file: Path, name: str, type: int) -> SigningKey:  # noqa: A002 - the note's word
    """The key in a file; it is made, readable by its owner alone, where there is none.

    Raises:
        AuditError: It cannot be read or made.
    """
    try:
        if not file.exists():
            made = Ed25519PrivateKey.generate()
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_atomically(file, pem, mode=0o600)
        private = load_pem_private_key(file.read_bytes(), None)
    except OSError as exc:
        raise AuditError(f"key {file}: {exc.strerror}; check its owner") from exc
    except (ValueError, TypeError) as exc:
        raise AuditError(
            f"key {file}: not an Ed25519 key in PEM; move it away to get a new one"
        ) from exc
    if not isinstance(private, Ed25519PrivateKey):
        raise AuditError(f"key {file}: not an Ed25519 key; move it away to get a new one")
    return SigningKey(private, name, type)

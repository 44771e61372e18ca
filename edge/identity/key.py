"""Key: made on the box, readable by the service alone, and never sent anywhere.

What leaves is the request (PKCS #10), which proves that we hold the key.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from edge.errors import InputError
from edge.files import write_atomically

Key: TypeAlias = "ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey"
Kind: TypeAlias = Literal["p256", "ed25519"]

USER = "edge"


def make_key(file: Path, kind: Kind) -> Key:
    """Make a key and write it, mode 0600; its folder is made.

    Raises:
        InputError: There is one already, or it cannot be written.
    """
    if file.exists():
        raise InputError(
            f"{file} is there already: a new key makes the certificate in use worthless. If you "
            "mean it: --new-key"
        )
    key: Key = (
        ed25519.Ed25519PrivateKey.generate()
        if kind == "ed25519"
        else ec.generate_private_key(ec.SECP256R1())
    )
    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(file, raw, mode=0o600)
    return key


def read_key(file: Path) -> Key:
    """The key of this box.

    Raises:
        InputError: There is none, it is none, or others can read it.
    """
    try:
        raw = file.read_bytes()
        mode = file.stat().st_mode & 0o777
    except OSError as exc:
        raise InputError(f"{file}: {exc.strerror}; make one: edge provision request") from exc
    if mode & 0o077:
        raise InputError(f"{file} has mode {mode:04o}, expected 0600: others can read the key")
    try:
        key = load_pem_private_key(raw, password=None)
    except (ValueError, TypeError) as exc:
        raise InputError(f"{file} is no unencrypted private key in PEM form") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise InputError(f"{file}: expected an EC or Ed25519 key, got {type(key).__name__}")
    return key


def request(key: Key, node: str) -> x509.CertificateSigningRequest:
    """What an authority signs: the box's node name, which the broker takes for its user name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)


def write(file: Path, content: bytes, *, mode: int) -> None:
    """Write a file of the identity, owned by the service's user where root writes it.

    Raises:
        InputError: It cannot be written; says what to do.
    """
    try:
        file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        write_atomically(file, content, mode=mode)
        hand_over(file)
    except OSError as exc:
        raise InputError(
            f"{file} cannot be written ({exc.strerror}); run it as root, and see: findmnt -T "
            f"{file.parent}; df -h {file.parent}"
        ) from exc


def hand_over(file: Path) -> None:
    """Let the service own what root wrote for it; nothing where we are not root.

    Raises:
        OSError: It cannot be given away.
    """
    if os.geteuid() == 0 and USER in {entry.pw_name for entry in pwd.getpwall()}:
        shutil.chown(file, USER, USER)
        shutil.chown(file.parent, group=USER)

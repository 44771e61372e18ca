"""Signatures: who stands behind a policy, in `policy.signatures.json` beside it. Ed25519.

A signature covers the bytes of `policy.yaml`, its comments too: whatever is changed in it has to be
signed again. It counts while the policy lists the signer's key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
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

from edge.admission.policy import Approver
from edge.errors import InputError
from edge.files import write_atomically

FILE = "policy.signatures.json"


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of the file.

    Attributes:
        by: Short name of the approver.
        at: UTC by the signer's clock, to the second; signed too.
        signature: Base64.
    """

    by: str
    at: str
    signature: str


def signed_text(policy_sha256: str, by: str, at: str) -> bytes:
    """What is signed: a name of this use, the policy, who and when, a line each."""
    return f"edge-policy-v1\n{policy_sha256}\n{by}\n{at}\n".encode()


def new_key(file: Path) -> str:
    """Make a pair: the private half to a file only its owner reads.

    Returns:
        The public half, as `key` in a policy.

    Raises:
        InputError: The file exists, or cannot be written.
    """
    if file.exists():
        raise InputError(f"{file} exists; a key is never replaced: give another --out FILE")
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        write_atomically(file, pem, mode=0o600)
    except OSError as exc:
        raise InputError(f"{file} cannot be written: {exc.strerror}") from exc
    return _public(private)


def sign(key: Path, policy_sha256: str, approvers: Mapping[str, Approver]) -> Signature:
    """Sign a policy as the approver whose key this is.

    Args:
        key: A private key in PEM, as `new_key` writes it.
        policy_sha256: Of the file's bytes.
        approvers: Those of the policy.

    Raises:
        InputError: It is no such key, or none of the approvers'.
    """
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except OSError as exc:
        raise InputError(f"{key} cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError) as exc:
        raise InputError(f"{key}: expected an Ed25519 private key in PEM ({exc})") from exc
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{key}: expected an Ed25519 key; make one with `edge policy key`")
    public = _public(private)
    name = next((name for name, one in approvers.items() if one.key == public), None)
    if name is None:
        raise InputError(
            f"{key}: its public half {public} is no approver's; policy.yaml lists "
            f"{', '.join(approvers) or 'none'}: have the key added there first"
        )
    at = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    signature = private.sign(signed_text(policy_sha256, name, at))
    return Signature(name, at, base64.b64encode(signature).decode())


def verified(
    signatures: tuple[Signature, ...], policy_sha256: str, approvers: Mapping[str, Approver]
) -> dict[str, str]:
    """Whose signatures over this very policy are right, and when they signed.

    Args:
        signatures: All there are; those of other versions or strangers do not count.
        policy_sha256: Of the file's bytes.
        approvers: Those of the policy.
    """
    found = {}
    for one in signatures:
        if one.by not in approvers:
            continue
        try:
            raw = base64.b64decode(one.signature, validate=True)
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(approvers[one.by].key))
            public.verify(raw, signed_text(policy_sha256, one.by, one.at))
        except (InvalidSignature, ValueError):
            continue
        found[one.by] = one.at
    return found


def read_signatures(folder: Path) -> tuple[Signature, ...]:
    """Those of a configuration folder; none where there is no file.

    Raises:
        InputError: The file cannot be read, or is none of signatures.
    """
    file = folder / FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return tuple(
            Signature(str(one["by"]), str(one["at"]), str(one["signature"]))
            for one in content["signatures"]
        )
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InputError(
            f'{file}: expected {{"signatures": [...]}} as `edge policy sign` writes it ({exc}); '
            "delete the file and sign again"
        ) from exc


def add_signature(folder: Path, signature: Signature, policy_sha256: str, valid: set[str]) -> None:
    """Write one more; those that do not count for the policy as it is now are left out.

    Args:
        folder: The configuration folder.
        signature: The new one.
        policy_sha256: Said in the file, for people.
        valid: Names whose signature there counts.

    Raises:
        InputError: The file cannot be written.
    """
    kept = [one for one in read_signatures(folder) if one.by in valid and one.by != signature.by]
    content = {
        "policy": policy_sha256,
        "signatures": [
            {"by": one.by, "at": one.at, "signature": one.signature} for one in (*kept, signature)
        ],
    }
    try:
        write_atomically(folder / FILE, json.dumps(content, indent=1).encode() + b"\n", mode=0o644)
    except OSError as exc:
        raise InputError(f"{folder / FILE} cannot be written: {exc.strerror}") from exc


def _public(private: Ed25519PrivateKey) -> str:
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()

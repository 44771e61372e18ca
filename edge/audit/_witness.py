"""Witness: remembers the newest head it has seen of each log, and signs only what continues it.

Boundary: a folder of its own, anywhere but on the box. It knows no broker: heads and proofs come in
as they are, from a message or from a copy of the log.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path

from edge.audit import _folder, _merkle
from edge.audit._keys import SigningKey, key_in, verify
from edge.audit._note import WITNESS, Head, PublicKey, is_name, parse_head, parse_key
from edge.errors import AuditError, InputError
from edge.files import write_atomically


class Refused(AuditError):
    """A head that this witness does not sign; the text says why, and what it has seen."""


class ProofMissing(Refused):
    """A head that may be right, without a proof from the newest one seen; ask the box for it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That a tree continues an earlier one.

    Attributes:
        size: Of the earlier one.
        hashes: As RFC 6962 has them.
    """

    size: int
    hashes: tuple[bytes, ...]


class Witness:
    """Cosigns heads of any number of logs.

    Args:
        folder: Where its key and what it has seen are; made where it is missing.
        name: Its own, without spaces and `+`.

    Raises:
        AuditError: The folder cannot be used.
        InputError: It cannot be called so.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if not is_name(name):
            raise InputError(f"{name!r} cannot be the name of a witness: no spaces, no `+`")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise AuditError(f"{folder}: {exc.strerror}") from exc
        self._folder = folder
        self._key: SigningKey = key_in(folder / "witness.key", name, WITNESS)

    @property
    def key(self) -> PublicKey:
        """Who signs."""
        return self._key.public

    def seen(self, origin: str) -> Head | None:
        """The newest head it has signed of a log; None where it knows none.

        Raises:
            AuditError: What it remembers cannot be read: it must not sign until that is mended.
        """
        return self._state(origin)[1]

    def cosign(
        self,
        head: Head,
        proofs: Sequence[Proof],
        claimed: PublicKey,
        now: datetime,
        trusted: PublicKey | None = None,
    ) -> Head:
        """Sign a head, if it continues what was signed before.

        Args:
            head: As the log has signed it.
            proofs: From earlier sizes; one must be from the size seen last.
            claimed: Whose log it is said to be; believed the first time, and never another.
            now: UTC.
            trusted: Whose it must be, where that is known beforehand.

        Returns:
            The same head with this witness's signature; remembered before it is returned.

        Raises:
            ProofMissing: There is no proof from the size seen last.
            Refused: A fork, an older head than before, another key, or a wrong signature.
        """
        known, before = self._state(head.origin)
        key = trusted or known or claimed
        if known is not None and known != key:
            raise Refused(f"{head.origin}: expected key {key}, and {known} was seen before")
        if key.name != head.origin or not head.is_signed_by(key, verify):
            raise Refused(f"{head.origin}: the head over {head.size} is not signed by {key}")
        if before is not None:
            self._check(before, head, proofs)
        signed = head.cosigned(self.key, self._key.sign, int(now.timestamp()))
        try:
            text = f"{key}\n\n{signed.note}"
            write_atomically(self._file(head.origin), text.encode(), mode=0o600)
        except OSError as exc:
            raise AuditError(f"{self._folder}: {exc.strerror}; nothing was signed") from exc
        return signed

    @staticmethod
    def _check(before: Head, head: Head, proofs: Sequence[Proof]) -> None:
        if head.size < before.size:
            raise Refused(
                f"{head.origin}: rolled back: a head over {head.size} records, after one over "
                f"{before.size} (root {before.root.hex()})"
            )
        hashes = next((proof.hashes for proof in proofs if proof.size == before.size), ())
        if _merkle.is_consistent(before.size, before.root, head.size, head.root, hashes):
            return
        if head.size > before.size and not any(p.size == before.size for p in proofs):
            raise ProofMissing(f"{head.origin}: no proof from {before.size} to {head.size} records")
        raise Refused(
            f"{head.origin}: a fork: the head over {head.size} records does not continue the one "
            f"over {before.size} (root {before.root.hex()}); history was written anew"
        )

    def _file(self, origin: str) -> Path:
        return self._folder / f"{sha256(origin.encode()).hexdigest()[:16]}.seen"

    def _state(self, origin: str) -> tuple[PublicKey | None, Head | None]:
        file = self._file(origin)
        try:
            key, _, note = file.read_text("utf-8").partition("\n\n")
            head = parse_head(note)
            if head.origin != origin or not head.is_signed_by(self.key, verify):
                raise AuditError(f"{file}: not what this witness has signed; look who changed it")
            return parse_key(key), head
        except FileNotFoundError:
            return None, None
        except (OSError, ValueError) as exc:
            if isinstance(exc, AuditError):
                raise
            raise AuditError(f"{file}: {exc}; nothing is signed until it is mended") from exc


def offered(folder: Path, from_size: int) -> tuple[Head, list[Proof]]:
    """The newest head of a log on disk, and a proof from an earlier size.

    Args:
        folder: The log's, or a copy with its tree.
        from_size: Size seen last; 0 where none was.

    Raises:
        InputError: There is no log, or no head.
        AuditError: Its tree is not whole.
    """
    _folder.log_keys(folder)
    head, _ = _folder.last_head(folder)
    if head is None:
        raise InputError(f"{folder}: no head was signed yet; the daemon does that every 5 minutes")
    return head, proofs_of(folder, head.size, [from_size])


def proofs_of(folder: Path, size: int, earlier: Sequence[int]) -> list[Proof]:
    """Proofs that the tree over `size` records continues those of earlier sizes.

    Args:
        folder: The log's.
        size: Of the later tree.
        earlier: Sizes; those that are not between are left out.

    Raises:
        AuditError: The tree cannot be read.
    """
    wanted = sorted({n for n in earlier if 0 < n < size})
    if not wanted:
        return []
    try:
        tree = _folder.Tree(folder)
    except OSError as exc:
        raise AuditError(f"{folder}: {exc.strerror}; a proof needs `{_folder.TREE}`") from exc
    try:
        return [Proof(n, tuple(_merkle.consistency_proof(n, size, tree))) for n in wanted]
    finally:
        tree.close()


def decoded_proofs(pairs: Sequence[Mapping[str, object]]) -> list[Proof]:
    """Proofs as a message has them; a malformed one is left out, and then missing."""
    found = []
    for pair in pairs:
        try:
            size, hashes = pair["from"], pair["hashes"]
            if type(size) is not int or not isinstance(hashes, (list, tuple)):
                continue
            coded = tuple(base64.b64decode(text, validate=True) for text in hashes)
            found.append(Proof(size, coded))
        except (KeyError, TypeError, binascii.Error, ValueError):
            continue
    return found


def utc_now() -> datetime:
    """UTC by this machine's clock."""
    return datetime.now(timezone.utc)

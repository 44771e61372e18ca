"""Certificate: is what an authority sent any use to this box? Judged before anything is replaced.

Pure: files' contents and the time come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from edge.errors import InputError
from edge.identity.key import Key

Certificate: TypeAlias = x509.Certificate

MOST_LINKS = 8

EARLIEST = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
"""No clock of ours shows less: before this it has not been set since the battery died."""


@dataclass(frozen=True)
class Identity:
    """What is to be shown to a broker.

    Attributes:
        chain: The box's certificate, then those between it and the authority.
    """

    chain: tuple[x509.Certificate, ...]

    @property
    def ends(self) -> datetime:
        """UTC until which all of it is valid."""
        return min(each.not_valid_after_utc for each in self.chain)

    def pem(self) -> bytes:
        """As `cert_file` holds it."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.chain)


def read_certificates(content: bytes, name: str) -> list[x509.Certificate]:
    """One or more certificates in PEM or one in DER form.

    Raises:
        InputError: There is none.
    """
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError as exc:
        raise InputError(
            f"{name} is no certificate in PEM or DER form; ask the authority for that"
        ) from exc


def judge(
    certificates: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    key: Key,
    node: str,
    now: datetime,
) -> Identity:
    """The identity in what an authority sent.

    Args:
        certificates: As sent, in any order; the box's own and others.
        authorities: Whom the box trusts: `ca_file`.
        key: Of this box.
        node: Its name.
        now: UTC of the box's clock.

    Raises:
        InputError: It is not for this key or name, not valid now, or not by whom the box trusts.
    """
    clock_trouble(now)
    own = next((each for each in certificates if _public(each) == _public_of(key)), None)
    if own is None:
        raise InputError(
            "none of the certificates is for this box's key: it was made from another request. "
            "Send the authority the request that `edge provision request` prints"
        )
    names = [str(each.value) for each in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [node]:
        raise InputError(
            f"the certificate is for {', '.join(names) or 'nobody'}, this box is {node}: the "
            "broker would let it speak under another name only"
        )
    chain = [own]
    while not _by_one_of(chain[-1], authorities):
        issuer = next((each for each in certificates if _issued(each, chain[-1])), None)
        if issuer is None or issuer in chain or len(chain) > MOST_LINKS:
            trusted = ", ".join(each.subject.rfc4514_string() for each in authorities) or "nobody"
            raise InputError(
                f"the certificate was issued by {chain[-1].issuer.rfc4514_string()}, this box "
                f"trusts {trusted}; the authority's certificates in between belong into the file"
            )
        chain.append(issuer)
    for each in chain:
        _check_time(each, now)
    return Identity(tuple(chain))


def clock_trouble(now: datetime) -> None:
    """Say so where the clock was never set: certificates cannot be judged by it.

    Raises:
        InputError: It was not.
    """
    if now < EARLIEST:
        raise InputError(
            f"this box's clock says {now:%Y-%m-%d %H:%M} UTC, so nothing can be said of validity "
            "(its battery may be dead); set it: timedatectl set-time 'YYYY-MM-DD HH:MM', or let "
            "it reach a time server"
        )


def _check_time(certificate: x509.Certificate, now: datetime) -> None:
    who = certificate.subject.rfc4514_string()
    if now > certificate.not_valid_after_utc:
        raise InputError(
            f"the certificate of {who} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; this "
            f"box's clock says {now:%Y-%m-%d %H:%M} UTC. Have a new one issued"
        )
    if now < certificate.not_valid_before_utc:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
        raise InputError(
            f"the certificate of {who} is valid from {begins} UTC on; "
            f"this box's clock says {now:%Y-%m-%d %H:%M}. Is it slow? timedatectl"
        )


def _by_one_of(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> bool:
    return any(_issued(each, certificate) for each in authorities)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """`issuer` may issue, and did issue it."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.ca


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public_of(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

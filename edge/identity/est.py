"""EST: asks an authority for a certificate over HTTPS, and nothing else.

The authority proves itself with its TLS certificate (`ca_file`), we with a one-time password or the
certificate that is about to end. Tries once: whether to try again is for the caller to say.

Source:
    RFC 7030: simpleenroll 4.2, simplereenroll 4.2.2; bodies as RFC 8951 clarifies (base64).
"""

from __future__ import annotations

import base64
import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from edge.errors import EdgeError, InputError

TIMEOUT_S = 30.0
LONGEST = 1 << 20


class EnrolmentFailed(EdgeError):
    """The authority could not be reached, or gave no certificate."""


@dataclass(frozen=True)
class Authority:
    """Where to ask, and how it is known.

    Attributes:
        url: Such as `https://est.example:8443`, with the label of RFC 7030 3.2.2 as its path.
        ca_file: Certificates that may vouch for it.
        user: With a one-time password; empty to show a certificate instead.
        password: Of `user`.
        cert_file: Certificate to renew, and whose key follows; None for a first enrolment.
        key_file: Its key.
    """

    url: str
    ca_file: Path
    user: str = ""
    password: str = ""
    cert_file: Path | None = None
    key_file: Path | None = None


def enrol(authority: Authority, request: x509.CertificateSigningRequest) -> list[x509.Certificate]:
    """The certificates an authority answers with; whether they are any use is judged elsewhere.

    Raises:
        InputError: The address or a file is wrong.
        EnrolmentFailed: It refused, wants to be asked later, or was not to be reached.
    """
    parts = urlsplit(authority.url)
    if parts.scheme != "https" or not parts.hostname:
        raise InputError(f"{authority.url}: expected https://HOST[:PORT], without a password in it")
    verb = "simplereenroll" if authority.cert_file is not None else "simpleenroll"
    label = parts.path.strip("/")
    path = "/".join(part for part in ("/.well-known/est", label, verb) if part)
    headers = {
        "Content-Type": "application/pkcs10",
        "Content-Transfer-Encoding": "base64",
        "Accept": "application/pkcs7-mime",
    }
    if authority.user:
        both = base64.b64encode(f"{authority.user}:{authority.password}".encode()).decode()
        headers["Authorization"] = f"Basic {both}"
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=TIMEOUT_S, context=_context(authority)
    )
    place = f"{parts.hostname}:{connection.port}"
    try:
        body = base64.encodebytes(request.public_bytes(Encoding.DER))
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read(LONGEST)
    except ssl.SSLCertVerificationError as exc:
        raise EnrolmentFailed(
            f"{place} shows a certificate this box does not trust ({exc.verify_message}); is "
            f"{authority.ca_file} that of the authority, and the clock right? timedatectl"
        ) from exc
    except (OSError, http.client.HTTPException) as exc:
        raise EnrolmentFailed(f"{place}: {exc}; nothing was changed") from exc
    finally:
        connection.close()
    return _certificates(place, answer.status, answer.getheader("Retry-After"), content)


def _certificates(
    place: str, status: int, retry_after: str | None, content: bytes
) -> list[x509.Certificate]:
    if status == http.HTTPStatus.ACCEPTED:
        raise EnrolmentFailed(
            f"{place} has taken the request and waits for somebody to approve it; ask again in "
            f"{retry_after or 'some'} s, the key stays the same"
        )
    if status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        raise EnrolmentFailed(f"{place} refused (HTTP {status}); check user and one-time password")
    if status != http.HTTPStatus.OK:
        said = content[:200].decode("ascii", "replace").strip().splitlines()[:1]
        raise EnrolmentFailed(f"{place} answered HTTP {status}: {said[0] if said else ''}")
    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(content))
    except ValueError as exc:
        raise EnrolmentFailed(f"{place}: the answer is no PKCS #7 list of certificates") from exc


def _context(authority: Authority) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(authority.ca_file))
    except OSError as exc:
        raise InputError(f"{authority.ca_file}: no certificates in PEM form ({exc})") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority.cert_file is not None:
        try:
            context.load_cert_chain(authority.cert_file, authority.key_file, password="")
        except OSError as exc:
            raise InputError(f"{authority.cert_file}: cannot be shown ({exc})") from exc
    return context

"""What went wrong between this box and the broker, in words a technician can act on.

Pure but for reading exception objects; knows no MQTT library, only the protocol's numbers. No
function here is given a user name or a password, so none can leak one.
"""

from __future__ import annotations

import socket
import ssl

_REASONS = {
    0x80: "unspecified error",
    0x81: "it could not read the packet",
    0x82: "protocol error",
    0x83: "it refuses for a reason of its own",
    0x84: "it does not speak MQTT 5: set `protocol: 3.1.1`, or update the broker",
    0x85: "it does not accept this client's identifier: check the broker's prefixes",
    0x86: "wrong user name or password: check `username` and `password`",
    0x87: "not authorised: check the broker's access list for this user",
    0x88: "the broker is not available",
    0x89: "the broker is busy",
    0x8A: "this client is banned: ask the broker's administrator why",
    0x8B: "the broker is shutting down",
    0x8D: "the broker heard nothing for too long",
    0x8E: "another client took over this identifier: do two boxes share one node name?",
    0x90: "the topic is not accepted",
    0x93: "too many messages at once",
    0x95: "the message is larger than the broker accepts",
    0x96: "messages come too fast",
    0x97: "a quota is used up",
    0x98: "closed by the broker's administrator",
    0x99: "the payload is not in the format it said",
    0x9A: "it does not support retained messages",
    0x9B: "it does not support this quality of service",
    0x9C: "use another server for now",
    0x9D: "the server has moved",
    0x9F: "connections come too fast",
}

_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED

NO_SUBSCRIBERS = 0x10
"""The broker took the message, and nobody was listening."""

TOO_LARGE = 0x95

NEVER = frozenset({0x90, TOO_LARGE, 0x99})
"""Reasons that will be the same next time: the message is at fault, not the moment."""


def reason(code: int) -> str:
    """An MQTT 5 reason code (2.4 of the standard) in words, with the remedy where there is one."""
    return f"{_REASONS.get(code, 'unknown reason')} (0x{code:02x})"


def said(words: str) -> str:
    """What the broker adds in its own words, ready to be appended; shortened to one line."""
    line = " ".join(words.split())[:200]
    return f'; it says: "{line}"' if line else ""


_ALERTS = {
    "CERTIFICATE_EXPIRED": "it has expired: renew `cert_file`",
    "CERTIFICATE_REVOKED": "it was revoked: provision this box anew",
    "CERTIFICATE_REQUIRED": "there is none: set `cert_file` and `key_file`",
    "UNKNOWN_CA": "its issuer is not one the broker trusts: check `cert_file`",
    "CERTIFICATE_UNKNOWN": "the broker will not accept it: check `cert_file` and the broker's log",
    "BAD_CERTIFICATE": "the broker will not accept it: check `cert_file` and the broker's log",
}


def refused_certificate(problem: ssl.SSLError, place: str) -> str:
    """The broker ended the encrypted link, as it does over a client's certificate."""
    alert = problem.reason or ""
    why = next((words for name, words in _ALERTS.items() if alert.endswith(name)), "")
    if why:
        return f"TLS: {place} refused this box's certificate: {why}"
    return f"TLS: {place} broke the encrypted link: {alert or problem}"


def failure(problem: OSError | ValueError, place: str, *, is_tls: bool) -> str:
    """Why a connection could not be made.

    Args:
        problem: What the attempt raised.
        place: `host:port`.
        is_tls: Whether TLS was wanted.

    Returns:
        One line: what failed, where, and what to check.
    """
    host = place.rpartition(":")[0]
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    words = f"cannot connect to {place}: {text}"
    if isinstance(problem, ssl.SSLCertVerificationError) and problem.verify_code == _EXPIRED:
        words = (
            f"TLS: the certificate of {place} has expired: the broker's owner must renew it; if it "
            "was renewed, check this box's clock"
        )
    elif isinstance(problem, ssl.SSLCertVerificationError):
        words = (
            f"TLS: the certificate of {place} is not trusted: {problem.verify_message}; check "
            "`ca_file`, that the url has the name in the certificate, and this box's clock"
        )
    elif isinstance(problem, ssl.SSLError) and "ALERT" in (problem.reason or ""):
        words = refused_certificate(problem, place)
    elif isinstance(problem, ssl.SSLError):
        cause = problem.reason or text
        words = f"TLS with {place} failed: {cause}; is it the broker's TLS port?"
    elif isinstance(problem, socket.gaierror):
        words = f"no address for {host} (DNS): check the name and this box's name server"
    elif isinstance(problem, ConnectionRefusedError):
        words = f"{place} refused the connection: is the broker running, and is the port right?"
    elif isinstance(problem, TimeoutError):
        words = f"no answer from {place}: check cable, route and firewall"
    elif isinstance(problem, ConnectionError):
        words = hung_up(place, is_tls=is_tls)
    return words


def hung_up(place: str, *, is_tls: bool) -> str:
    """The broker closed the connection without answering it."""
    hint = (
        "does it want a client certificate (`cert_file`, `key_file`), and is ours still valid?"
        if is_tls
        else "does the port want TLS (mqtts://)?"
    )
    return f"{place} closed the connection without an answer: {hint}"

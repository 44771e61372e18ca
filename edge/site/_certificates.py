"""Certificates: of this box, of those it trusts, of its page and of the broker; how long they hold.

Boundary: reads the files that are configured, and shakes hands with the broker once, believing
nothing, to see what it shows.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta

from edge.config import Config
from edge.errors import InputError
from edge.identity.certificate import Certificate, read_certificates
from edge.runtime.clock import OLDEST
from edge.site._check import Check

SOON = timedelta(days=30)
"""A visit to the site can be planned in it."""

ANSWER_S = 5.0


def examine_certificates(config: Config, now: datetime) -> Iterator[Check]:
    """Each certificate there is, by how long it is valid yet.

    Args:
        config: Names the files and the broker.
        now: UTC of this box's clock.
    """
    mqtt, web, folder = config.appliance.mqtt, config.appliance.web, config.folder
    renewed = f"edge provision enrol --config {folder} URL, or `edge provision request` by hand"
    other = "have a new one issued, and reload"
    for name, path, remedy in (
        ("certificate of this box", mqtt.cert_file, renewed),
        ("certificate of the authority", mqtt.ca_file, "put the authority's new one into ca_file"),
        ("certificate of the page", web.cert_file if web else None, other),
    ):
        if path is None:
            continue
        try:
            found = read_certificates(path.read_bytes(), str(path))
        except (InputError, OSError) as exc:
            words = str(exc) if isinstance(exc, InputError) else f"{path}: {exc.strerror}"
            yield Check(name, "red", words, remedy)
            continue
        # A file of authorities may hold old ones beside new ones; a chain is as good as its worst.
        ends = max if path == mqtt.ca_file else min
        yield judged(name, ends(found, key=lambda each: each.not_valid_after_utc), now, remedy)
    for address in mqtt.addresses:
        if address.is_tls and (shown := _shown(address.host, address.port)) is not None:
            remedy = "tell who runs the broker: it is theirs to renew"
            yield judged(f"certificate of broker {address.place}", shown, now, remedy)


def judged(name: str, certificate: Certificate, now: datetime, remedy: str) -> Check:
    """How a certificate stands at a time.

    Args:
        name: What it is called in the report.
        certificate: What is judged.
        now: UTC of this box's clock.
        remedy: What to do where it has expired or soon will.
    """
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        slow = "set the clock: sudo timedatectl set-time 'YYYY-MM-DD HH:MM'; see `clock`"
        what = f"not valid before {begins:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} here"
        if now < OLDEST:
            what += ": this box's clock stands, so nothing can be said of it"
        return Check(name, "red", what, slow)
    if now > ends:
        what = f"expired on {ends:%Y-%m-%d}; it is {now:%Y-%m-%d} here"
        return Check(name, "red", what, remedy)
    days = (ends - now).days
    found = f"valid until {ends:%Y-%m-%d}, {days} days"
    if ends - now < SOON:
        return Check(name, "amber", found, remedy)
    return Check(name, "green", found)


def _shown(host: str, port: int) -> Certificate | None:
    """What a server shows, good or bad; None where none came, which the broker's check says."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent: it is only looked at
    try:
        with (
            socket.create_connection((host, port), ANSWER_S) as line,
            context.wrap_socket(line, server_hostname=host) as talk,
        ):
            coded = talk.getpeercert(binary_form=True)
            return read_certificates(coded, host)[0] if coded else None
    except (OSError, InputError):
        return None

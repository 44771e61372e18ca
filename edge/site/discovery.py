"""Discovery: which ONVIF cameras answer on the networks of this box.

Boundary: asks by UDP and hears whoever answers. What comes is anybody's: read with limits, shown
without control characters, and believed only about the address it came from.

Source:
    WS-Discovery (April 2005) and ONVIF Core 7: Probe for a NetworkVideoTransmitter.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from edge.errors import EdgeError, InputError
from edge.site._onvif import CameraRefused, Login, parsed, printable, streams

__all__ = ["MULTICAST", "Camera", "Login", "discover", "with_streams"]

MULTICAST = ("239.255.255.250", 3702)

MOST_CAMERAS = 1024
"""Beyond it somebody is playing: a network of cameras has a few hundred."""

AGAIN_S = 1.0
"""A datagram may be lost: the question is asked twice."""

WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"

PROBE = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{WSA}" xmlns:d="{WSD}">
<s:Header><a:MessageID>uuid:%s</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
<a:Action>{WSD}/Probe</a:Action></s:Header><s:Body><d:Probe>
<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>
</d:Probe></s:Body></s:Envelope>"""


@dataclass(frozen=True, slots=True)
class Camera:
    """One that answered.

    Attributes:
        address: Where the answer came from.
        endpoint: What it calls itself for good, mostly `urn:uuid:...`.
        name: From its scopes; empty where it says none.
        hardware: From its scopes, likewise.
        location: From its scopes, likewise.
        xaddrs: Addresses of its device service.
        streams: Addresses of its streams, without credentials; empty where nobody asked.
        refusal: Why there are none, in words; empty where it did not refuse.
    """

    address: str
    endpoint: str
    name: str
    hardware: str
    location: str
    xaddrs: tuple[str, ...]
    streams: tuple[str, ...] = ()
    refusal: str = ""


def discover(address: tuple[str, int], seconds: float) -> tuple[list[Camera], int]:
    """Ask, and listen.

    Args:
        address: `MULTICAST`, or one camera's.
        seconds: How long to listen.

    Returns:
        The cameras, each once, by address; and how many answers could not be read.

    Raises:
        InputError: There is no such address.
        EdgeError: No network takes the question.
    """
    found: dict[tuple[str, str], Camera] = {}
    n_unread = 0
    until = time.monotonic() + seconds
    again = time.monotonic() + min(AGAIN_S, seconds / 2)
    question = (PROBE % uuid.uuid4()).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        _send(line, question, address)
        while (now := time.monotonic()) < until and len(found) < MOST_CAMERAS:
            if now >= again:
                _send(line, question, address)
                again = until
            line.settimeout(max(0.001, min(again, until) - now))
            try:
                coded, sender = line.recvfrom(65535)
                for camera in _matches(coded, sender[0]):
                    found.setdefault((camera.address, camera.endpoint), camera)
            except ValueError:
                n_unread += 1
            except OSError:  # nothing in time, or an ICMP message about an earlier question
                continue
    cameras = sorted(found.values(), key=lambda c: (ipaddress.ip_address(c.address), c.endpoint))
    return cameras, n_unread


def with_streams(camera: Camera, login: Login) -> Camera:
    """The camera with the addresses of its streams, or with why it gives none."""
    # Whoever answers may name any host: the login goes only to the one that answered.
    service = next((x for x in camera.xaddrs if _is_at(x, camera.address)), None)
    if service is None:
        refusal = f"not asked for streams: none of its addresses is http://{camera.address}"
        return replace(camera, refusal=refusal)
    try:
        found = streams(service, login)
    except CameraRefused as exc:
        return replace(camera, refusal=str(exc))
    return replace(camera, streams=tuple(found), refusal="" if found else "has no streams")


def _send(line: socket.socket, question: bytes, address: tuple[str, int]) -> None:
    """To one address; multicast on every network, as cameras are seldom on the default route's."""
    if address != MULTICAST:
        try:
            line.sendto(question, address)
        except (OSError, UnicodeError) as exc:
            words = getattr(exc, "strerror", "") or "no such host name"
            raise InputError(f"--address {address[0]}: {words}") from exc
        return
    n_sent = 0
    for index, _ in socket.if_nameindex():
        try:
            chosen = struct.pack("=4s4si", bytes(4), bytes(4), index)
            line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, chosen)
            line.sendto(question, address)
            n_sent += 1
        except OSError:  # it is down, or has no IPv4 address
            continue
    if not n_sent:
        raise EdgeError("no network takes the question; `ip -brief address` shows which are up")


def _matches(coded: bytes, sender: str) -> Iterator[Camera]:
    """The cameras in an answer; ValueError where it cannot be read."""
    for match in parsed(coded).iter(f"{{{WSD}}}ProbeMatch"):
        scopes: dict[str, str] = {}
        for scope in (match.findtext(f"{{{WSD}}}Scopes") or "").split():
            kind, _, value = scope.partition("onvif://www.onvif.org/")[2].partition("/")
            scopes[kind] = ", ".join(filter(None, (scopes.get(kind), unquote(value))))
        endpoint = match.findtext(f"{{{WSA}}}EndpointReference/{{{WSA}}}Address")
        xaddrs = (match.findtext(f"{{{WSD}}}XAddrs") or "").split()
        yield Camera(
            address=sender,
            endpoint=printable(endpoint),
            name=printable(scopes.get("name")),
            hardware=printable(scopes.get("hardware")),
            location=printable(scopes.get("location")),
            xaddrs=tuple(sorted({printable(xaddr) for xaddr in xaddrs[:16]})),
        )


def _is_at(xaddr: str, address: str) -> bool:
    try:
        parts = urlsplit(xaddr)
        is_whole = parts.port != 0
    except ValueError:
        return False
    return is_whole and parts.scheme == "http" and parts.hostname == address

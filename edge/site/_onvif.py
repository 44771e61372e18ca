"""ONVIF: three fixed requests to one camera, for the addresses of its streams.

Boundary: HTTP to the address that answered and to no other, whatever the camera names; no proxy, no
redirect. The password goes as a digest and comes back to nobody.

Source:
    ONVIF Core 5.9.4 and WS-Security UsernameToken Profile 1.0; ONVIF Device and Media 1.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import secrets
import socket
import threading
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from edge.errors import EdgeError

ANSWER_S = 5.0
"""Longest wait for a whole answer, however slowly it drips."""

LONGEST = 1 << 20
"""Bytes of an answer; a camera with 16 profiles sends a tenth."""

MOST_PROFILES = 16

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"

ENVELOPE = f"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>
<Security xmlns="{WSSE}-wssecurity-secext-1.0.xsd" s:mustUnderstand="true"><UsernameToken>
<Username>%s</Username>
<Password Type="{WSSE}-username-token-profile-1.0#PasswordDigest">%s</Password>
<Nonce EncodingType="{WSSE}-soap-message-security-1.0#Base64Binary">%s</Nonce>
<Created xmlns="{WSSE}-wssecurity-utility-1.0.xsd">%s</Created>
</UsernameToken></Security></s:Header><s:Body>%s</s:Body></s:Envelope>"""

SECRET = re.compile(
    r"(?<![a-z])(user(?:name)?|pass(?:word|wd)?|pwd|auth|token)=[^&_]*", re.IGNORECASE
)


class CameraRefused(EdgeError):
    """The camera gave no addresses of streams; the text says why."""


@dataclass(frozen=True)
class Login:
    """Who asks.

    Attributes:
        user: A user of the camera's.
        password: Of that user.
    """

    user: str
    password: str


def parsed(coded: bytes) -> ET.Element:
    """An XML document from the network, without any definitions of its own.

    Raises:
        ValueError: It is no XML in UTF-8, or brings a DOCTYPE.
    """
    text = coded.decode("utf-8-sig")
    if "<!DOCTYPE" in text:
        raise ValueError("a DOCTYPE is not accepted")
    try:
        return ET.fromstring(text)  # noqa: S314 - without a DOCTYPE there are no entities
    except ET.ParseError as exc:
        raise ValueError(f"broken XML: {exc}") from exc


def printable(text: str | None) -> str:
    """Text from the network that does nothing to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in (text or "").strip()[:512])


def streams(service: str, login: Login) -> list[str]:
    """The addresses of a camera's streams, one for each profile, without credentials.

    Args:
        service: Address of its device service.
        login: Who asks.

    Raises:
        CameraRefused: It does not answer, refuses, or answers what cannot be used.
    """
    asked = f'<GetCapabilities xmlns="{DEVICE}"><Category>Media</Category></GetCapabilities>'
    media = _ask(service, login, asked).findtext(f".//{{{SCHEMA}}}Media/{{{SCHEMA}}}XAddr")
    # Only its path is taken: who answers must not send the login elsewhere.
    try:
        path = urlsplit((media or "").strip()).path or "/onvif/media_service"
    except ValueError as exc:
        raise CameraRefused("names a media service that is no address") from exc
    media = urlsplit(service)._replace(path=path, query="").geturl()
    profiles = _ask(media, login, f'<GetProfiles xmlns="{MEDIA}"/>').iter(f"{{{MEDIA}}}Profiles")
    found = []
    for token in [profile.get("token", "") for profile in profiles][:MOST_PROFILES]:
        setup = (
            f'<StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream><Transport '
            f'xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
        )
        asked = f"{setup}<ProfileToken>{escape(token)}</ProfileToken>"
        answer = _ask(media, login, f'<GetStreamUri xmlns="{MEDIA}">{asked}</GetStreamUri>')
        uri = _bare(printable(answer.findtext(f".//{{{SCHEMA}}}Uri")), login.password)
        if uri and uri not in found:
            found.append(uri)
    return found


def _bare(uri: str, password: str) -> str:
    """An address without user and password, wherever in it the camera writes them."""
    for secret in filter(None, (password, quote(password), quote(password, safe=""))):
        uri = uri.replace(secret, "***")
    return SECRET.sub(r"\1=***", re.sub(r"^(\w+://)[^?#]*@", r"\1", uri))


def _ask(address: str, login: Login, body: str) -> ET.Element:
    """One request and its answer."""
    nonce = secrets.token_bytes(16)
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    proof = nonce + created.encode() + login.password.encode()
    digest = hashlib.sha1(proof).digest()  # noqa: S324 - the profile knows no other
    shown = (b64encode(digest).decode(), b64encode(nonce).decode(), created)
    status, coded = _post(address, (ENVELOPE % (escape(login.user), *shown, body)).encode())
    if status in (401, 403) or (status != http.client.OK and b"NotAuthorized" in coded):
        raise CameraRefused(
            "refused user and password; check both, that the user may use ONVIF, and the camera's "
            "clock: a login from another time is refused, too"
        )
    if status != http.client.OK:
        raise CameraRefused(f"answered HTTP {status}")
    try:
        return parsed(coded)
    except ValueError as exc:
        raise CameraRefused(f"answered what cannot be read: {exc}") from exc


def _post(address: str, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(address)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=ANSWER_S)
    until = time.monotonic() + ANSWER_S
    try:
        line.connect()
        end = threading.Timer(max(0.0, until - time.monotonic()), _hang_up, [line.sock])
        end.daemon = True
        end.start()
        try:
            headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
            line.request("POST", parts.path or "/", body, headers)
            answer = line.getresponse()
            coded = answer.read(LONGEST + 1)
        finally:
            end.cancel()
    except (OSError, ValueError, http.client.HTTPException) as exc:
        if time.monotonic() >= until:
            raise CameraRefused(f"no whole answer within {ANSWER_S:g} s") from exc
        raise CameraRefused(f"cannot be asked: {type(exc).__name__}") from exc
    finally:
        line.close()
    if time.monotonic() >= until:
        raise CameraRefused(f"no whole answer within {ANSWER_S:g} s")
    if len(coded) > LONGEST:
        raise CameraRefused(f"answered more than {LONGEST >> 10} KiB")
    return answer.status, coded


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is closed already
        return

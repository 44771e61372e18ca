"""HTTPS: PUT to a web server, with nothing but the standard library.

Boundary: HTTP. How far an upload that was cut got is asked with an empty PUT and
`Content-Range: bytes */LENGTH`; a server that knows this answers 308 with `Range: bytes=0-LAST`,
any other gets the whole file anew. That it arrived as it was sent is shown by `Repr-Digest`
(RFC 9530) in an answer, else by reading it back.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from edge.errors import DeliveryFailed
from edge.evidence.delivery import Delivery, DeliveryOptions, Pace, Parcel
from edge.evidence.delivery._address import checked

_ANSWER_S = 60.0
_WHOLE = 1 << 20  # up to here it is not worth asking how far an earlier attempt got
_RANGE = re.compile(r"bytes=0-(\d+)")


class Options(DeliveryOptions):
    """A web server that takes PUT."""

    kind: Literal["https"]
    insecure: Annotated[
        bool, Field(description="Accept http:// to another machine: all travels in clear text.")
    ] = False
    url: Annotated[
        str,
        Field(description="Where names are put behind.", examples=["https://hub.example/evidence"]),
    ]
    username: Annotated[
        SecretStr | None, Field(description="User name.", examples=["!secret user"])
    ] = None
    password: Annotated[
        SecretStr | None, Field(description="Password.", examples=["!secret password"])
    ] = None
    token: Annotated[
        SecretStr | None, Field(description="Bearer token.", examples=["!secret token"])
    ] = None
    ca_file: Annotated[
        Path | None,
        Field(description="Certificates that may vouch for it (PEM).", examples=["tls/ca.pem"]),
    ] = None
    cert_file: Annotated[
        Path | None, Field(description="This box's certificate (PEM).", examples=["tls/node.pem"])
    ] = None
    key_file: Annotated[
        Path | None, Field(description="Its private key (PEM).", examples=["tls/node.key"])
    ] = None

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str, info: ValidationInfo) -> str:
        return checked(url, insecure=bool(info.data.get("insecure")))

    def open(self) -> Delivery:
        """The way there."""
        return _Https(self)


class _Https:
    """The way to one server."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.place = options.url
        self._parts = urlsplit(options.url)
        self._link: HTTPConnection | None = None
        self._changed: set[str] = set()  # what arrived changed is not gone on with

    def send(self, parcel: Parcel, pace: Pace) -> None:
        with self._in_words(parcel.name):
            path = f"{self._parts.path}/{quote(parcel.name)}"
            answer = self._put(path, parcel, pace, self._arrived(path, parcel))
            if not self._states(answer, parcel):
                answer = self._ask("HEAD", path, {"Want-Repr-Digest": "sha-256=10"})
                if not self._states(answer, parcel):
                    self._read_back(path, parcel)

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _arrived(self, path: str, parcel: Parcel) -> int:
        """How many bytes the server has from an attempt that was cut."""
        if parcel.size <= _WHOLE or parcel.name in self._changed:
            return 0
        answer = self._ask("PUT", path, {"Content-Range": f"bytes */{parcel.size}"})
        found = _RANGE.fullmatch(answer.headers.get("Range", ""))
        if answer.status == 308 and found:
            return min(int(found[1]) + 1, parcel.size - 1)  # the last byte ends the upload
        return 0

    def _put(self, path: str, parcel: Parcel, pace: Pace, offset: int) -> HTTPResponse:
        headers = {"Repr-Digest": _repr_digest(parcel.sha256)}
        if offset:
            headers["Content-Range"] = f"bytes {offset}-{parcel.size - 1}/{parcel.size}"

        def body() -> Iterator[bytes]:
            for chunk in parcel.read(offset):
                pace.take(len(chunk))
                yield chunk

        headers["Content-Length"] = str(parcel.size - offset)
        answer = self._ask("PUT", path, headers, body())
        if not 200 <= answer.status < 300:
            raise DeliveryFailed(
                f"{self.place}: {parcel.name} was refused: {answer.status} {answer.reason}"
            )
        return answer

    def _states(self, answer: HTTPResponse, parcel: Parcel) -> bool:
        """Whether an answer proves that it arrived.

        Raises:
            DeliveryFailed: It proves the opposite.
        """
        stated = answer.headers.get("Repr-Digest", "")
        found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", stated)
        if not 200 <= answer.status < 300 or not found:
            return False
        if found[0] != _repr_digest(parcel.sha256):
            self._refuse(answer, parcel, base64.b64decode(found[1]).hex())
        self._changed.discard(parcel.name)
        return True

    def _read_back(self, path: str, parcel: Parcel) -> None:
        link = self._connected()
        link.request("GET", path, headers=self._login())
        answer = link.getresponse()
        digest = hashlib.sha256()
        while chunk := answer.read(1 << 16):
            digest.update(chunk)
        if answer.status != 200:
            raise DeliveryFailed(
                f"{self.place}: whether {parcel.name} arrived as it was sent cannot be told: the "
                f"server states no Repr-Digest, and reading it back gave {answer.status}"
            )
        if digest.hexdigest() != parcel.sha256:
            self._refuse(answer, parcel, digest.hexdigest())
        self._changed.discard(parcel.name)

    def _refuse(self, answer: HTTPResponse, parcel: Parcel, found: str) -> None:
        self._changed.add(parcel.name)
        raise DeliveryFailed(
            f"{self.place}: {parcel.name} arrived changed: SHA-256 {found}, expected "
            f"{parcel.sha256} (answer {answer.status}); it is sent anew"
        )

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Iterator[bytes] | None = None,
    ) -> HTTPResponse:
        link = self._connected()
        link.request(method, path, body, {**self._login(), **headers})
        answer = link.getresponse()
        answer.read()
        return answer

    def _connected(self) -> HTTPConnection:
        if self._link is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "http":
                self._link = HTTPConnection(host, port, timeout=_ANSWER_S)
            else:
                options = self._options
                context = ssl.create_default_context(cafile=options.ca_file)
                if options.cert_file is not None:
                    context.load_cert_chain(options.cert_file, options.key_file)
                self._link = HTTPSConnection(host, port, timeout=_ANSWER_S, context=context)
        return self._link

    def _login(self) -> dict[str, str]:
        options = self._options
        if options.token is not None:
            return {"Authorization": f"Bearer {options.token.get_secret_value()}"}
        if options.username is None or options.password is None:
            return {}
        pair = f"{options.username.get_secret_value()}:{options.password.get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        try:
            yield
        except DeliveryFailed:
            self.close()
            raise
        except (OSError, HTTPException) as exc:
            self.close()
            why = str(exc) or type(exc).__name__
            raise DeliveryFailed(f"{self.place}: {name} was not sent: {why}") from exc


def _repr_digest(sha256: str) -> str:
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"

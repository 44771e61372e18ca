"""A box with its device page open, in this process, and a browser that is not one."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.config import load
from edge.runtime.daemon import Daemon
from edge.runtime.page import Page
from edge.runtime.service import Service
from tests.servers import eventually

APPLIANCE = """\
version: 1
site: harbour
node: cabinet-1
mqtt: {{url: "mqtt://127.0.0.1:1"}}
storage: {{path: {storage}}}
detectors:
  street: {{kind: motion}}
web: {{listen: "127.0.0.1:0"}}
"""

CAMERA = """\
# Seen from the bakery.
version: 1
camera: {camera}
name: Street   # what people say
source: {{kind: file, path: {clip}, loop: true}}
analyse: {{detector: street, fps: 8, gate: motion}}
zones:
  # all of it
  yard: [[0.10, 0.50], [0.90, 0.50], [0.90, 1.00], [0.10, 1.00]]
  # the kerb
  kerb: [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]
rules:
  - {{name: yard-entry, kind: zone_entry, zone: yard}}   # who comes in
"""


class Opened(Daemon):
    """A daemon whose parts a test can look at."""

    page: Page
    service: Service

    def _page(self, service: Service, *others: Any, **named: Any) -> Page:
        self.service = service
        self.page = super()._page(service, *others, **named)
        return self.page


@dataclass
class Answer:
    """What the page said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


@dataclass
class Browser:
    """Keeps a cookie and the token that changing requests bring."""

    port: int
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    cookie: str = ""
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once, on a connection of its own."""
        connection = self._connection()
        try:
            connection.request(*self._request(method, path, body, raw, headers))
            response = connection.getresponse()
            said = response.read()
            if cookie := response.headers.get("set-cookie"):
                self.cookie = cookie.partition(";")[0]
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, said)
        finally:
            connection.close()

    def begin(self) -> Any:
        """Load the page: the session."""
        answer = self.ask("GET", "/api/session")
        assert answer.status == 200, answer.body
        self.csrf = answer.json["csrf"]
        return answer.json

    def login(self, user: str, password: str) -> Answer:
        """Log in."""
        answer = self.ask("POST", "/api/login", {"user": user, "password": password})
        if answer.status == 200:
            self.csrf = answer.json["csrf"]
        return answer

    @contextmanager
    def listening(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """An answer that goes on."""
        connection = self._connection()
        try:
            connection.request(*self._request("GET", path, None, None, None))
            yield connection.getresponse()
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=20, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=20)

    def _request(
        self, method: str, path: str, body: Any, raw: bytes | None, more: Mapping[str, str] | None
    ) -> tuple[str, str, bytes | None, dict[str, str]]:
        headers = {**self.headers, **({"Cookie": self.cookie} if self.cookie else {})}
        if self.csrf:
            headers["X-Edge-CSRF"] = self.csrf
        if body is not None:
            raw, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        return method, path, raw, {**headers, **(more or {})}


@contextmanager
def running(daemon: Opened) -> Iterator[Opened]:
    """A daemon in a thread of this process; its page may not be open."""
    thread = threading.Thread(target=daemon.run, name="daemon")
    thread.start()
    try:
        tried = eventually(
            lambda: hasattr(daemon, "page") and bool(daemon.page.url or daemon.page.trouble), 30
        )
        assert tried
        yield daemon
    finally:
        daemon.stop()
        thread.join(timeout=30)
        assert not thread.is_alive()


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Opened, Browser]]:
    """The daemon on a folder, and a browser at its page."""
    with running(Opened(load(folder), lambda: load(folder))) as daemon:
        assert not daemon.page.trouble
        yield daemon, browser_at(daemon)


def browser_at(daemon: Opened) -> Browser:
    """A browser at an open page."""
    return Browser(int(daemon.page.url.rstrip("/").rpartition(":")[2]))


def configured(folder: Path, clip: Path, *cameras: str) -> Path:
    """A configuration folder whose cameras show a clip; gives the folder."""
    (folder / "cameras").mkdir(parents=True, exist_ok=True)
    (folder / "appliance.yaml").write_text(APPLIANCE.format(storage=folder / "var"))
    for camera in cameras or ("street",):
        text = CAMERA.format(camera=camera, clip=clip)
        (folder / "cameras" / f"{camera}.yaml").write_text(text)
    return folder

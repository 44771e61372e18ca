"""A camera that sends its stream over HTTP, in this process, on loopback.

It sends a file's bytes at the pace they play, and then does what a test asks for: ends, or goes
silent with the connection open.
"""

from __future__ import annotations

import base64
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

STEP_S = 0.02


class HttpCamera:
    """Serve a file at `/live` as a stream; anything else is not found.

    Args:
        body: The file.
        seconds: How long it plays.
        mime: What it is said to be.
        user: With `password`, who may look (basic authentication).
        password: See `user`.
        is_stalling: At the end keep the connection open and send nothing.
        certificate: With `key`, both PEM files: it serves `https://`.
        key: See `certificate`.
    """

    def __init__(
        self,
        body: Path,
        seconds: float,
        *,
        mime: str = "video/mp2t",
        user: str | None = None,
        password: str = "",
        is_stalling: bool = False,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.body = body.read_bytes()
        self.seconds = seconds
        self.mime = mime
        self.is_stalling = is_stalling
        self.expected = None if user is None else _basic(user, password)
        self.closing = threading.Event()
        self._user = user
        self._password = password
        self._is_tls = certificate is not None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> HttpCamera:  # noqa: PYI034  # typing.Self came with Python 3.11
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address with this camera's own credentials."""
        return self.url_as(self._user, self._password)

    def url_as(self, user: str | None, password: str, path: str = "/live") -> str:
        """Give the address with these credentials, or with none."""
        scheme = "https" if self._is_tls else "http"
        who = "" if user is None else f"{quote(user, safe='')}:{quote(password, safe='')}@"
        return f"{scheme}://{who}127.0.0.1:{self._server.server_address[1]}{path}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _handler(camera: HttpCamera) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if camera.expected not in {None, self.headers["Authorization"]}:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path.partition("?")[0] != "/live":
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Type", camera.mime)
                self.end_headers()
                self._stream()

        def _stream(self) -> None:
            began, sent = time.monotonic(), 0
            try:
                while sent < len(camera.body) and not camera.closing.wait(STEP_S):
                    played = (time.monotonic() - began) / camera.seconds
                    due = min(len(camera.body), round(played * len(camera.body)))
                    self.wfile.write(camera.body[sent:due])
                    sent = due
            except OSError:  # the client went away
                return
            if camera.is_stalling:
                camera.closing.wait(30)

        def log_message(self, *words: Any) -> None:
            """Keep quiet."""

    return Handler

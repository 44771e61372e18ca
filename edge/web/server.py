"""Server: the page's socket and thread. The one file that talks to uvicorn."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from edge.errors import EdgeError

log = logging.getLogger("edge.web")
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

START_S = 5.0
STOP_S = 3.0
MOST_CONNECTIONS = 100


class PageUnavailable(EdgeError):
    """The page cannot be opened; the box watches all the same."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page is.

    Attributes:
        host: Name or address, without brackets.
        port: 0 takes any that is free.
        cert_file: Certificate chain for TLS; None for none.
        key_file: Its key.
    """

    host: str
    port: int
    cert_file: Path | None = None
    key_file: Path | None = None


class Server:
    """One open page.

    Args:
        app: What answers.
        address: Where.

    Attributes:
        url: What to type.

    Raises:
        PageUnavailable: The address cannot be had, or the certificate not be used.
    """

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self._socket = _listening(address)
        host = f"[{address.host}]" if ":" in address.host else address.host
        scheme = "https" if address.cert_file else "http"
        self.url = f"{scheme}://{host}:{self._socket.getsockname()[1]}/"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nobody says for others where they come from
            http="h11",
            ws="none",
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
            ssl_certfile=address.cert_file,
            ssl_keyfile=address.key_file,
            # Never asked for on a terminal: a key with a password is refused instead.
            ssl_keyfile_password="none" if address.key_file else None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as why:
            self._socket.close()
            raise PageUnavailable(
                f"web: {address.cert_file} and {address.key_file} cannot be used: "
                f"{why.strerror or why}; expected a PEM certificate and its key without a password"
            ) from why
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()
        give_up_at = time.monotonic() + START_S
        while not self._server.started and self._thread.is_alive():
            if time.monotonic() > give_up_at:
                break
            time.sleep(0.01)
        if not self._server.started:
            self.close()
            raise PageUnavailable(f"web: {self.url} did not open within {START_S:.0f} s")

    @property
    def is_open(self) -> bool:
        """It answers."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Close it; streams end."""
        self._server.should_exit = True
        self._thread.join(timeout=STOP_S)
        self._socket.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except Exception:
            log.exception("the device page ended; watching goes on")


def _listening(address: Address) -> socket.socket:
    where = f"{address.host}:{address.port}"
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, place = found[0]
        return socket.create_server(place[:2], family=family, backlog=128)
    except (OSError, OverflowError) as why:
        reason = getattr(why, "strerror", None) or why
        raise PageUnavailable(
            f"web: {where} cannot be opened: {reason}; set another in web.listen, "
            f"or see who has it: ss -ltnp 'sport = :{address.port}'"
        ) from why

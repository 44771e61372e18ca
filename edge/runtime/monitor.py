"""Monitor: /metrics, /healthz and /readyz for whoever looks after many boxes, over plain HTTP.

Boundary: a listener of its own, off by default; it tells numbers and words, never a picture, an
address with a password, or what a rule saw.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edge.config.schema import place_of
from edge.errors import EdgeError

log = logging.getLogger("edge.monitor")

STUCK_S = 60.0
"""A camera that got no further for so long does not get on: longer than any detector takes."""

REQUEST_S = 10.0


class MonitorUnavailable(EdgeError):
    """The address cannot be had; the box watches all the same."""


class Progress:
    """Whether everything gets on, judged at each question by what was seen before. Thread-safe.

    Args:
        steps: How far each camera got.
        are_engines_able: No engine is broken or hangs.
        monotonic: Seconds.
    """

    def __init__(
        self,
        steps: Callable[[], Mapping[str, int]],
        are_engines_able: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps, self._are_engines_able, self._monotonic = steps, are_engines_able, monotonic
        self._moved: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def trouble(self) -> str:
        """What does not get on, in words; empty if nothing."""
        if not self._are_engines_able():
            return "an engine is broken or hangs"
        now = self._monotonic()
        with self._lock:
            before, self._moved = self._moved, {}
            for camera, n_steps in self._steps().items():
                known = before.get(camera)
                is_still = known is not None and known[0] == n_steps
                self._moved[camera] = known if is_still and known else (n_steps, now)
            stuck = [name for name, (_, since) in self._moved.items() if now - since >= STUCK_S]
        return f"no progress for {STUCK_S:.0f} s: {', '.join(sorted(stuck))}" if stuck else ""


class Monitor:
    """The listener.

    Args:
        listen: `host:port`; port 0 takes any that is free.
        metrics: Gives Prometheus' text.
        unready: Why the box is not ready, in words; empty once it is.
        trouble: What does not get on, in words; empty if nothing.

    Raises:
        MonitorUnavailable: The address cannot be had.
    """

    def __init__(
        self,
        listen: str,
        *,
        metrics: Callable[[], str],
        unready: Callable[[], str],
        trouble: Callable[[], str],
    ) -> None:
        place = place_of(listen)
        answers: dict[str, Callable[[], tuple[int, str]]] = {
            "/metrics": lambda: (200, metrics()),
            "/healthz": lambda: _verdict(trouble()),
            "/readyz": lambda: _verdict(unready()),
        }
        try:
            self._server = _Server(place, answers)
        except (OSError, OverflowError) as exc:
            raise MonitorUnavailable(
                f"metrics: {listen} cannot be opened: {getattr(exc, 'strerror', None) or exc}; set "
                f"another in metrics.listen, or see who has it: ss -ltnp 'sport = :{place[1]}'"
            ) from exc
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="monitor", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Close it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2.0)


def _verdict(trouble: str) -> tuple[int, str]:
    return (503, f"{trouble}\n") if trouble else (200, "ok\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], answers: Mapping[str, Callable[[], tuple[int, str]]]
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.answers = answers
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A scraper that went away is no fault of ours."""
        log.debug("monitor: %s went away", client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_S
    server: _Server
    server_version = "edge"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one of three questions."""
        answer = self.server.answers.get(self.path.partition("?")[0])
        if answer is None:
            self._send(404, "there are /metrics, /healthz and /readyz\n")
            return
        try:
            self._send(*answer())
        except (EdgeError, ValueError, RuntimeError) as exc:
            log.error("monitor: %s: %s", self.path, exc)
            self._send(500, "it could not be told; see the journal\n")

    def _send(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Scrapes are not worth a line."""

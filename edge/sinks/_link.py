"""Link: what is known about the connection to the broker, for health, doctor and the log.

Boundary: knows no MQTT. Written by the sender's thread, read from any.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from edge.errors import SinkError

_log = logging.getLogger("edge.sinks.mqtt")

_LOG_EVERY_S = 60.0
_MOST_KINDS = 64  # of errors kept quiet at once


class LinkDown(SinkError, ConnectionError):
    """There is no working connection to the broker; the text says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """How it goes between this box and the broker.

    Attributes:
        place: `host:port` of the broker that is connected or was tried last.
        is_connected: Right now.
        since: UTC since when; None before the first attempt has ended.
        error: The last thing that went wrong, in words; empty while all is well.
        last_error: The same, kept when it is over.
        last_error_at: UTC at which that was last seen; None while nothing ever was.
        attempts: Connections tried.
        published: Messages and states handed to the broker, repeats included.
        acknowledged: Of those, how many it confirmed.
        unheard: Events it confirmed while nobody was subscribed to them.
    """

    place: str
    is_connected: bool = False
    since: datetime | None = None
    error: str = ""
    last_error: str = ""
    last_error_at: datetime | None = None
    attempts: int = 0
    published: int = 0
    acknowledged: int = 0
    unheard: int = 0


class LinkRecord:
    """Keeps the link's state, and says each change once.

    Args:
        place: `host:port` of the preferred broker.
    """

    def __init__(self, place: str) -> None:
        self._lock = threading.Lock()
        self._link = Link(place)
        self._quiet_until: dict[str, float] = {}  # by what was said

    @property
    def link(self) -> Link:
        """A snapshot."""
        with self._lock:
            return self._link

    def trying(self, place: str) -> None:
        """A connection is being tried."""
        with self._lock:
            self._link = replace(self._link, place=place, attempts=self._link.attempts + 1)

    def up(self, at: datetime) -> None:
        """The broker has accepted."""
        with self._lock:
            self._link = replace(self._link, is_connected=True, since=at, error="")
            self._quiet_until.clear()
            _log.info("connected to %s", self._link.place)

    def down(self, at: datetime) -> None:
        """The connection is gone, or was never made."""
        with self._lock:
            if self._link.is_connected or self._link.since is None:
                self._link = replace(self._link, is_connected=False, since=at)

    def failed(self, error: str) -> None:
        """Keep what went wrong; log it when it is news, else once a minute."""
        at = datetime.now(timezone.utc)
        with self._lock:
            self._link = replace(self._link, error=error, last_error=error, last_error_at=at)
            now = time.monotonic()
            if now >= self._quiet_until.get(error, now):
                if len(self._quiet_until) > _MOST_KINDS:
                    self._quiet_until.clear()
                self._quiet_until[error] = now + _LOG_EVERY_S
                _log.warning("%s (attempt %d, events wait on disk)", error, self._link.attempts)

    def count(self, *, published: int = 0, acknowledged: int = 0, unheard: int = 0) -> None:
        """Add to the counters."""
        with self._lock:
            self._link = replace(
                self._link,
                published=self._link.published + published,
                acknowledged=self._link.acknowledged + acknowledged,
                unheard=self._link.unheard + unheard,
            )

"""Reader: one camera's connection, and the one place that tries a source again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.backoff import back_off_s
from edge.errors import SourceError, SourceRefused
from edge.packet import Stream
from edge.ring import Ring
from edge.runtime.clock import utc_now
from edge.sources import SourceOptions

log = logging.getLogger("edge.camera")

RING_SECONDS = 10.0
RING_BYTES = 24 * 2**20
"""Ten seconds at 4 Mbit/s are 5 MiB; the bound is for the camera that sends 4K instead."""

STEADY_S = 10.0
"""A connection that held this long was a good one: what breaks it is a first failure. One that
breaks sooner is another failure in a row, or a camera that restarts all the time would be knocked
at every second for ever."""

REFUSED_S = 15.0
"""Shortest wait after a refusal: a wrong password does not get better by trying, and cameras lock
out who tries too often."""


@dataclass(frozen=True)
class Feed:
    """One connection: what the reader fills and the watcher empties."""

    stream: Stream
    ring: Ring


class Reader:
    """Keeps a camera connected, in its own thread.

    Args:
        camera: The camera's id, for the log.
        source: How to reach it.
        wait: Seconds to wait after the n-th failure in a row.
        keep_s: How much of the stream to hold, at least.
    """

    def __init__(
        self,
        camera: str,
        source: SourceOptions,
        wait: Callable[[int], float] = back_off_s,
        *,
        keep_s: float = RING_SECONDS,
    ) -> None:
        self._keep_s = max(RING_SECONDS, keep_s)
        self.n_packets = 0
        self._n_headless = 0  # of connections that ended
        self._ring: Ring | None = None
        self.n_connections = 0
        self._camera = camera
        self._source = source
        self._wait = wait
        self._failures = 0
        self._feed: Feed | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._trouble = "connecting"
        self._clock_doubt = ""
        self._late_s = 0.0
        self._heard_at = time.monotonic()
        self._stream_time = 0.0
        self._has_ended = False
        self._is_live = True  # until it is known better
        self._thread = threading.Thread(target=self._run, name=f"reader-{camera}", daemon=True)

    @property
    def n_headless(self) -> int:
        """Packets dropped because no keyframe had come before them."""
        ring = self._ring
        return self._n_headless + (0 if ring is None else ring.n_headless)

    @property
    def trouble(self) -> str:
        """Why there are no packets; empty while they come."""
        return self._trouble

    @property
    def clock_doubt(self) -> str:
        """Why the times of its packets are in doubt; empty while they are not."""
        return self._clock_doubt

    @property
    def late_s(self) -> float:
        """How long after it was taken the newest packet of a live camera came, as far as known."""
        return self._late_s

    @property
    def silent_s(self) -> float:
        """Seconds since the last packet, or since the start."""
        return time.monotonic() - self._heard_at

    @property
    def is_live(self) -> bool:
        """It comes as it is filmed; a recording waits for who reads it."""
        return self._is_live

    @property
    def has_ended(self) -> bool:
        """A recording that is not looped was read to its end."""
        return self._has_ended

    @property
    def is_empty(self) -> bool:
        """A recording was read to its end and held nothing."""
        return self._has_ended and self.n_packets == 0

    @property
    def feed(self) -> Feed | None:
        """The newest connection, also when it has ended; None before the first."""
        return self._feed

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def request_stop(self) -> None:
        """Let the thread begin to stop."""
        self._stopping.set()
        with self._changed:
            if self._feed is not None:
                self._feed.ring.close()
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop; returns once the thread ended or its last read ran into the time-out."""
        self.request_stop()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def next_feed(self, seen: Feed | None, timeout_s: float) -> Feed | None:
        """Wait for a connection other than `seen`; None when none came in time."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._feed is not seen or self._stopping.is_set(), timeout_s
            )
            return None if self._feed is seen else self._feed

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            shortest_s = 0.0
            try:
                self._read()
            except SourceRefused as exc:
                shortest_s = REFUSED_S
                trouble = str(exc)
            except SourceError as exc:
                trouble = str(exc)
            except Exception as exc:
                # A fault of ours must not end a camera in silence: it is said, and tried again.
                log.exception("camera %s: internal error in the reader", self._camera)
                trouble = f"internal error: {type(exc).__name__}"
            else:
                self._has_ended = True
                self._trouble = "the recording ended"
                return
            is_steady = not self._trouble and time.monotonic() - began >= STEADY_S
            self._failures = 1 if is_steady else self._failures + 1
            wait_s = max(shortest_s, self._wait(self._failures))
            if trouble != self._trouble and not self._stopping.is_set():
                log.warning("camera %s: %s; next try in %.1f s", self._camera, trouble, wait_s)
            self._trouble = trouble
            self._stopping.wait(wait_s)

    def _read(self) -> None:
        """One connection, from opening to a recording's end or the error that broke it."""
        source = self._source.open(not_before=self._stream_time)
        self._is_live = source.is_live
        ring = Ring(seconds=self._keep_s, max_bytes=RING_BYTES, is_lossless=not source.is_live)
        self._ring = ring
        try:
            for number, packet in enumerate(source.packets()):
                if self._stopping.is_set():
                    return
                ring.append(packet)
                self._heard_at = time.monotonic()
                self._clock_doubt = source.clock_doubt
                if source.is_live:
                    self._late_s = (utc_now() - packet.captured_at).total_seconds()
                self._stream_time = max(self._stream_time, packet.pts)
                self.n_packets += 1
                if number == 0:
                    self._connected(Feed(source.stream, ring))
        finally:
            self._ring = None
            self._n_headless += ring.n_headless
            ring.close()
            source.close()

    def _connected(self, feed: Feed) -> None:
        codec, (width, height) = feed.stream.codec, feed.stream.size_wh
        size = f"{width}x{height}" if width else "size in the stream"
        log.info("camera %s: %s, %s", self._camera, codec, size)
        self.n_connections += 1
        self._trouble = ""
        with self._changed:
            self._feed = feed
            self._changed.notify_all()

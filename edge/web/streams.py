"""Streams: what goes on for as long as a browser listens. From threads of the box to asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge.web import Refused, Seen, Stop
from edge.web.access import Admitted

T = TypeVar("T")

MOST_STREAMS = 48
"""At once, of all browsers: each costs a connection, and pictures cost the network."""

STILL_HERE_S = 5.0
"""Without anything to say for so long, an event stream says so, and each checks who listens."""

_BOUNDARY = "edge-picture"


class Mailbox(Generic[T]):
    """What has come and was not yet sent to one browser.

    Args:
        most: Kept at most; beyond it the oldest goes, for a picture that is late is no use.
    """

    def __init__(self, most: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[T | None] = deque(maxlen=most)
        self._is_there = asyncio.Event()

    def put(self, item: T | None) -> None:
        """Add something; from any thread. None says that nothing more will come."""
        try:
            self._loop.call_soon_threadsafe(self._put, item)
        except RuntimeError:  # the page has been closed
            return

    def _put(self, item: T | None) -> None:
        self._items.append(item)
        self._is_there.set()

    async def take(self) -> T | None:
        """The oldest that waits."""
        while not self._items:
            self._is_there.clear()
            await self._is_there.wait()
        return self._items.popleft()


class Streams:
    """All streams of the page."""

    def __init__(self) -> None:
        self._n_open = 0

    async def pictures(
        self, admitted: Admitted, look: Callable[[Callable[[Seen | None], None]], Stop]
    ) -> StreamingResponse:
        """JPEGs, each in the place of the one before; the newest wins.

        Raises:
            Refused: There is nothing to look at, or too many look.
        """
        mailbox: Mailbox[Seen] = Mailbox(1)
        media_type = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        stop = await self._begin(look, mailbox)
        return _Stream(_content(admitted, mailbox, _part, b""), media_type, stop)

    async def texts(
        self,
        admitted: Admitted,
        hear: Callable[[Callable[[bytes | None], None]], Stop],
        most: int,
    ) -> StreamingResponse:
        """Server-sent events, one JSON text each.

        Args:
            admitted: Who listens.
            hear: Begins to give JSON texts.
            most: Kept for a browser that is slow; the oldest goes.

        Raises:
            Refused: There is nothing to hear, or too many listen.
        """
        mailbox: Mailbox[bytes] = Mailbox(most)
        stop = await self._begin(hear, mailbox)
        content = _content(admitted, mailbox, _message, b": still here\n\n")
        return _Stream(content, "text/event-stream", stop)

    async def _begin(
        self, begin: Callable[[Callable[[T | None], None]], Stop], mailbox: Mailbox[T]
    ) -> Stop:
        if self._n_open >= MOST_STREAMS:
            raise Refused(429, f"{MOST_STREAMS} streams are open already; close another page")
        stop = await run_in_threadpool(begin, mailbox.put)
        self._n_open += 1

        def end() -> None:
            self._n_open -= 1
            stop()

        return end


class _Stream(StreamingResponse):
    """An answer that goes on; what it listens to is let go of however it ends."""

    def __init__(self, content: AsyncIterator[bytes], media_type: str, end: Stop) -> None:
        super().__init__(content, media_type=media_type)
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()


async def _content(
    admitted: Admitted, mailbox: Mailbox[T], coded: Callable[[T], bytes], idle: bytes
) -> AsyncIterator[bytes]:
    """What is sent, until nothing more comes or who listens would not be let in any more."""
    loop = asyncio.get_running_loop()
    check_at = loop.time() + STILL_HERE_S
    if idle:
        yield idle  # the browser then knows that it is connected
    while True:
        try:
            item = await asyncio.wait_for(mailbox.take(), STILL_HERE_S)
        except asyncio.TimeoutError:
            if idle:
                yield idle
        else:
            if item is None:
                return
            yield coded(item)
        if loop.time() >= check_at:
            check_at = loop.time() + STILL_HERE_S
            if not admitted.is_open():
                return


def _part(picture: Seen) -> bytes:
    """One picture, with the stream time by which its tracks are found."""
    head = (
        f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nX-Pts: {picture.pts:.3f}\r\n"
        f"Content-Length: {len(picture.jpeg)}\r\n\r\n"
    )
    return b"".join((head.encode(), picture.jpeg, b"\r\n"))


def _message(text: bytes) -> bytes:
    return b"data: " + text + b"\n\n"

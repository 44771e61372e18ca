"""Broker: an MQTT broker inside this process, for `edge demo` on a machine that has none.

Boundary: the only file that imports amqtt, which comes with the `demo` extra. It listens on
loopback only, keeps nothing, and speaks MQTT 3.1.1 alone: sinks need `protocol: 3.1.1`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from edge.errors import MissingDependency, SinkError

if TYPE_CHECKING:
    from amqtt.broker import Broker

_START_S = 10.0


class DemoBroker:
    """A running broker; also a context manager.

    Args:
        port: TCP port on 127.0.0.1; 0 takes a free one.

    Attributes:
        port: Where it listens.

    Raises:
        MissingDependency: amqtt is not installed.
        SinkError: It did not start, most likely because the port is taken.
    """

    protocol = "3.1.1"
    """The newest MQTT version it speaks, as the sink's option wants it."""

    def __init__(self, port: int = 0) -> None:
        try:
            import amqtt.broker  # noqa: F401 - fail here, in words
        except ImportError as problem:
            raise MissingDependency(
                "the demo's MQTT broker needs amqtt: pip install 'edge-appliance[demo]'"
            ) from problem
        # At every client that leaves it logs what is no news to somebody watching a demo.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.port = port or _free_port()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="demo broker", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_S) or self._failure:
            self.close()
            raise SinkError(f"demo broker on 127.0.0.1:{self.port}: {self._failure or 'no start'}")

    @property
    def url(self) -> str:
        """What a sink connects to."""
        return f"mqtt://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop it in a bounded time; safe to call twice."""
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)

    def __enter__(self) -> DemoBroker:  # noqa: PYI034 - typing.Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._started.set()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.close()

    async def _serve(self) -> None:
        from amqtt.broker import Broker
        from amqtt.errors import BrokerError

        broker: Broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                # None of the default plugins that log every packet and publish $SYS topics.
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
                },
            }
        )
        try:
            await broker.start()
        except BrokerError as problem:
            self._failure = str(problem)
            return
        self._started.set()
        await self._stop.wait()
        await broker.shutdown()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

"""Link: what the broker says of this box, and how long a message takes there and back.

Boundary: speaks as the box and listens as whoever may hear it, beside the running daemon.
"""

from __future__ import annotations

import json
import queue
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.config import Config
from edge.errors import MissingDependency
from edge.runtime.service import origin_of
from edge.sinks import Heard, Subscriber, decode
from edge.sinks.mqtt import Options
from edge.topics import ABOUT, DOCTOR, STATUS, node_topic

N_TRIPS = 5
TRIP_S = 5.0
"""Longest wait for a message to come back."""


class Link:
    """Listens to one box until closed.

    Args:
        config: The box's.
        listener: Login and broker of who listens; None for the box's own, which an access list may
            not let hear itself.
        folder: What relative paths in `listener` start from.

    Raises:
        BrokerRefused: One of the two logins was not let in.
        SinkError: A certificate or key file cannot be used.
    """

    def __init__(self, config: Config, listener: Options | None, folder: Path) -> None:
        box, origin = config.appliance.mqtt, origin_of(config)
        self._node = f"{box.root}/{node_topic(origin, '')}"
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self.states: dict[str, Mapping[str, Any]] = {}
        """Last retained value by topic below the node."""
        wanted = (STATUS, ABOUT, DOCTOR, "camera/+/status", "camera/+/state/+", "camera/+/event/#")
        topics = [f"{self._node}{topic}" for topic in wanted]
        options, place = (box, config.folder) if listener is None else (listener, folder)
        self._ear = Subscriber(options, place, topics, self._heard.put)
        self._mouth = self._ear
        if listener is not None:
            try:
                # Subscribing is what makes it connect; commands are what a box may always hear.
                self._mouth = Subscriber(
                    box, config.folder, [f"{self._node}cmd/none"], lambda _: None
                )
            except BaseException:
                self._ear.close()
                raise

    def round_trips_ms(self) -> list[float]:
        """Publish and hear again, some times one after the other; ends at the first that is lost.

        Returns:
            Milliseconds of each that came back.
        """
        taken: list[float] = []
        for _ in range(N_TRIPS):
            token = secrets.token_hex(8).encode()
            began = time.monotonic()
            self._mouth.publish(f"{self._node}{DOCTOR}", token)
            if not any(heard == token for heard in self._until(began + TRIP_S)):
                break
            taken.append((time.monotonic() - began) * 1000)
        return taken

    def events(self, timeout_s: float) -> Iterator[Mapping[str, Any]]:
        """Event messages that come within a time; ends with the first."""
        for found in self._until(time.monotonic() + timeout_s):
            if isinstance(found, dict):
                yield found
                return

    def close(self) -> None:
        """Stop listening."""
        self._ear.close()
        if self._mouth is not self._ear:
            self._mouth.close()

    def _until(self, deadline: float) -> Iterator[bytes | dict[str, Any]]:
        """Tokens and events as they come; states are kept on the way."""
        while (left := deadline - time.monotonic()) > 0:
            try:
                heard = self._heard.get(timeout=left)
            except queue.Empty:
                return
            topic = heard.topic.removeprefix(self._node)
            if topic == DOCTOR:
                yield heard.payload
                continue
            message: object = {}
            with suppress(ValueError, MissingDependency):
                message = decode(heard.payload, heard.content_type) if heard.payload else {}
            if not isinstance(message, dict):
                continue
            if "/event/" not in topic:
                self.states[topic] = message
            elif not heard.is_replayed and not heard.is_retained:
                yield message


def read_event(payload: bytes) -> Mapping[str, Any]:
    """An event message as the outbox keeps it."""
    said = json.loads(payload)
    return said if isinstance(said, dict) else {}

"""The control room: everything the box says over MQTT, with the moment it was heard."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SITE, NODE, ROOT = "soak", "cabinet-001", "cctv"


@dataclass(frozen=True)
class Heard:
    """One message.

    Attributes:
        t: Monotonic time it was heard, seconds.
        late_s: Of an event: how long after it happened it was heard, by this machine's UTC.
        body: The message itself.
    """

    t: float
    late_s: float
    body: dict[str, Any]


def is_watching(status: Mapping[str, Any]) -> bool:
    """Whether a camera's status says that its pictures are analysed.

    A clock in doubt is no fault of the camera: a machine that runs this may have no time server.
    """
    is_clock = "clock" in status.get("why", "")
    return status["state"] == "watching" or (status["state"] == "degraded" and is_clock)


class ControlRoom:
    """A subscriber at QoS 1 whose session the broker keeps.

    Args:
        port: Of the broker on the loopback.
    """

    def __init__(self, port: int) -> None:
        self.events: list[Heard] = []
        self.statuses: list[Heard] = []
        self.healths: list[Heard] = []
        self.node: list[Heard] = []
        subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="control-room", protocol=paho.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe(f"{ROOT}/#", qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._note
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()
        assert subscribed.wait(5), "the control room could not subscribe"

    def is_watched(self, camera: str) -> bool:
        """Whether the box last said that it watches the camera."""
        for heard in reversed(list(self.statuses)):
            if heard.body["camera"] == camera:
                return is_watching(heard.body)
        return False

    def watched_since(self, camera: str, since: float) -> float | None:
        """When the box first said so, at or after a monotonic time."""
        for heard in list(self.statuses):
            is_it = heard.body["camera"] == camera and is_watching(heard.body)
            if is_it and heard.t >= since:
                return heard.t
        return None

    def of(self, kind: str, phase: str, camera: str = "", since: float = 0.0) -> list[Heard]:
        """Events of a kind and phase, of all cameras or of one, heard since a monotonic time."""
        return [
            heard
            for heard in list(self.events)
            if (heard.body["kind"], heard.body["phase"]) == (kind, phase)
            and camera in ("", heard.body["camera"])
            and heard.t >= since
        ]

    def close(self) -> None:
        """Leave, and end the session: the next one begins with nothing."""
        self._client.disconnect()
        self._client.loop_stop()

    def keep(self, file: Path) -> None:
        """Write everything heard, one JSON object a line, in the order it was heard."""
        heard = sorted([*self.events, *self.statuses, *self.healths, *self.node], key=_when)
        lines = [json.dumps({"t": round(one.t, 3), **one.body}) for one in heard]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _note(self, _client: paho.Client, _data: object, got: paho.MQTTMessage) -> None:
        now, wall = time.monotonic(), datetime.now(timezone.utc)
        if not got.payload:
            return
        body = json.loads(got.payload)
        place = got.topic.removeprefix(f"{ROOT}/v1/{SITE}/{NODE}/")
        if "/event/" in place:
            at = datetime.fromisoformat(body["at"].replace("Z", "+00:00"))
            self.events.append(Heard(now, (wall - at).total_seconds(), body))
        elif place.startswith("camera/") and place.endswith("/status"):
            self.statuses.append(Heard(now, 0.0, body))
        elif place == "health":
            self.healths.append(Heard(now, 0.0, body))
        elif place == "status":
            self.node.append(Heard(now, 0.0, body))


def _when(heard: Heard) -> float:
    return heard.t

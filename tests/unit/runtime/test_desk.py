"""Answers of the desk, as they go back to the broker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from edge.commands import Box, Picture
from edge.config import Appliance
from edge.frame import Stamp
from edge.runtime.desk import Desk
from edge.sinks import Incoming, Post, Publisher
from edge.sinks._outbox import Outbox
from tests.servers import eventually
from tests.unit.sinks.events_builder import AT, ORIGIN


class OneCamera:
    """A box with a picture."""

    def snapshot(self, camera: str, _max_bytes: int) -> Picture:
        return Picture(b"\xff\xd8", Stamp(camera, 1, 1.0, AT, 40), (640, 360))


@pytest.mark.parametrize("profile", [None, "laboratory"])
def test_a_picture_says_that_its_box_is_on_trial(profile: Any, tmp_path: Path) -> None:
    """It is no JSON, so the mark is a user property; a box in earnest has none."""
    publisher = Publisher(Outbox(None), replace(ORIGIN, profile=profile), [], tmp_path)
    desk = Desk(cast("Box", OneCamera()), publisher)
    desk.hear(
        Appliance.model_validate(
            {
                "version": 1,
                "site": "westminster",
                "node": "cabinet-017",
                "mqtt": {"url": "mqtt://127.0.0.1"},
                "storage": {"path": tmp_path},
                "detectors": {"street": {"kind": "motion"}},
                "commands": {"allow": ("snapshot",)},
            }
        )
    )
    desk.start()
    time.sleep(0.01)  # `at` is cut to milliseconds, and what was sent before the start is stale
    asked = {"id": "1", "at": datetime.now(timezone.utc).isoformat(), "camera": "gate"}
    topic = "cctv/v1/westminster/cabinet-017/cmd/snapshot/control-room"
    sent: list[Post] = []

    def answer(posts: Iterable[Post]) -> bool:
        sent.extend(posts)
        return True

    desk.take(Incoming(topic, json.dumps(asked).encode(), response_topic="answers/1"), answer)
    assert eventually(lambda: sent)
    desk.close()
    publisher.close()
    (post,) = sent
    assert post.content_type == "image/jpeg", post.payload
    assert dict(post.properties).get("profile") == profile

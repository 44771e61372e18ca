"""The books of a box: what they say to others, and to whom they answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.runtime.books import Books
from edge.sinks import Incoming, Post, Publisher
from edge.sinks._outbox import Outbox
from tests.servers import eventually
from tests.unit.runtime.test_governance import KEPT, Keeping, Kept
from tests.unit.sinks.events_builder import ORIGIN


@pytest.mark.parametrize("profile", [None, "laboratory"])
def test_a_box_on_trial_marks_its_heads_and_its_answers_to_reviews(
    profile: Any, tmp_path: Path
) -> None:
    """A head and an answer are messages too; a box in earnest has no mark."""
    origin = replace(ORIGIN, profile=profile)
    kept = Kept()
    KEPT[:] = [kept]
    publisher = Publisher(Outbox(None), origin, [], tmp_path)
    books = Books(tmp_path, origin)
    answers: list[Post] = []

    def answer(posts: Iterable[Post]) -> bool:
        answers.extend(posts)
        return True

    try:
        books.begin({"config": "ab" * 32}, 0)
        books.attach(publisher)
        publisher.reopen(origin, [Keeping()], tmp_path)
        books.sign()
        review = {"verdict": "true", "at": datetime.now(timezone.utc).isoformat(), "who": "Op 4"}
        topic = "cctv/v1/westminster/cabinet-017/review/0199a7c2-7f1e-7c55-9a53-2f6d0f2f1a11"
        asked = Incoming(topic, json.dumps(review).encode(), response_topic="answers/1")
        books.take_review(asked, answer)
        assert eventually(lambda: "audit" in kept.states and answers)
    finally:
        books.close()
        publisher.close()
    assert kept.states["audit"].get("profile") == profile
    (reply,) = (json.loads(post.payload) for post in answers)
    assert (reply["outcome"], reply.get("profile")) == ("unknown", profile)

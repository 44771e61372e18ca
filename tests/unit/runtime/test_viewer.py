"""Those who look at a camera: served, forgotten when they leave, and never in its way."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone

import cv2
import numpy as np
import pytest

from edge.frame import Frame, Stamp
from edge.pipeline import Step
from edge.runtime.lookers import Lookers
from edge.runtime.viewer import Viewers
from edge.snapshot import small_jpeg
from edge.web import Seen
from tests.servers import eventually


def frame(width: int = 64, height: int = 36) -> Frame:
    half = np.full((height // 2, width // 2), 128, np.uint8)
    stamp = Stamp("gate", 0, 0.0, datetime.now(timezone.utc), 0)
    return Frame(stamp, np.full((height, width), 90, np.uint8), half, half)


def test_who_waits_gets_the_next_picture_as_they_may_see_it() -> None:
    """People are hidden from who may not see them, and from them alone; once for all."""
    viewers = Viewers()
    got: dict[int, Frame | None] = {}

    def ask(n: int) -> None:
        got[n] = viewers.ask(10.0, is_redacted=n < 2)

    asking = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in asking:
        thread.start()
    assert eventually(lambda: len(viewers._waiting) == 3, 5)
    plain, hidden = frame(), frame()
    n_hidden = 0

    def hide() -> Frame:
        nonlocal n_hidden
        n_hidden += 1
        return hidden

    viewers.show(lambda: plain, hide)
    viewers.show(frame, frame)
    for thread in asking:
        thread.join()
    assert got == {0: hidden, 1: hidden, 2: plain}
    assert n_hidden == 1


def test_a_picture_in_which_nobody_knows_who_is_there_is_not_shown() -> None:
    """Who asked for one with people hidden goes on waiting."""
    viewers = Viewers()
    got: list[Frame | None] = []
    thread = threading.Thread(target=lambda: got.append(viewers.ask(10.0, is_redacted=True)))
    thread.start()
    assert eventually(lambda: len(viewers._waiting) == 1, 5)
    viewers.show(frame, lambda: None)
    assert len(viewers._waiting) == 1
    hidden = frame()
    viewers.show(frame, lambda: hidden)
    thread.join()
    assert got == [hidden]


def test_who_waits_in_vain_is_forgotten() -> None:
    """A lost camera that is looked at for days keeps nothing of it."""
    viewers = Viewers()
    assert viewers.ask(0.01, is_redacted=True) is None
    assert viewers._waiting == []


def test_one_who_fails_keeps_the_others_and_the_watching(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its fault is in the log."""
    caplog.set_level(logging.ERROR, logger="edge.camera")
    viewers = Viewers()
    told: list[Step | None] = []

    def fails(_: Step | None) -> None:
        raise ValueError("a fault of ours")

    stop_failing = viewers.follow(fails)
    stop = viewers.follow(told.append)
    step = Step(frame(), None, None, [])
    viewers.tell(step)
    assert told == [step]
    assert "somebody who follows a camera failed" in caplog.text
    for end in (stop_failing, stop, stop):  # twice is no harm
        end()
    viewers.tell(step)
    assert told == [step]


def test_lookers_share_a_picture_and_end_with_the_camera() -> None:
    """Coded once for two; None tells them when the camera is watched no more."""
    viewers = Viewers()
    lookers = Lookers(viewers, "gate")
    one: list[Seen | None] = []
    two: list[Seen | None] = []
    assert not viewers.is_watched
    stop = lookers.look(one.append)
    lookers.look(two.append)
    assert eventually(lambda: viewers.is_watched and len(viewers._waiting) == 1, 5)
    viewers.show(frame, frame)
    assert eventually(lambda: bool(one) and bool(two), 5)
    assert lookers.n_coded == 1
    assert one == two
    assert one[0] is not None
    assert one[0].pts == frame().stamp.pts, "its tracks are found by it"
    assert one[0].jpeg == small_jpeg(frame(), 1280)
    stop()
    viewers.close()
    assert eventually(lambda: two[-1] is None, 5)
    assert one[-1] is not None
    assert eventually(lambda: not viewers.is_watched, 5)


@pytest.mark.parametrize(
    ("size_wh", "shown_wh"),
    [((640, 360), (640, 360)), ((1920, 1080), (1280, 720)), ((2592, 1944), (1280, 960))],
)
def test_a_wide_picture_is_made_smaller(
    size_wh: tuple[int, int], shown_wh: tuple[int, int]
) -> None:
    """At most 1280 wide, its shape and colour kept."""
    coded = small_jpeg(frame(*size_wh), 1280)
    image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert (image.shape[1], image.shape[0]) == shown_wh
    assert abs(float(image.mean()) - 86) < 4  # luma 90 of the video range

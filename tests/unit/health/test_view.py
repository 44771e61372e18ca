"""What a view learns and forgets: never what hides it, never what it moved to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frame import Frame, Plane, Stamp
from edge.health._structure import anywhere, correlation, structure
from edge.health.covered import Covered
from edge.health.frozen import Frozen
from edge.health.moved import Moved
from edge.health.view import View
from tests.scenes.alterations import Alteration, bag, cover, noisy, painted, pushed
from tests.scenes.disturbances import as_luma, yard

YARD = as_luma(yard(320, 180))
BEFORE = [noisy(YARD, look, 1.5) for look in range(40)]
"""What the camera usually shows: long enough to be learnt."""


def words(pictures: Iterable[Plane], *, step_s: float = 1.0) -> list[tuple[str, str]]:
    """What is said of being covered and moved, at each look."""
    frozen = Frozen()
    view = View(frozen)
    covered, moved, found = Covered(view), Moved(view), []
    for look, luma in enumerate(pictures):
        half = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128, np.uint8)
        stamp = Stamp("c", look, look * step_s, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)
        frame = Frame(stamp, luma, half, half)
        frozen.look(frame)
        found.append((covered.look(frame), moved.look(frame)))
    return found


def test_a_moved_camera_is_never_learnt_away() -> None:
    """Half an hour later it is still moved, and the words say how far."""
    elsewhere = [pushed(YARD, look, x=-0.1) for look in range(10)] * 12
    said = words(BEFORE + elsewhere, step_s=15.0)
    assert said[-1] == ("", "the picture has shifted by about 10 % to the left")


def test_a_covered_camera_is_never_learnt_away() -> None:
    said = words(BEFORE + [cover(YARD, look) for look in range(120)], step_s=15.0)
    assert said[-1][0]
    assert not said[-1][1]


def test_the_sun_s_course_is_learnt() -> None:
    """Another picture after two hours of small changes; nothing is said on the way."""
    evening = as_luma(yard(320, 180)[:, ::-1])
    n_looks = 480
    day = [
        noisy(cv2.addWeighted(YARD, 1 - look / n_looks, evening, look / n_looks, 0), look, 1.5)
        for look in range(n_looks)
    ]
    assert set(words(BEFORE + day, step_s=15.0)) == {("", "")}


@pytest.mark.parametrize("hidden", [cover, bag, partial(painted, share=0.75)])
def test_covered_and_moved_exclude_each_other(hidden: Alteration) -> None:
    said = words(BEFORE + [hidden(YARD, look) for look in range(15)])
    assert said[-1][0]
    assert not any(moved for _, moved in said[45:])


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        ({"x": 0.1}, "the picture has shifted by about 10 % to the right"),
        ({"y": -0.2}, "the picture has shifted by about 20 % upwards"),
        (
            {"x": -0.1, "y": 0.1},
            "the picture has shifted by about 10 % to the left and 10 % downwards",
        ),
        ({"turn": 5.0}, "the picture is turned by about 5 degrees anticlockwise"),
        ({"turn": -7.5}, "the picture is turned by about 8 degrees clockwise"),
        ({"zoom": 1.2}, "everything is about 20 % larger than it was"),
        ({"zoom": 1 / 1.3}, "everything is about 23 % smaller than it was"),
    ],
)
def test_the_words_say_where_the_view_went(pose: dict[str, float], expected: str) -> None:
    said = words(BEFORE + [pushed(YARD, look, **pose) for look in range(8)])
    assert said[-1] == ("", expected)


def test_another_view_altogether_is_moved() -> None:
    other = as_luma(255 - yard(320, 180)[::-1])
    said = words(BEFORE + [noisy(other, look, 1.5) for look in range(10)])
    assert said[-1] == ("", "the picture shows another view")


def test_a_camera_that_is_covered_from_the_start_says_so_and_learns_nothing_from_it() -> None:
    """Nothing to see needs no learnt view; once there is, it is learnt afresh."""
    black = [noisy(np.full_like(YARD, 16), look, 0.5) for look in range(15)]
    said = words(black + BEFORE)
    assert said[5][0] == "the picture shows nothing: it is dark, or the lens is covered"
    assert said[-1] == ("", "")


def test_nothing_is_judged_across_a_gap() -> None:
    """A minute without pictures: the ones before it are no part of the picture after it."""
    said = words(BEFORE + BEFORE[:3], step_s=60.0)
    assert set(said) == {("", "")}


@pytest.mark.parametrize("size_wh", [(160, 90), (352, 288), (90, 160), (1920, 1080), (33, 17)])
def test_any_shape_of_picture_is_looked_at(size_wh: tuple[int, int]) -> None:
    """4:3, corridor format, smaller than the look itself."""
    still = cv2.resize(YARD, size_wh)
    assert set(words([noisy(still, look, 1.0) for look in range(14)])) == {("", "")}


@settings(max_examples=40, deadline=None)
@given(dx=st.integers(-40, 40), dy=st.integers(-22, 22))
def test_a_shift_is_found_to_the_pixel(dx: int, dy: int) -> None:
    reference = structure(as_luma(yard(160, 90)).astype(np.float32))
    match = anywhere(correlation(reference, np.roll(reference, (dy, dx), (0, 1))))
    assert (match.dx_px, match.dy_px) == (dx, dy)
    assert match.share == pytest.approx(1.0, abs=0.01)

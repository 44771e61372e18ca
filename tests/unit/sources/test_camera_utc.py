"""A camera's own UTC is believed where it can be right, and never runs backwards."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources._camera_utc import AGREEMENT_S, CAMERA_CLOCK_MS, CameraUtc
from edge.sources._clock import CAMERA_DELAY_MS, LiveClock

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
FPS = 10


def settled(ahead_s: float, seconds: int = 60) -> tuple[timedelta, int, str]:
    """What a camera this far ahead of arrival comes to: correction, uncertainty, doubt."""
    utc = CameraUtc(CAMERA_DELAY_MS)
    for index in range(seconds * FPS):
        arrived_at = AT + timedelta(seconds=index / FPS)
        told_s = arrived_at.timestamp() + ahead_s
        captured_at, clock_ms = utc.settle(arrived_at, told_s, index / FPS)
    return captured_at - arrived_at, clock_ms, utc.doubt


@pytest.mark.parametrize(
    ("ahead_s", "correction_s", "clock_ms"),
    [
        pytest.param(-0.02, -0.02, CAMERA_CLOCK_MS, id="a quick network"),
        pytest.param(-0.4, -0.4, 400, id="a slow one: arrival lies within too"),
        pytest.param(-1.9, -1.9, 1900, id="a mobile link"),
        pytest.param(0.01, 0.0, CAMERA_CLOCK_MS, id="after arrival, by as much as NTP is off"),
        pytest.param(0.1, 0.0, CAMERA_DELAY_MS, id="after arrival: one of the clocks is wrong"),
        pytest.param(1.5, 0.0, 1500, id="long after arrival"),
    ],
)
def test_what_agrees_is_believed_within_the_disagreement(
    ahead_s: float, correction_s: float, clock_ms: int
) -> None:
    """Never later than arrival; what both clocks say lies within the uncertainty."""
    correction, uncertain_ms, doubt = settled(ahead_s)
    assert correction.total_seconds() == pytest.approx(correction_s, abs=1e-3)
    assert uncertain_ms == clock_ms
    assert doubt == ""


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [
        (37.2, "the camera's clock is 37.2 s ahead of this box's"),
        (-3600.0, "the camera's clock is 3600.0 s behind this box's, or its pictures arrive "),
    ],
)
def test_what_disagrees_is_told_and_not_used(ahead_s: float, words: str) -> None:
    """Arrival is kept, and the doubt says by how much they differ."""
    correction, uncertain_ms, doubt = settled(ahead_s)
    assert correction == timedelta(0)
    assert uncertain_ms == CAMERA_DELAY_MS
    assert doubt.startswith(words)


@pytest.mark.parametrize("told_s", [0.0, 946_684_800.0, AT.timestamp() - 2 * 86_400])
def test_a_clock_that_was_never_set_is_no_news(told_s: float) -> None:
    """1970, 2000, or the day before yesterday: arrival, and no doubt about this box's clock."""
    utc = CameraUtc(CAMERA_DELAY_MS)
    assert utc.settle(AT, told_s, 1.0) == (AT, CAMERA_DELAY_MS)
    assert utc.doubt == ""


def test_a_doubt_keeps_its_words_while_the_clocks_drift() -> None:
    """A status is not published anew for every tenth of a second."""
    utc = CameraUtc(CAMERA_DELAY_MS)
    said = set()
    for index in range(20):
        utc.settle(AT, AT.timestamp() + 30.0 + index / 10, index)
        said.add(utc.doubt)
    assert len(said) == 2


def test_a_doubt_ends_with_the_disagreement() -> None:
    """A camera that somebody set is believed."""
    utc = CameraUtc(CAMERA_DELAY_MS)
    utc.settle(AT, AT.timestamp() + 30.0, 0.0)
    assert utc.doubt
    utc.settle(AT, AT.timestamp() - 0.01, 1.0)
    assert not utc.doubt


ahead = st.one_of(st.none(), st.floats(-5.0, 5.0), st.floats(-1e5, 1e5))


waits_s = st.one_of(st.just(0.0), st.floats(0.01, 5.0))


@given(st.lists(st.tuples(ahead, waits_s, waits_s), min_size=2, max_size=60))
def test_time_of_capture_never_runs_backwards_nor_after_arrival(
    packets: list[tuple[float | None, float, float]],
) -> None:
    """Whatever a camera tells, begins to tell or ceases to tell, the order of events holds."""
    utc, at_s, dts, captured = CameraUtc(CAMERA_DELAY_MS), 0.0, 0.0, []
    for ahead_s, wait_s, step_s in packets:
        at_s += wait_s
        dts += step_s
        arrived_at = AT + timedelta(seconds=at_s)
        told_s = None if ahead_s is None else arrived_at.timestamp() + ahead_s
        captured_at, clock_ms = utc.settle(arrived_at, told_s, dts)
        captured.append(captured_at)
        assert captured_at <= arrived_at
        believable_s = [0.0]
        if ahead_s is not None and abs(ahead_s) < AGREEMENT_S - 1e-3:
            believable_s.append(ahead_s)
        for side_s in believable_s:  # what either clock says lies within
            off = arrived_at + timedelta(seconds=side_s) - captured_at
            assert abs(off) <= timedelta(milliseconds=clock_ms + 1)
    assert all(before <= after for before, after in pairwise(captured))


def test_a_step_of_the_box_s_clock_shows_as_doubt_and_moves_no_duration() -> None:
    """NTP throws the box an hour forward: the stream goes on, and the camera contradicts."""
    clock = LiveClock()
    said, placed = [], []
    for index in range(40):
        step = timedelta(hours=1) if index >= 20 else timedelta(0)
        seen = AT + timedelta(seconds=index / FPS)
        placed.append(
            clock.place(index / FPS, index / FPS, 50 + index / FPS, seen + step, seen.timestamp())
        )
        said.append(clock.doubt)
    assert not any(said[:20])
    assert all("3600.0 s behind" in doubt for doubt in said[20:])
    assert [round(b.pts - a.pts, 6) for a, b in pairwise(placed)] == [0.1] * 39
    assert placed[-1].captured_at - placed[0].captured_at > timedelta(hours=1)

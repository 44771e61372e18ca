"""Stream time runs on whatever the stream's own timestamps do."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources._clock import CAMERA_DELAY_MS, LiveClock

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def test_durations_are_the_streams_own_not_the_arrivals() -> None:
    """Network jitter moves neither stream time nor UTC."""
    clock = LiveClock()
    jitter = [0.0, 0.2, 0.05, 0.3]
    placed = [
        clock.place(i * 0.1, i * 0.1, 50 + i * 0.1 + late, at(i * 0.1 + late))
        for i, late in enumerate(jitter)
    ]
    assert [round(p.pts - placed[0].pts, 6) for p in placed] == [0.0, 0.1, 0.2, 0.3]
    assert [p.captured_at for p in placed] == [at(0.1 * i) for i in range(4)]


def test_a_step_of_the_boxs_utc_changes_no_duration() -> None:
    """An NTP step moves `captured_at` and nothing else."""
    clock = LiveClock()
    before = clock.place(1.0, 1.0, 10.0, at(0))
    after = clock.place(1.1, 1.1, 10.1, at(-3600))
    assert round(after.pts - before.pts, 6) == 0.1
    assert after.captured_at == at(-3600)


def test_a_restarted_stream_clock_goes_on_where_it_was() -> None:
    """A camera that resets its timestamps in mid-stream does not throw time back."""
    clock = LiveClock()
    before = clock.place(90000.0, 90000.0, 10.0, at(0))
    after = clock.place(0.0, 0.0, 10.1, at(0.1))
    assert 0 < after.pts - before.pts < 0.2


def test_a_reconnection_goes_on_after_what_was_reached() -> None:
    """A burst may run ahead of the clock; the next connection still comes after it."""
    assert LiveClock(not_before=25.0).place(0.0, 0.0, 20.0, at(0)).pts >= 25.0


def test_a_stream_without_timestamps_uses_arrival() -> None:
    """No clock in the stream: arrival is all there is."""
    clock = LiveClock()
    placed = [clock.place(None, None, 10.0 + i, at(i)) for i in range(3)]
    assert [round(p.pts - placed[0].pts, 6) for p in placed] == [0, 1, 2]


def test_a_first_packet_without_a_time_does_not_fix_the_axis() -> None:
    """A stream whose times begin late; right after boot the two clocks look alike."""
    clock = LiveClock()
    first = clock.place(None, None, 8.0, at(0))
    placed = [clock.place(i / 10, i / 10, 8.0 + i / 10, at(i / 10)) for i in range(1, 4)]
    assert [round(p.pts - first.pts, 6) for p in placed] == [0.1, 0.2, 0.3]


times = st.one_of(st.none(), st.floats(-1e5, 1e5, allow_nan=False))


@given(st.lists(st.tuples(times, times, st.floats(0, 100)), max_size=50))
def test_decoding_time_never_goes_back(
    packets: list[tuple[float | None, float | None, float]],
) -> None:
    """Whatever timestamps come, `dts` never decreases and `pts` is never before it."""
    clock = LiveClock()
    arrived, last = 1000.0, float("-inf")
    for pts, dts, wait in packets:
        arrived += wait
        placed = clock.place(pts, dts, arrived, AT)
        assert placed.dts >= last
        assert placed.pts >= placed.dts
        last = placed.dts


steps_s = st.one_of(st.floats(-1e5, 1e5), st.just(0.0))
pictures = st.lists(
    st.tuples(st.floats(0.001, 5.0), st.floats(0.0, 0.2), st.floats(0.0, 4.0), steps_s),
    min_size=1,
    max_size=60,
)


@given(pictures, st.floats(-1e9, 1e9))
def test_durations_survive_any_rate_any_jitter_and_any_step_of_the_wall_clock(
    rows: list[tuple[float, float, float, float]], start: float
) -> None:
    """Variable frame rate, reordering and late packets: differences of `pts` are the stream's.

    The wall clock steps by hours, back and forth; it moves `captured_at` and nothing else.
    """
    steady, stepping = LiveClock(), LiveClock()
    dts, firsts = start, None
    for wait, reorder, late, step in rows:
        dts += wait
        pts, arrived = dts + reorder, 1e4 + dts - start + late
        one = steady.place(pts, dts, arrived, at(0))
        other = stepping.place(pts, dts, arrived, at(step))
        assert (one.pts, one.dts) == (other.pts, other.dts)
        firsts = firsts or (one.pts - pts, one.dts - dts)
        assert one.pts - pts == pytest.approx(firsts[0], abs=1e-3)
        assert one.dts - dts == pytest.approx(firsts[1], abs=1e-3)


def test_what_even_the_quickest_packet_waits_for_is_part_of_the_uncertainty() -> None:
    """A picture that is only seen to be whole when the next one begins: at 5 fps, 200 ms."""
    assert LiveClock(hold_s=0.2).place(0.0, 0.0, 10.0, AT).clock_ms == CAMERA_DELAY_MS + 200

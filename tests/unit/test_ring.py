"""The ring keeps whole GOPs within its bounds and counts what a slow taker missed."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from edge.packet import Packet
from edge.ring import Ring

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def packet(index: int, *, key: bool, size: int = 100, fps: float = 10.0) -> Packet:
    return Packet(bytes(size), index / fps, index / fps, key, AT, 0)


def filled(n: int, gop: int, **bounds: float) -> Ring:
    ring = Ring(seconds=bounds.get("seconds", 2.0), max_bytes=int(bounds.get("max_bytes", 10**9)))
    for index in range(n):
        ring.append(packet(index, key=index % gop == 0))
    return ring


def taken(ring: Ring) -> list[tuple[float, int]]:
    found = []
    while (one := ring.take(0)) is not None:
        found.append((one.packet.pts, one.n_skipped))
    return found


def test_packets_come_out_in_order() -> None:
    """A taker that keeps up gets every packet once."""
    assert taken(filled(15, 5)) == [(i / 10, 0) for i in range(15)]


def test_what_precedes_the_first_keyframe_is_counted_and_dropped() -> None:
    """A stream joined in mid-GOP begins at its first keyframe."""
    ring = Ring(seconds=2, max_bytes=10**9)
    for index in range(6):
        ring.append(packet(index, key=index == 4))
    assert [pts for pts, _ in taken(ring)] == [0.4, 0.5]
    assert ring.n_headless == 4


def test_a_taker_that_fell_behind_goes_on_at_a_keyframe_and_learns_the_count() -> None:
    """What was dropped before it was taken is told, once."""
    ring = filled(100, 10, seconds=2.0)
    found = taken(ring)
    assert found[0] == (7.0, 70)
    assert all(skipped == 0 for _, skipped in found[1:])


def test_bytes_win_over_seconds() -> None:
    """The byte bound holds even where the time bound would keep more."""
    assert filled(100, 10, seconds=1000, max_bytes=2500).n_bytes <= 2500


def test_one_gop_larger_than_the_bound_is_dropped_until_the_next_keyframe() -> None:
    """A camera that never sends a second keyframe cannot fill the memory."""
    ring = Ring(seconds=1, max_bytes=1000)
    for index in range(50):
        ring.append(packet(index, key=index == 0))
    assert ring.n_bytes <= 1000
    assert ring.n_headless > 0


def test_skipping_goes_to_the_newest_keyframe_waiting() -> None:
    """Newest wins, and what was passed over is counted."""
    ring = filled(25, 10, seconds=100)
    assert ring.take(0) is not None
    assert ring.lag_s > 2
    assert ring.skip_to_newest_keyframe() == 19
    assert taken(ring)[0] == (2.0, 0)
    assert ring.skip_to_newest_keyframe() == 0


def test_a_lossless_ring_waits_for_its_taker() -> None:
    """A recording read faster than it is analysed loses nothing."""
    ring = Ring(seconds=0.1, max_bytes=500, is_lossless=True)

    def fill() -> None:
        for index in range(500):
            ring.append(packet(index, key=index % 10 == 0))
        ring.close()

    thread = threading.Thread(target=fill)
    thread.start()
    found = []
    while (one := ring.take(5)) is not None:
        found.append((one.packet.pts, one.n_skipped))
    thread.join()
    assert found == [(i / 10, 0) for i in range(500)]
    assert ring.is_read_out


def test_closing_wakes_a_waiting_taker() -> None:
    """Stopping a camera does not wait for its next packet."""
    ring = Ring(seconds=1, max_bytes=1000)
    threading.Timer(0.05, ring.close).start()
    assert ring.take(10) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=200))
def test_what_is_kept_begins_with_a_keyframe_and_stays_in_bounds(
    packets: list[tuple[bool, int]],
) -> None:
    """Whatever a camera sends, what is kept can be decoded and is bounded."""
    ring = Ring(seconds=1.0, max_bytes=5000)
    for index, (key, size) in enumerate(packets):
        ring.append(packet(index, key=key, size=size))
        assert ring.n_bytes <= 5000
    first = ring.take(0)
    assert first is None or first.packet.is_keyframe


def test_going_back_gives_the_same_packets_again() -> None:
    """What was passed over can be taken again from a keyframe, and nothing is counted as lost."""
    ring = filled(35, 10, seconds=100)
    for _ in range(33):
        ring.take(0)
    assert round(ring.rewind(1), 3) == 0.2
    assert taken(ring)[0] == (3.0, 0)
    assert round(ring.rewind(2), 3) == 1.4
    assert taken(ring)[0] == (2.0, 0)


def test_going_back_further_than_is_kept_stops_at_the_oldest_keyframe() -> None:
    """A ring that was trimmed gives what it has."""
    ring = filled(100, 10, seconds=1.0)
    assert ring.rewind(1) == 0.0
    ring.take(0)
    ring.rewind(5)
    assert taken(ring)[0] == (8.0, 0)


def test_a_taker_at_rest_is_handed_several_packets_at_a_time() -> None:
    """It waits for so many, is then given them all, and waits again."""
    ring = filled(1, 10)
    assert ring.take(0, at_least=4) is not None
    for index in (1, 2, 3):
        ring.append(packet(index, key=False))
    handed: list[float] = []

    def run() -> None:
        while (one := ring.take(5, at_least=4)) is not None:
            handed.append(one.packet.pts)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.2)
    assert handed == []
    ring.append(packet(4, key=False))
    thread.join(0.5)
    assert handed == [0.1, 0.2, 0.3, 0.4]
    ring.append(packet(5, key=False))
    ring.close()
    thread.join(5)
    assert handed[-1] == 0.5


def test_a_keyframe_is_not_waited_upon() -> None:
    """Whoever rests wakes for each: it is what is looked at."""
    ring = filled(1, 10)
    assert ring.take(0) is not None
    ring.append(packet(1, key=False))
    ring.append(packet(2, key=True))
    began = time.monotonic()
    assert [one.packet.pts for _ in range(2) if (one := ring.take(5, at_least=4))] == [0.1, 0.2]
    assert time.monotonic() - began < 1


def test_what_is_there_when_the_time_is_up_is_handed_out() -> None:
    """A camera of few pictures a second is not kept waiting for the rest."""
    ring = filled(1, 10)
    assert ring.take(0) is not None
    ring.append(packet(1, key=False))
    one = ring.take(0.05, at_least=4)
    assert one is not None
    assert one.packet.pts == 0.1

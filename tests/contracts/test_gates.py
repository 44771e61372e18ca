"""What every gate promises, over every kind in the room."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edge.frame import Frame, Stamp
from edge.gates import Gate, GateOptions
from edge.options import kinds
from edge.packet import Packet

KINDS = kinds("edge.gates")
AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def still(pts: float, size: tuple[int, int] = (36, 64)) -> Frame:
    chroma = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    y, u, v = (np.full(shape, 90, np.uint8) for shape in (size, chroma, chroma))
    return Frame(Stamp("yard", 0, pts, AT, 0), y, u, v)


@pytest.fixture(params=sorted(KINDS))
def gate(request: pytest.FixtureRequest) -> Gate:
    options = KINDS[request.param]()
    assert isinstance(options, GateOptions)
    return options.build()


def test_it_looks_at_the_first_picture(gate: Gate) -> None:
    """Nothing is known yet, so nothing may be assumed."""
    assert not gate.is_idle
    assert gate.is_open(still(0.0), is_following=False)


def test_what_is_followed_is_looked_at(gate: Gate) -> None:
    """A still scene with a track in it stays open for ever."""
    assert all(gate.is_open(still(i / 8), is_following=True) for i in range(400))


def test_waking_ends_idleness(gate: Gate) -> None:
    """Whatever the gate found before, it looks from there on."""
    for i in range(400):
        gate.is_open(still(i / 8), is_following=False)
    gate.wake(50.0)
    assert not gate.is_idle
    assert gate.is_open(still(50.0), is_following=False)


def test_it_goes_back_with_the_watcher(gate: Gate) -> None:
    """What stirred at 50 s is judged from 48 s on, every picture of it."""
    for i in range(400):
        gate.is_open(still(i / 8), is_following=False)
    gate.wake(50.0)
    assert all(gate.is_open(still(48 + i / 8), is_following=False) for i in range(17))


def test_a_change_of_picture_size_is_taken(gate: Gate) -> None:
    """A camera set to another resolution is looked at, and nothing breaks."""
    gate.is_open(still(0.0), is_following=False)
    assert gate.is_open(still(0.1, (48, 80)), is_following=False)


def test_any_packet_size_is_taken(gate: Gate) -> None:
    """Empty and huge packets alike."""
    for size in (0, 1, 10**6, 0, 10**6):
        gate.stirs_packet(Packet(bytes(size), 0.0, 0.0, False, AT, 0))

"""Packet sizes tell of large movement in a still picture, and get used to everything else."""

from __future__ import annotations

from itertools import cycle, islice

import numpy as np

from edge.gates._sizes import Sizes


def stirs(sizes: Sizes, told: list[int], *, is_right: bool | None = None) -> int:
    """How often it stirs, told each time whether a picture bore it out."""
    n = 0
    for n_bytes in told:
        if sizes.stir(n_bytes):
            n += 1
            sizes.forget()
            if is_right is not None:
                (sizes.was_right if is_right else sizes.was_wrong)()
    return n


def test_somebody_in_a_still_room_stirs_within_three_packets() -> None:
    """20 bytes a frame, then 1700."""
    sizes = Sizes()
    assert stirs(sizes, [20] * 100) == 0
    assert stirs(sizes, [1700] * 3) == 1


def test_one_large_packet_stirs_nothing() -> None:
    """A single one is a hiccup of the encoder."""
    sizes = Sizes()
    assert stirs(sizes, [20] * 100 + [5000] + [20] * 100) == 0


def test_noise_stirs_nothing() -> None:
    """Sizes that vary by a third."""
    told = np.random.default_rng(2).normal(3000, 1000, 2000).clip(50).astype(int)
    assert stirs(Sizes(), list(told)) == 0


def test_a_constant_bit_rate_stirs_a_few_times_and_then_no_more() -> None:
    """Small after each keyframe, six times that before the next: no picture ever bears it out."""
    saw = [300, 350, 500, 700, 900, 1000, 1100, 1300, 1500, 1800, 1800, 1900]
    told = list(islice(cycle(saw), 2400))
    assert stirs(Sizes(), told, is_right=False) <= 4


def test_noise_that_rises_at_dusk_is_got_used_to() -> None:
    """Five times the size for ever is the new usual, not a movement without end."""
    sizes = Sizes()
    stirs(sizes, [800] * 200)
    assert 0 < stirs(sizes, [4000] * 200, is_right=False) <= 6
    assert stirs(sizes, [4000] * 200) == 0


def test_trust_lost_by_wrong_stirs_comes_back_by_right_ones() -> None:
    """Three times wrong, three times right: as at the beginning."""
    sizes = Sizes()
    for _ in range(3):
        sizes.was_wrong()
    stirs(sizes, [400] * 300)
    assert stirs(sizes, [1700] * 3) == 0
    for _ in range(3):
        sizes.was_right()
    stirs(sizes, [400] * 300)
    assert stirs(sizes, [1700] * 3) == 1

"""Analysis slows before the kernel throttles, and comes back when it has cooled."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.cooling import CALM_S, Cooling


def rates(headrooms: Sequence[float | None], step_s: float = 10.0) -> list[float]:
    """The rate after each reading."""
    cooling, made = Cooling(), []
    for number, headroom in enumerate(headrooms):
        cooling.update(number * step_s, headroom)
        made.append(cooling.rate)
    return made


def test_it_slows_in_steps_and_comes_back_one_by_one() -> None:
    """Half, a quarter; then a minute of cool for each step back."""
    hot = [30.0, 4.9, 1.9]
    assert rates(hot) == [1.0, 0.5, 0.25]
    assert rates([*hot, *[9.0] * 14]) == [1.0, 0.5, 0.25, *[0.25] * 6, *[0.5] * 6, 1.0, 1.0]


def test_it_jumps_down_and_does_not_flutter() -> None:
    """Straight to a quarter where it must be; between hot and cool nothing changes."""
    assert rates([1.0]) == [0.25]
    assert rates([4.0, *[6.0, 9.0] * 30]) == [0.5] * 61


def test_where_nothing_tells_nothing_is_slowed() -> None:
    """A machine without zones; and one whose sensor goes away cools down."""
    assert rates([None] * 5) == [1.0] * 5
    assert rates([1.0, *[None] * 20])[-1] == 1.0


@given(st.lists(st.floats(-50, 100) | st.none(), max_size=60))
def test_it_is_never_faster_than_the_heat_allows(headrooms: list[float | None]) -> None:
    """And whatever was, after ten cool minutes all is analysed."""
    for headroom, rate in zip(headrooms, rates(headrooms), strict=True):
        if headroom is not None and headroom < 5.0:
            assert rate <= (0.25 if headroom < 2.0 else 0.5)
    cool = [50.0] * (2 * int(CALM_S / 10) + 2)
    assert rates([*headrooms, *cool])[-1] == 1.0

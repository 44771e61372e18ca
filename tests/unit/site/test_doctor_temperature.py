"""Doctor says how hot the box is, from the same limits by which its analysis slows down."""

from __future__ import annotations

import pytest

from edge.hardware import Sensors
from edge.site.doctor import temperature


@pytest.mark.parametrize(
    ("celsius", "level"),
    [
        pytest.param(60.0, "green", id="cool"),
        pytest.param(95.0, "amber", id="half of the pictures"),
        pytest.param(98.0, "red", id="a quarter"),
    ],
)
def test_levels_are_the_steps_of_cooling(celsius: float, level: str) -> None:
    """Amber from the first step on, red from the last, and what to do about it."""
    found = temperature(Sensors({"tj": celsius}, {"tj": 99.0}, power_mode="MAXN"))
    assert found.level == level
    assert found.found.startswith(f"tj {celsius:.0f} C, power mode MAXN")
    assert ("nvpmodel" in found.remedy) == (level != "green")


def test_a_machine_that_tells_less() -> None:
    """Without a limit nothing is judged, without a sensor it is said so."""
    assert temperature(Sensors({"acpitz": 99.0})).level == "green"
    assert "no sensor" in temperature(Sensors()).found


def test_a_weak_power_supply_is_said() -> None:
    """Over-current events slow a Jetson down however cool it is."""
    found = temperature(Sensors({"tj": 50.0}, {"tj": 99.0}, throttled={"over-current oc3": 17}))
    assert (found.level, "over-current oc3 17" in found.found) == ("amber", True)
    assert "power supply" in found.remedy

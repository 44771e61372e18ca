"""Sensors, read from trees laid out as kernels of a Jetson and of a PC lay them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.hardware import Sensors, read_sensors


def tree(root: Path, files: dict[str, str]) -> Path:
    """A sysfs."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    return root


ORIN = {
    "class/thermal/thermal_zone0/type": "cpu-thermal",
    "class/thermal/thermal_zone0/temp": "51312",
    "class/thermal/thermal_zone0/trip_point_0_type": "critical",
    "class/thermal/thermal_zone0/trip_point_0_temp": "104500",
    "class/thermal/thermal_zone0/trip_point_1_type": "passive",
    "class/thermal/thermal_zone0/trip_point_1_temp": "99000",
    "class/thermal/thermal_zone1/type": "gpu-thermal",
    "class/thermal/thermal_zone1/temp": "-256000",  # as Orin says of a GPU that sleeps
    "class/thermal/thermal_zone2/type": "tj-thermal",
    "class/thermal/thermal_zone2/temp": "52000",
    "class/thermal/cooling_device0/type": "pwm-fan",
    "class/thermal/cooling_device0/cur_state": "2",
    "devices/platform/bus@0/17000000.gpu/load": "437",
    "class/hwmon/hwmon1/name": "ina3221",
    "class/hwmon/hwmon1/in1_label": "VDD_IN",
    "class/hwmon/hwmon1/in1_input": "5088",
    "class/hwmon/hwmon1/curr1_input": "1400",
    "class/hwmon/hwmon1/in4_label": "sum of shunt voltages",
    "class/hwmon/hwmon0/name": "pwmfan",
    "class/hwmon/hwmon2/name": "soctherm_oc",
    "class/hwmon/hwmon2/oc1_event_cnt": "0",
    "class/hwmon/hwmon2/oc3_event_cnt": "17",
    "kernel/debug/bpmp/debug/clk/emc/rate": "2133000000",
    "kernel/actmon_avg_activity/mc_all": "533250",
}


def test_a_jetson(tmp_path: Path) -> None:
    """Zones, throttling point, fan, GPU, power and power mode; nonsense is left out."""
    mode = tmp_path / "status"
    mode.write_text("pmode:0002")
    found = read_sensors(tree(tmp_path / "sys", ORIN), mode)
    assert found == Sensors(
        celsius={"cpu-thermal": 51.312, "tj-thermal": 52.0},
        limit_celsius={"cpu-thermal": 99.0},
        cooling={"0 pwm-fan": 2},
        gpu_load=0.437,
        watts={"VDD_IN": 5.088 * 1400 / 1000},
        power_mode="0002",
        emc_hz=2_133_000_000,
        emc_load=0.25,
        throttled={"over-current oc1": 0, "over-current oc3": 17},
    )
    assert found.headroom_celsius == pytest.approx(47.688)


def test_what_only_root_may_read_is_left_out(tmp_path: Path) -> None:
    """A memory clock of 0, or activity without a clock, gives no load; x86 counts its package."""
    files = {
        "kernel/debug/bpmp/debug/clk/emc/rate": "0",
        "kernel/actmon_avg_activity/mc_all": "533250",
        "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "3",
    }
    found = read_sensors(tree(tmp_path, files), tmp_path / "none")
    assert (found.emc_load, dict(found.throttled)) == (None, {"package heat": 3})


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    """A virtual machine has no zones, and a sensor that cannot be read is left out."""
    assert read_sensors(tmp_path, tmp_path / "none") == Sensors()
    odd = tree(tmp_path, {"class/thermal/thermal_zone0/temp": "hot"})
    (odd / "class/thermal/thermal_zone1/temp").mkdir(parents=True)
    assert read_sensors(odd, tmp_path / "none") == Sensors()
    assert Sensors().headroom_celsius is None

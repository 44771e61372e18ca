"""Hardware: temperatures, cooling, GPU load and power, as the kernel tells them in sysfs.

Works on any Linux; what a machine does not have is left out. On a Jetson the same files are what
jetson-stats reads: docs/field-engineer.md names them. Nothing here raises, as a box watches all the
same where a sensor does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SYSFS = Path("/sys")
EMC = "kernel/debug/bpmp/debug/clk/emc/rate"
"""Memory clock of a Jetson, in Hz; debugfs, which root alone may read."""

EMC_BUSY = "kernel/actmon_avg_activity/mc_all"
"""Average activity of its memory controller, in kHz of that clock; likewise."""

POWER_MODE = Path("/var/lib/nvpmodel/status")
GPU_LOADS = (
    "devices/gpu.0/load",  # JetPack 5 and 6, Xavier and Orin
    "devices/platform/gpu.0/load",
    "devices/platform/bus@0/17000000.gpu/load",  # JetPack 6 with the upstream device tree
)
"""In thousandths."""


@dataclass(frozen=True, slots=True)
class Sensors:
    """What the machine feels; what it has not is missing.

    Attributes:
        celsius: By thermal zone.
        limit_celsius: By thermal zone, where the kernel begins to throttle.
        cooling: State of each cooling device that acts now, 0 to its own maximum.
        gpu_load: Share of time the GPU is busy, in [0, 1]; None where it has none that tells.
        watts: By power rail.
        power_mode: What `nvpmodel -q` calls it; empty where there is none.
        emc_hz: Clock of a Jetson's memory; None where it cannot be read.
        emc_load: Share of time it is busy, in [0, 1]; likewise.
        throttled: How often since the start, by cause: over-current events of a Jetson, heat of
            an x86 processor's package.
    """

    celsius: Mapping[str, float] = field(default_factory=dict)
    limit_celsius: Mapping[str, float] = field(default_factory=dict)
    cooling: Mapping[str, int] = field(default_factory=dict)
    gpu_load: float | None = None
    watts: Mapping[str, float] = field(default_factory=dict)
    power_mode: str = ""
    emc_hz: float | None = None
    emc_load: float | None = None
    throttled: Mapping[str, int] = field(default_factory=dict)

    @property
    def headroom_celsius(self) -> float | None:
        """Least distance to where the kernel throttles; None where no zone tells both."""
        return min(
            (limit - self.celsius[zone] for zone, limit in self.limit_celsius.items()),
            default=None,
        )


def read_sensors(sysfs: Path = SYSFS, power_mode: Path = POWER_MODE) -> Sensors:
    """Read them all.

    Args:
        sysfs: Where the kernel tells of the machine.
        power_mode: Where NVIDIA's nvpmodel keeps its choice.
    """
    zones = dict(_zones(sysfs / "class" / "thermal"))
    loads = (_number(sysfs / path) for path in GPU_LOADS)
    load = next((found for found in loads if found is not None), None)
    emc_hz, busy_khz = _number(sysfs / EMC), _number(sysfs / EMC_BUSY)
    return Sensors(
        celsius={name: celsius for name, (celsius, _) in zones.items()},
        limit_celsius={name: limit for name, (_, limit) in zones.items() if limit is not None},
        cooling=dict(_cooling(sysfs / "class" / "thermal")),
        gpu_load=None if load is None else load / 1000,
        watts=dict(_rails(sysfs / "class" / "hwmon")),
        power_mode=text_of(power_mode).removeprefix("pmode:"),
        emc_hz=emc_hz,
        emc_load=min(1.0, busy_khz * 1000 / emc_hz) if emc_hz and busy_khz is not None else None,
        throttled=dict(_throttled(sysfs)),
    )


def identity(root: Path = Path("/")) -> dict[str, str]:
    """Which machine this is, by name; what it does not tell is missing.

    A serial number of a PC can be read by root only.

    Args:
        root: Where the system's files are.
    """
    tree, board = root / "proc/device-tree", root / "sys/class/dmi/id"
    release = text_of(root / "etc/os-release")
    system = next((line for line in release.splitlines() if line.startswith("PRETTY_NAME=")), "")
    known = {
        "hardware": text_of(tree / "model") or text_of(board / "product_name"),
        "serial number": text_of(tree / "serial-number") or text_of(board / "product_serial"),
        "system": system.partition("=")[2].strip('"'),
        "l4t": text_of(root / "etc/nv_tegra_release").partition("\n")[0],
        "machine id": text_of(root / "etc/machine-id"),
    }
    return {name: text.strip("\0") for name, text in known.items() if text}


def _zones(folder: Path) -> Iterator[tuple[str, tuple[float, float | None]]]:
    """Name, temperature and lowest throttling temperature of each zone, in degrees Celsius."""
    for zone in sorted(folder.glob("thermal_zone*")):
        milli = _number(zone / "temp")
        if milli is None or not -40_000 <= milli <= 200_000:  # a zone that is off tells nonsense
            continue
        limits = [
            _number(trip.with_name(trip.name.replace("_type", "_temp")))
            for trip in sorted(zone.glob("trip_point_*_type"))
            if text_of(trip) == "passive"
        ]
        known = [limit / 1000 for limit in limits if limit is not None and limit > 0]
        yield text_of(zone / "type") or zone.name, (milli / 1000, min(known, default=None))


def _cooling(folder: Path) -> Iterator[tuple[str, int]]:
    for device in sorted(folder.glob("cooling_device*")):
        state = _number(device / "cur_state")
        if state is not None:
            yield (
                f"{device.name.removeprefix('cooling_device')} {text_of(device / 'type')}",
                int(state),
            )


def _rails(folder: Path) -> Iterator[tuple[str, float]]:
    """The INA3221 of a Jetson measures volts and amperes of three rails each."""
    for monitor in sorted(folder.glob("hwmon*")):
        if text_of(monitor / "name") != "ina3221":
            continue
        for label in sorted(monitor.glob("in[0-9]*_label")):
            number = label.name.removeprefix("in").removesuffix("_label")
            milli_volts = _number(monitor / f"in{number}_input")
            milli_amperes = _number(monitor / f"curr{number}_input")
            if milli_volts is not None and milli_amperes is not None:
                yield text_of(label), milli_volts * milli_amperes / 1e6


def _throttled(sysfs: Path) -> Iterator[tuple[str, int]]:
    """Counters that only rise; those of each package of an x86 processor are the same in all cores.

    Source:
        Jetson Linux Developer Guide, "Over-current and under-voltage": oc<n>_event_cnt.
    """
    for counter in sorted((sysfs / "class" / "hwmon").glob("hwmon*/oc[0-9]*_event_cnt")):
        if (count := _number(counter)) is not None:
            yield f"over-current {counter.name.removesuffix('_event_cnt')}", int(count)
    cpu = sysfs / "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
    if (count := _number(cpu)) is not None:
        yield "package heat", int(count)


def text_of(file: Path) -> str:
    """What the kernel, or an installer, says in a file; empty where there is none to read."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> float | None:
    try:
        return float(text_of(file))
    except ValueError:
        return None

"""Metrics: what can be counted and measured about this box, by the names Prometheus knows it.

Pure: readings come in, families of samples go out. `FAMILIES` is all there is, in the order of the
reference page; names, units and labels are promises and may only be added to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Type: TypeAlias = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True)
class Family:
    """Everything measured under one name.

    Attributes:
        name: As in Prometheus; a counter's ends in `_total`, a unit stands before that.
        type: A counter only rises, until the process starts anew.
        help: What it tells.
        labels: What tells its samples apart.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value.

    Attributes:
        name: Of its family.
        value: In the unit the name tells.
        labels: One for each label of the family.
    """

    name: str
    value: float
    labels: tuple[str, ...] = ()


def _camera(name: str, help: str, type: Type = "counter") -> Family:  # noqa: A002 - Prometheus' words
    return Family(f"edge_camera_{name}", type, help, ("camera",))


CAMERA_COUNTERS = {
    "packets": "Packets that came from the camera.",
    "connections": "Connections made to the camera.",
    "headless": "Packets before the first keyframe of a connection, which show nothing.",
    "frames": "Pictures analysed.",
    "looked": "Pictures the detector was asked about.",
    "passed": "Packets kept and not decoded, as nothing moved.",
    "skipped": "Packets passed over because analysis could not keep up.",
    "corrupt": "Packets damaged, or pictures missing.",
    "withheld": "Packets withheld after damage until the next keyframe.",
    "stalled": "Pictures the detector gave no answer to.",
    "events": "Events reported.",
    "unstored": "Events that could be stored nowhere.",
    "disarmed": "Events kept back because their rule was disarmed.",
    "evidence_clips": "Clips kept.",
    "evidence_snapshots": "Snapshots kept.",
    "evidence_withheld": "Clips withheld because the camera has privacy masks.",
    "evidence_refused": "Evidence not made for want of room or time.",
    "evidence_failed": "Evidence that could not be made.",
    "evidence_gaps": "Clips with a gap, as the stream broke off.",
}
"""By the name a camera's counter has in the health message."""

FAMILIES: tuple[Family, ...] = (
    Family("edge_info", "gauge", "1; what runs here.", ("site", "node", "version", "config")),
    Family("edge_uptime_seconds", "gauge", "Since the daemon started."),
    Family("edge_ready", "gauge", "1 once each camera shows pictures or was reported."),
    Family("edge_clock_doubted", "gauge", "1 while the box's UTC cannot be believed."),
    Family("edge_camera_state", "gauge", "1 for the state it is in.", ("camera", "state")),
    _camera("late_seconds", "How late the newest packet came.", "gauge"),
    _camera("silent_seconds", "Since the newest packet came.", "gauge"),
    *(_camera(f"{name}_total", told) for name, told in CAMERA_COUNTERS.items()),
    Family("edge_outbox_messages", "gauge", "Messages the broker has not acknowledged."),
    Family("edge_outbox_bytes", "gauge", "Their size on the disk."),
    Family("edge_outbox_sequence", "gauge", "Number of the newest message."),
    Family("edge_outbox_dropped_total", "counter", "Messages a full outbox threw away, ever.",
           ("priority",)),
    Family("edge_outbox_refused_total", "counter", "Messages the broker can never take, ever."),
    Family("edge_outbox_trouble", "gauge", "1 while events are not safe on the disk."),
    Family("edge_broker_connected", "gauge", "1 while the broker is connected.", ("place",)),
    Family("edge_broker_attempts_total", "counter", "Connections tried.", ("place",)),
    Family("edge_broker_published_total", "counter", "Messages handed over.", ("place",)),
    Family("edge_broker_acknowledged_total", "counter", "Messages confirmed.", ("place",)),
    Family("edge_broker_unheard_total", "counter", "Events nobody was subscribed to.", ("place",)),
    Family("edge_commands_total", "counter", "Commands, by what became of them.", ("outcome",)),
    Family("edge_log_held_back_total", "counter", "Lines of the log its rate limit held back."),
    Family("edge_disk_free_bytes", "gauge", "Free where storage.path is."),
    Family("edge_disk_bytes", "gauge", "Size of that file system."),
    Family("edge_temperature_celsius", "gauge", "By the kernel's thermal zones.", ("zone",)),
    Family("edge_cooling_state", "gauge", "Cooling at work, such as throttling; 0 is none.",
           ("device",)),
    Family("edge_gpu_load_ratio", "gauge", "Share of time the GPU is busy; on a Jetson."),
    Family("edge_power_watts", "gauge", "Power by rail; on a Jetson.", ("rail",)),
    Family("edge_emc_hertz", "gauge", "Memory clock of a Jetson; where debugfs may be read."),
    Family("edge_emc_load_ratio", "gauge", "Share of time that memory is busy; likewise."),
    Family("edge_throttled_total", "counter",
           "Throttling by over-current or heat since the machine's start.", ("cause",)),
    Family("edge_analysis_rate_ratio", "gauge",
           "Share of the configured rate that is analysed; below 1 the box is too hot."),
)  # fmt: skip

STATES = ("watching", "degraded", "lost", "disabled")


class _Collected:
    """Samples as the library collects them."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = {}
        for sample in samples:
            self._by_name.setdefault(sample.name, []).append(sample)
        if unknown := self._by_name.keys() - {family.name for family in FAMILIES}:
            raise ValueError(f"no family of metrics: {', '.join(sorted(unknown))}")

    def collect(self) -> Iterator[Metric]:
        """Families in their order; those without samples are left out."""
        for family in FAMILIES:
            found = self._by_name.get(family.name, [])
            made: CounterMetricFamily | GaugeMetricFamily
            if family.type == "counter":
                made = CounterMetricFamily(family.name, family.help, labels=family.labels)
            else:
                made = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for sample in found:
                if len(sample.labels) != len(family.labels):
                    raise ValueError(f"{family.name}: labels {sample.labels} for {family.labels}")
                made.add_metric(sample.labels, float(sample.value))
            if found:
                yield made


def exposition(samples: Iterable[Sample]) -> str:
    """Prometheus' text format: the samples, and what the library tells of the process.

    Raises:
        ValueError: A sample is of no family, or has other labels.
    """
    registry = CollectorRegistry()
    registry.register(_Collected(samples))
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode()


def reference() -> str:
    """The tables of docs/metrics.md."""
    lines = ["| name | type | labels | tells |", "|---|---|---|---|"]
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| `{family.name}` | {family.type} | {labels} | {family.help} |")
    return "\n".join(lines)

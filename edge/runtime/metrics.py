"""Metrics: readings of what is in service, for `edge.metrics` to name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping

from edge import __version__
from edge.hardware import Sensors
from edge.metrics import CAMERA_COUNTERS, STATES, Sample
from edge.runtime.camera import Camera
from edge.runtime.journal import held_back
from edge.runtime.service import Service
from edge.sinks import Publisher
from edge.sinks.mqtt import MqttSink


def samples(
    service: Service, publisher: Publisher, commands: Mapping[str, int], sensors: Sensors
) -> Iterator[Sample]:
    """Everything as it is now; from any thread.

    Args:
        service: What is in service.
        publisher: Where everything said goes.
        commands: Commands by what became of them.
        sensors: What the machine feels.
    """
    told = service.origin
    yield Sample("edge_info", 1, (told.site, told.node, __version__, told.config[:8]))
    yield Sample("edge_uptime_seconds", service.uptime_s)
    yield Sample("edge_ready", service.is_accounted_for)
    yield Sample("edge_clock_doubted", bool(service.clock_doubt))
    for camera in service.cameras:
        yield from _camera(camera)
    for name in service.off:
        yield from _state(name, "disabled")
    yield from _outbox(publisher)
    for outlet in publisher.outlets:
        if isinstance(outlet, MqttSink):
            yield from _broker(outlet)
    for outcome, n in sorted(commands.items()):
        yield Sample("edge_commands_total", n, (outcome,))
    yield Sample("edge_log_held_back_total", held_back())
    try:
        disk = shutil.disk_usage(service.storage)
    except OSError:
        pass  # it is gone, which `edge_outbox_trouble` tells
    else:
        yield Sample("edge_disk_free_bytes", disk.free)
        yield Sample("edge_disk_bytes", disk.total)
    yield Sample("edge_analysis_rate_ratio", service.rate)
    yield from _sensors(sensors)


def _camera(camera: Camera) -> Iterator[Sample]:
    yield from _state(camera.name, camera.status.state)
    label = (camera.name,)
    yield Sample("edge_camera_late_seconds", camera.reader.late_s, label)
    yield Sample("edge_camera_silent_seconds", camera.reader.silent_s, label)
    for name, value in camera.figures().items():
        if name in CAMERA_COUNTERS:
            yield Sample(f"edge_camera_{name}_total", value, label)


def _state(camera: str, state: str) -> Iterator[Sample]:
    for each in STATES:
        yield Sample("edge_camera_state", each == state, (camera, each))


def _outbox(publisher: Publisher) -> Iterator[Sample]:
    stats = publisher.stats
    yield Sample("edge_outbox_messages", stats.depth)
    yield Sample("edge_outbox_bytes", stats.bytes)
    yield Sample("edge_outbox_sequence", stats.seq)
    for priority in ("alert", "review", "info"):
        yield Sample("edge_outbox_dropped_total", stats.dropped.get(priority, 0), (priority,))
    yield Sample("edge_outbox_refused_total", stats.refused)
    yield Sample("edge_outbox_trouble", bool(publisher.trouble))


def _broker(outlet: MqttSink) -> Iterator[Sample]:
    link = outlet.link
    place = (link.place,)
    yield Sample("edge_broker_connected", link.is_connected, place)
    yield Sample("edge_broker_attempts_total", link.attempts, place)
    yield Sample("edge_broker_published_total", link.published, place)
    yield Sample("edge_broker_acknowledged_total", link.acknowledged, place)
    yield Sample("edge_broker_unheard_total", link.unheard, place)


def _sensors(sensors: Sensors) -> Iterator[Sample]:
    for zone, celsius in sensors.celsius.items():
        yield Sample("edge_temperature_celsius", celsius, (zone,))
    for device, state in sensors.cooling.items():
        yield Sample("edge_cooling_state", state, (device,))
    if sensors.gpu_load is not None:
        yield Sample("edge_gpu_load_ratio", sensors.gpu_load)
    for rail, watts in sensors.watts.items():
        yield Sample("edge_power_watts", watts, (rail,))
    if sensors.emc_hz is not None:
        yield Sample("edge_emc_hertz", sensors.emc_hz)
    if sensors.emc_load is not None:
        yield Sample("edge_emc_load_ratio", sensors.emc_load)
    for cause, count in sensors.throttled.items():
        yield Sample("edge_throttled_total", count, (cause,))

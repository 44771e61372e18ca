"""Doctor: is this box fit to watch? Every check says what it found and what to do about it.

Boundary: reads the machine and opens each camera and the broker once. It changes nothing; an
outbox or a retained status is never touched, so it may run beside the daemon.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from edge.config import Config
from edge.config.schema import Camera
from edge.detectors import Models
from edge.errors import SourceError, SourceRefused
from edge.files import nearest
from edge.hardware import Sensors, read_sensors
from edge.runtime.clock import OLDEST, is_synchronised, utc_now
from edge.runtime.cooling import STEPS
from edge.runtime.service import origin_of
from edge.sinks.mqtt import probe
from edge.site._certificates import examine_certificates
from edge.site._check import Check, Level
from edge.site._detectors import examine_detector
from edge.site._graphics import examine_graphics
from edge.site._permissions import examine_permissions
from edge.topics import DOCTOR, node_topic

__all__ = ["Check", "Level", "examine"]

FULL_MIB = 16
"""Less than this is no room: a write-ahead log of the outbox takes 4, a clip more."""

CAMERA_TIMEOUT_S = 8.0
"""Longest wait for a camera: two long GOPs and a slow login."""


def examine(config: Config) -> Iterator[Check]:
    """Examine everything a configuration needs, one check at a time.

    Args:
        config: As loaded; cameras that were rejected are reported too.
    """
    yield from _configuration(config)
    yield from examine_permissions(config)
    yield examine_graphics()
    models = Models.on_this_machine(config.appliance.storage.path)
    for name, options in sorted(config.appliance.detectors.items()):
        yield from examine_detector(name, options, models, config.folder)
    cameras = [camera for camera in config.cameras if camera.enabled]
    with ThreadPoolExecutor(max(1, min(8, len(cameras)))) as pool:
        yield from pool.map(examine_camera, cameras)
    yield from brokers(config)
    yield from examine_certificates(config, utc_now())
    yield root_of(config.appliance.storage.path)
    yield _disk(config)
    yield clock(utc_now())
    yield temperature(read_sensors())


def _configuration(config: Config) -> Iterator[Check]:
    if not config.cameras:
        remedy = f"edge check --config {config.folder}"
        yield Check("cameras", "red", "no usable camera file", remedy)
    for camera, problems in config.rejected:
        yield Check(
            f"camera {camera}",
            "red",
            f"its file has {len(problems)} problems and is not used",
            f"edge check --config {config.folder}",
        )


def examine_camera(options: Camera) -> Check:
    """Open a camera once and decode a picture."""
    label = f"camera {options.camera}"
    try:
        source = options.source.open(timeout_s=CAMERA_TIMEOUT_S)
    except SourceError as exc:
        return Check(label, "red", str(exc), _remedy(exc, options))
    try:
        decoder = options.analyse.decoder.open(source.stream)
        for number, packet in enumerate(source.packets()):
            pictures = decoder.decode(packet) if number or packet.is_keyframe else []
            if pictures:
                height, width = pictures[0].y.shape
                stream = source.stream
                return Check(
                    label,
                    "green",
                    f"{stream.codec} {width}x{height} at {stream.fps:.3g} fps, "
                    f"first picture after {number + 1} packets",
                )
            if number > 300:
                break
    except SourceError as exc:
        return Check(label, "red", str(exc), _remedy(exc, options))
    finally:
        source.close()
    return Check(
        label,
        "red",
        f"{options.source.address}: connected, but no picture could be decoded in 300 packets",
        "set the camera to H.264 with a keyframe at least every 4 s",
    )


def _remedy(exc: SourceError, options: Camera) -> str:
    """What to do about a camera, by how it failed."""
    host = urlsplit(options.source.address).hostname
    if host is None:
        return "check the recording's path in the camera's file"
    if isinstance(exc, SourceRefused):
        return (
            "log in to the camera's own page with the user and password of its file; stream paths: "
            f"edge discover --address {host} --user NAME"
        )
    return (
        f"ping {host}; look at power, cable and switch port; see whether it has another address: "
        "edge discover"
    )


def brokers(config: Config) -> Iterator[Check]:
    """Each place of the broker; one that fails while another works is a reservation only."""
    mqtt, origin = config.appliance.mqtt, origin_of(config)
    topic = f"{mqtt.root}/{node_topic(origin, DOCTOR)}"
    found = [
        (address, probe(mqtt, config.folder, 5.0, address=address, may_publish=topic))
        for address in mqtt.addresses
    ]
    is_reached = any(trouble is None for _, trouble in found)
    for address, trouble in found:
        name = "broker" if len(found) == 1 else f"broker {address.place}"
        if trouble is None:
            yield Check(name, "green", "accepts the connection and messages of this box")
        else:
            remedy = "check mqtt: in appliance.yaml and the broker's log"
            yield Check(name, "amber" if is_reached else "red", trouble, remedy)


def _disk(config: Config) -> Check:
    storage = config.appliance.storage
    path = storage.path
    # The daemon makes the folder; before its first start the one above it must take files.
    folder = nearest(path)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"edge doctor")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        remedies = {
            errno.ENOSPC: f"free some space: df -h {folder}",
            errno.EROFS: "dmesg says why; sudo mount -o remount,rw ..., or replace the disk",
        }
        return Check(
            "disk",
            "red",
            f"{path}: cannot be written ({exc.strerror}); the box watches all the same, keeps "
            "events in memory, and a power cut loses those not yet delivered",
            remedies.get(exc.errno or 0, f"sudo install -d -o $(id -un) {path}"),
        )
    aside = sorted(path.glob("outbox.db.damaged-*"))
    if aside:
        return Check(
            "disk",
            "amber",
            f"{path}: {len(aside)} files of damaged outboxes are kept, the newest {aside[-1].name}",
            "check the disk (smartctl, dmesg), send the files to support, then delete them",
        )
    free_mib = shutil.disk_usage(folder).free / 2**20
    found = f"{path}: {free_mib / 1024:.1f} GiB free"
    if free_mib < FULL_MIB:
        return Check(
            "disk",
            "red",
            f"{path}: full, {free_mib:.0f} MiB free; events are kept in memory, and no evidence",
            f"sudo du -xh {folder} | sort -h | tail; sudo journalctl --vacuum-size=100M",
        )
    if free_mib < 2 * storage.outbox.max_mib:
        return Check(
            "disk",
            "amber",
            f"{found}; the outbox alone may take {storage.outbox.max_mib} MiB",
            "free some space, or lower storage.outbox.max_mib",
        )
    return Check("disk", "green", found)


def root_of(storage: Path, root: Path = Path("/")) -> Check:
    """Whether the system's disk is read-only: by choice, or because the kernel gave up on it.

    Args:
        storage: Where the box writes; it may be another disk.
        root: The system's disk.
    """
    name = "system disk"
    if not os.statvfs(root).f_flag & os.ST_RDONLY:
        return Check(name, "green", "can be written")
    if not os.statvfs(nearest(storage)).f_flag & os.ST_RDONLY:
        found = f"read-only, as some images are on purpose; {storage} can be written"
        return Check(name, "green", found)
    return Check(
        name,
        "red",
        f"{root} is read-only, and so is {storage}: after errors of the disk the kernel does that",
        f"sudo dmesg | grep -iE 'remount|i/o error'; sudo mount -o remount,rw {root}; if it comes "
        "back, replace the disk",
    )


def temperature(sensors: Sensors) -> Check:
    """How hot the box is, and how far from where its kernel throttles."""
    if not sensors.celsius:
        return Check("temperature", "green", "no sensor of this machine can be read")
    zone = max(sensors.celsius, key=lambda name: sensors.celsius[name])
    found = f"{zone} {sensors.celsius[zone]:.0f} C"
    if sensors.power_mode:
        found += f", power mode {sensors.power_mode}"
    if sensors.emc_load is not None:
        found += f", memory {sensors.emc_load:.0%} busy"
    slowed = [f"{cause} {count}" for cause, count in sensors.throttled.items() if count]
    if slowed:
        found += f", throttled since the start: {', '.join(slowed)}"
    headroom = sensors.headroom_celsius
    if any(cause.startswith("over-current") for cause in slowed):
        return Check(
            "temperature",
            "amber",
            found,
            "over-current: a stronger power supply, thicker or shorter leads, or a lower power "
            "mode (sudo nvpmodel -m N)",
        )
    if headroom is None:
        return Check("temperature", "green", found)
    found += f", {headroom:.0f} C below where the kernel throttles"
    if headroom >= STEPS[0][0]:
        return Check("temperature", "green", found)
    return Check(
        "temperature",
        "red" if headroom < STEPS[-1][0] else "amber",
        f"{found}; fewer pictures are analysed until it cools",
        "clean fan and filter, shade the cabinet, or lower the power mode (sudo nvpmodel -m N)",
    )


def clock(now: datetime) -> Check:
    """Whether the box's UTC can be believed.

    Args:
        now: What it says.
    """
    if now < OLDEST:
        return Check(
            "clock",
            "red",
            f"says {now:%Y-%m-%d %H:%M} UTC, before this software was written",
            "set it: sudo timedatectl set-time ..., and check the RTC battery",
        )
    if is_synchronised():
        return Check("clock", "green", f"{now:%Y-%m-%d %H:%M:%S} UTC, synchronised")
    return Check(
        "clock",
        "amber",
        f"{now:%Y-%m-%d %H:%M:%S} UTC, nothing says it is synchronised",
        "sudo timedatectl set-ntp true, or install chrony with the site's time server",
    )

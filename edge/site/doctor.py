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

from edge.config import Config
from edge.config.schema import Camera
from edge.detectors import Models
from edge.errors import SourceError
from edge.runtime.clock import OLDEST, is_synchronised, utc_now
from edge.runtime.service import origin_of
from edge.sinks.mqtt import probe
from edge.site._check import Check, Level
from edge.site._detectors import examine_detector
from edge.topics import DOCTOR, node_topic

__all__ = ["Check", "Level", "examine"]

CAMERA_TIMEOUT_S = 8.0
"""Longest wait for a camera: two long GOPs and a slow login."""


def examine(config: Config) -> Iterator[Check]:
    """Examine everything a configuration needs, one check at a time.

    Args:
        config: As loaded; cameras that were rejected are reported too.
    """
    yield from _configuration(config)
    models = Models.on_this_machine(config.appliance.storage.path)
    for name, options in sorted(config.appliance.detectors.items()):
        yield from examine_detector(name, options, models, config.folder)
    cameras = [camera for camera in config.cameras if camera.enabled]
    with ThreadPoolExecutor(max(1, min(8, len(cameras)))) as pool:
        yield from pool.map(examine_camera, cameras)
    yield from brokers(config)
    yield _disk(config)
    yield _clock()


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
    label = f"camera {options.camera}"
    try:
        source = options.source.open(timeout_s=CAMERA_TIMEOUT_S)
    except SourceError as exc:
        return Check(label, "red", str(exc))
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
        return Check(label, "red", str(exc))
    finally:
        source.close()
    return Check(
        label,
        "red",
        f"{options.source.address}: connected, but no picture could be decoded in 300 packets",
        "set the camera to H.264 with a keyframe at least every 4 s",
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
    folder = next(place for place in (path, *path.parents) if place.exists())
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
    if free_mib < 2 * storage.outbox.max_mib:
        return Check(
            "disk",
            "amber",
            f"{found}; the outbox alone may take {storage.outbox.max_mib} MiB",
            "free some space, or lower storage.outbox.max_mib",
        )
    return Check("disk", "green", found)


def _clock() -> Check:
    now = utc_now()
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

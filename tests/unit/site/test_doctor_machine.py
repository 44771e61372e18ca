"""Doctor on permissions, certificates, GPU, clock and disks: each remedy is tried where it can be.

A remedy is a command; the tests run it and examine again.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge.config import Config, load
from edge.config.schema import Camera
from edge.site._certificates import examine_certificates
from edge.site._check import Check
from edge.site._graphics import examine_graphics
from edge.site._permissions import examine_permissions
from edge.site.doctor import clock, examine_camera, root_of
from tests.servers import certificates, mosquitto
from tests.unit.sinks.test_outbox_disk import as_root, mounted

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=timezone.utc)
SERVICE = 65534  # nobody's user and group: of no file here but by the tests


def site(folder: Path, **mqtt: str) -> Path:
    (folder / "appliance.yaml").write_text(
        yaml.safe_dump(
            {
                "version": 1,
                "site": "harbour",
                "node": "cabinet-1",
                "mqtt": {"url": "mqtt://127.0.0.1:1", **mqtt},
                "storage": {"path": str(folder / "var")},
                "detectors": {"street": {"kind": "motion"}},
            }
        )
    )
    (folder / "var/evidence").mkdir(parents=True)
    (folder / "var/outbox.db").touch()
    return folder


def permissions(config: Config) -> dict[str, Check]:
    return {check.name: check for check in examine_permissions(config)}


def do(remedy: str) -> None:
    """Run a remedy as an engineer would; the tests are root already, or own the files."""
    subprocess.run(shlex.split(remedy.replace("sudo ", "")), check=True)


@pytest.mark.parametrize("file", ["secrets.yaml", "node.key"])
def test_a_secret_that_others_may_read(tmp_path: Path, file: str) -> None:
    """Red, named, and the remedy mends it."""
    config = load(site(tmp_path))
    (tmp_path / file).write_text("x: y\n")
    (tmp_path / file).chmod(0o644)
    mqtt = config.appliance.mqtt.model_copy(update={"key_file": tmp_path / "node.key"})
    changed = config.appliance.model_copy(update={"mqtt": mqtt})
    object.__setattr__(config, "appliance", changed)
    found = permissions(config)["secrets"]
    assert (found.level, str(tmp_path / file) in found.found) == ("red", True)
    do(found.remedy)
    assert permissions(config)["secrets"].level == "green"


@as_root
def test_files_of_the_wrong_owner(tmp_path: Path) -> None:
    """What root left in the data folder, and files the service cannot read; both are mended."""
    config = load(site(tmp_path))
    (tmp_path / "appliance.yaml").chmod(0o600)
    for path in (tmp_path / "var", tmp_path / "var/outbox.db"):
        os.chown(path, SERVICE, SERVICE)
    found = permissions(config)
    assert found["configuration files"].level == found["data files"].level == "red"
    assert str(tmp_path / "var/evidence") in found["data files"].found
    for check in found.values():
        if check.remedy:
            do(check.remedy)
    assert {check.level for check in permissions(config).values()} == {"green"}
    assert (tmp_path / "var/evidence").stat().st_uid == SERVICE


def certificate(file: Path, begins: datetime, ends: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cabinet-1")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = made.not_valid_before(begins).not_valid_after(ends).sign(key, hashes.SHA256())
    file.write_bytes(signed.public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    ("now", "level", "found", "remedy"),
    [
        pytest.param(NOW, "green", "82 days", "", id="good"),
        pytest.param(NOW + timedelta(days=60), "amber", "22 days", "edge provision", id="soon"),
        pytest.param(NOW + timedelta(days=90), "red", "expired on 2027-02-14", "edge", id="old"),
        pytest.param(NOW - timedelta(days=2), "red", "not valid before", "set-time", id="slow"),
        pytest.param(
            datetime(1970, 1, 1, tzinfo=timezone.utc), "red", "clock stands", "set-time", id="1970"
        ),
    ],
)  # fmt: skip
def test_certificates_by_the_clock(
    tmp_path: Path, now: datetime, level: str, found: str, *, remedy: str
) -> None:
    """Of the box and of the authority: how many days, and what to do; one that is none is said."""
    config = load(site(tmp_path))
    certificate(tmp_path / "node.pem", NOW - timedelta(days=1), NOW + timedelta(days=82))
    (tmp_path / "ca.pem").write_text("nothing")
    mqtt = config.appliance.mqtt.model_copy(
        update={"cert_file": tmp_path / "node.pem", "ca_file": tmp_path / "ca.pem"}
    )
    object.__setattr__(config, "appliance", config.appliance.model_copy(update={"mqtt": mqtt}))
    own, authority = examine_certificates(config, now)
    assert (own.level, found in own.found, remedy in own.remedy) == (level, True, True)
    assert (authority.level, "is no certificate" in authority.found) == ("red", True)


def test_the_broker_s_certificate_is_looked_at(tmp_path: Path) -> None:
    """A handshake with a real TLS server, whether it can be believed or not."""
    made = certificates(tmp_path)
    lines = ("allow_anonymous true", f"certfile {made.server}", f"keyfile {made.server_key}")
    with mosquitto(tmp_path, *lines) as broker:
        config = load(site(tmp_path, url=f"mqtts://localhost:{broker.port}"))
        (shown,) = examine_certificates(config, datetime.now(timezone.utc))
    assert (shown.name, shown.level) == (f"certificate of broker localhost:{broker.port}", "amber")
    assert "1 days" in shown.found or "2 days" in shown.found


ORIN = {
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n",
    "usr/local/cuda/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.6.11"}}',
}
PC = {
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.90.07  x\n",
    "dev/nvidiactl": "",
}


@pytest.mark.parametrize(
    ("files", "level", "found", "remedy"),
    [
        pytest.param({}, "green", "no NVIDIA GPU", "", id="none"),
        pytest.param({**ORIN, "dev/nvmap": ""}, "green", "L4T 36.4.3 (JetPack 6), CUDA 12.6.11", "",
                     id="jetson"),
        pytest.param(PC, "green", "driver 550.90.07, no CUDA, no TensorRT", "", id="pc"),
        pytest.param(ORIN, "red", "no device", "modprobe", id="not loaded"),
        pytest.param({"dev/nvidia0": ""}, "amber", "no driver", "apt-get", id="no driver"),
    ],
)  # fmt: skip
def test_gpu_driver_and_libraries(
    tmp_path: Path, files: dict[str, str], level: str, found: str, *, remedy: str
) -> None:
    """Versions as the system's files tell them."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    check = examine_graphics(tmp_path)
    assert (check.level, found in check.found, remedy in check.remedy) == (level, True, True)


@as_root
def test_a_read_only_disk_is_told_from_a_read_only_image(tmp_path: Path) -> None:
    """Red where nothing can be written, and mounting it anew as the remedy says mends it."""
    image, data = tmp_path / "image", tmp_path / "data"
    image.mkdir()
    data.mkdir()
    with mounted(image, "-t", "tmpfs", "tmpfs") as mount:
        assert root_of(image / "var", image).level == "green"
        mount("-o", "remount,ro")
        assert root_of(data, image).level == "green"
        assert "on purpose" in root_of(data, image).found
        broken = root_of(image / "var", image)
        assert broken.level == "red"
        do(f"mount -o remount,rw {image}")
        assert f"mount -o remount,rw {image}" in broken.remedy
        assert root_of(image / "var", image).level == "green"


def test_a_clock_that_stands_and_a_camera_that_is_not_there(tmp_path: Path) -> None:
    """Each red has a remedy."""
    stands = clock(datetime(1970, 1, 1, tzinfo=timezone.utc))
    assert (stands.level, "timedatectl set-time" in stands.remedy) == ("red", True)
    for source, remedy in (
        ({"kind": "rtsp", "url": "rtsp://127.0.0.1:1/x"}, "ping 127.0.0.1"),
        ({"kind": "file", "path": str(tmp_path / "none.mp4")}, "path"),
    ):
        said = {"version": 1, "camera": "gate", "source": source, "analyse": {"detector": "street"}}
        gone = examine_camera(Camera.model_validate_json(json.dumps(said)))
        assert (gone.level, remedy in gone.remedy) == ("red", True)

"""Passwords written in the files move to `secrets.yaml`; nothing else in the files changes."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.cli import main
from edge.config import load
from edge.config.edit import replaced, spans
from edge.config.seal import seal
from edge.sources.rtsp import Options as RtspOptions

GOOD = Path(__file__).resolve().parents[2] / "config" / "good"

CAMERA = """\
# The gate, as the crane sees it.
version: 1
camera: gate
source: {kind: rtsp, url: "rtsp://viewer:hunter2@10.0.0.21:554/stream1"}   # changed in May
analyse: {detector: street}
zones:
  yard: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]
rules:
  - {name: in-yard, kind: zone_entry, zone: yard}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(GOOD, tmp_path / "site"))
    (folder / "cameras" / "gate.yaml").write_text(CAMERA)
    return folder


def test_the_value_moves_and_the_rest_stays(site: Path) -> None:
    """Comments, order and spacing are as they were, and the camera's address is the same."""
    before = load(site)

    found = seal(site)

    assert [(s.file.name, s.path, s.secret) for s in found] == [
        ("gate.yaml", "source.url", "gate.source.url")
    ]
    address = '"rtsp://viewer:hunter2@10.0.0.21:554/stream1"'
    text = (site / "cameras/gate.yaml").read_text()
    assert text == CAMERA.replace(address, "!secret gate.source.url")
    assert (site / "secrets.yaml").stat().st_mode & 0o777 == 0o600
    assert load(site).cameras == before.cameras
    assert not load(site).problems


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may give files away: sudo")
@pytest.mark.parametrize("has_data", [True, False])
def test_what_root_seals_the_service_can_read(site: Path, tmp_path: Path, has_data: bool) -> None:
    """A new file belongs to whose the data is; before there is any, to whose the files are."""
    file = site / "appliance.yaml"
    text = re.sub(r"storage:.*", "", file.read_text())
    file.write_text(text + f"\nstorage: {{path: {tmp_path / 'data'}}}\n")
    service, technician = 65534, 65533
    os.chown(file, technician, technician)
    if has_data:
        (tmp_path / "data").mkdir()
        os.chown(tmp_path / "data", service, service)

    assert seal(site)

    made = (site / "secrets.yaml").stat()
    assert made.st_uid == (service if has_data else technician)
    assert made.st_mode & 0o777 == 0o600


def test_known_secrets_stay(site: Path) -> None:
    """A secret of the same name keeps its value, and the new one takes another name."""
    secrets = site / "secrets.yaml"
    secrets.touch(mode=0o600)
    secrets.write_text("# ours\ngate.source.url: other")

    (sealed,) = seal(site)

    assert sealed.secret.endswith("gate.source.url-2")
    assert secrets.read_text().startswith("# ours\ngate.source.url: other\n")
    (camera,) = load(site).cameras
    assert isinstance(camera.source, RtspOptions)
    assert "hunter2" in camera.source.url.get_secret_value()


def test_an_address_that_is_partly_a_reference_is_left_alone(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret is not expanded, so moving it would lose the reference."""
    text = CAMERA.replace("10.0.0.21", "${CAMERA_HOST}")
    (site / "cameras/gate.yaml").write_text(text)

    assert main(["config", "seal", "--config", str(site)]) == 1

    said = capsys.readouterr().out
    assert "by hand" in said
    assert "hunter2" not in said
    assert (site / "cameras/gate.yaml").read_text() == text


def test_unreadable_secrets_stop_everything(site: Path) -> None:
    """What cannot be added to is not replaced."""
    (site / "secrets.yaml").write_text("a: [\n")
    (site / "secrets.yaml").chmod(0o600)

    assert main(["config", "seal", "--config", str(site)]) == 2
    assert (site / "cameras/gate.yaml").read_text() == CAMERA


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    password=st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
    ).filter(lambda text: "${" not in text and text.strip())
)
def test_any_password_survives(site: Path, password: str) -> None:
    """Quotes, colons, backslashes and other scripts arrive as they were written."""
    appliance = yaml.safe_load((GOOD / "appliance.yaml").read_text())
    appliance["mqtt"] |= {"username": "box", "password": password}
    (site / "secrets.yaml").unlink(missing_ok=True)
    (site / "appliance.yaml").write_text(yaml.safe_dump(appliance, allow_unicode=True), "utf-8")
    (site / "cameras/gate.yaml").write_text(CAMERA.replace("viewer:hunter2@", ""))

    assert [sealed.secret for sealed in seal(site)] == ["mqtt.password"]

    assert password not in (site / "appliance.yaml").read_text("utf-8") or len(password) < 10
    secret = load(site).appliance.mqtt.password
    assert secret is not None
    assert secret.get_secret_value() == password


def test_values_are_replaced_where_they_stand() -> None:
    """In blocks, braces and lists; comments beside them stay."""
    text = "a: {b: 1, c: [2, 3]}  # first\nd:\n  - e: 4  # second\n    f: five\n"

    changed = replaced(text, {("a", "c", 0): "20", ("d", 0, "e"): "40", ("a", "b"): "10"})

    assert changed == ("a: {b: 10, c: [20, 3]}  # first\nd:\n  - e: 40  # second\n    f: five\n")
    assert spans("") == {}

"""A bundle for support holds what helps and no secret, wherever one was written."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.site._check import Check
from edge.site.support import Redaction, bundle

SECRETS = {
    "cam": "p@ss w/rd%21",
    "mqtt": "hunter2-mqtt",
    "plain": "plainly-written",
    "env": "from-the-environment",
    "cred": "handed-by-systemd",
    "token": "query-token-77",
}
ENCODED = "p%40ss%20w%2Frd%2521"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with secrets in every place they can stand."""
    (tmp_path / "cameras").mkdir()
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/node.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAAkeykey\n")
    (tmp_path / "secrets.yaml").write_text(
        f'cam: "{SECRETS["cam"]}"\nmqtt: {SECRETS["mqtt"]}\nnested: [{SECRETS["mqtt"]}]\n'
    )
    (tmp_path / "secrets.yaml").chmod(0o600)
    (tmp_path / "appliance.yaml").write_text(
        "version: 1\nsite: a\nnode: b\nmqtt:\n  url: mqtt://127.0.0.1:9\n  username: !secret cam\n"
        f'  password: "{SECRETS["plain"]}"\n'
        "# -----BEGIN RSA PRIVATE KEY-----\n# AAAAkeykey\n# -----END RSA PRIVATE KEY-----\n"
        "detectors: {any: {kind: motion}}\nstorage: {path: var}\n"
    )
    (tmp_path / "cameras/yard.yaml").write_text(
        "version: 1\ncamera: yard\nsource: {kind: rtsp, "
        f'url: "rtsp://op:{SECRETS["plain"]}@127.0.0.1:9/s?token={SECRETS["token"]}"}}\n'
        "analyse: {detector: any}\n# ${CAM_PASSWORD}\n"
    )
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "broker").write_text(SECRETS["cred"] + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("CAM_PASSWORD", SECRETS["env"])
    return tmp_path


def contents(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        return {
            member.name.partition("/")[2]: opened.read().decode()
            for member in archive.getmembers()
            if (opened := archive.extractfile(member)) is not None
        }


def test_no_secret_is_in_it(folder: Path, tmp_path: Path) -> None:
    """Planted in files, comments, doctor's words, the environment and credentials: none leaves."""
    words = " ".join([*SECRETS.values(), ENCODED, "rtsp://u:other-one@h/s password=other-two"])
    checks = [Check("camera yard", "red", words, "try rtsp://a:other-three@h")]
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    bundle(folder, tmp_path / "out.tar.gz", checks, log_lines=10, now=now)
    found = contents(tmp_path / "out.tar.gz")
    whole = "\n".join(found.values())
    planted = [*SECRETS.values(), ENCODED, "other-one", "other-two", "other-three", "AAAAkeykey"]
    assert [secret for secret in planted if secret in whole] == []
    assert (tmp_path / "out.tar.gz").stat().st_mode & 0o077 == 0
    assert set(found) == {
        "doctor.json", "versions.json", "hardware.json", "journal.txt",
        "config/appliance.yaml", "config/cameras/yard.yaml",
    }  # fmt: skip
    assert "username: !secret cam" in found["config/appliance.yaml"]  # what helps stays
    assert "127.0.0.1:9" in found["config/cameras/yard.yaml"]


def test_the_command_helps_also_where_the_configuration_is_broken(folder: Path) -> None:
    """It is then that support is asked; nothing secret is printed either."""
    (folder / "appliance.yaml").write_text(
        f'version: 9\nmqtt: {{password: "{SECRETS["plain"]}"}}\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "edge", "support-bundle", "--config", str(folder), "--out",
         str(folder / "out.tar.gz")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = contents(folder / "out.tar.gz")
    assert '"red"' in found["doctor.json"]
    whole = done.stdout + done.stderr + "\n".join(found.values())
    assert [secret for secret in SECRETS.values() if secret in whole] == []


def test_a_short_secret_does_not_eat_the_text() -> None:
    """It goes where it stands alone."""
    assert Redaction(["ab"])("cab ab: table") == "cab [struck out]: table"

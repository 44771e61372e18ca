"""The last good configurations: kept, compared with what is there now, and put back."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import Config, load
from edge.config.changes import changes
from edge.config.history import N_KEPT, History, restore

GOOD = Path(__file__).resolve().parents[2] / "config" / "good"
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAM_USER", "viewer")
    monkeypatch.setenv("CAM_PASSWORD", "hunter2")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    folder = Path(shutil.copytree(GOOD, tmp_path / "site"))
    with (folder / "appliance.yaml").open("a") as appliance:
        appliance.write("storage: {path: var}\n")
    return folder


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _in_force(site: Path, minutes: int = 0) -> Config:
    """As the daemon does when it takes a configuration up."""
    config = load(site)
    history = History(config.appliance.storage.path)
    history.keep(site, config.sha256, NOON + timedelta(minutes=minutes))
    return config


def test_the_newest_ten_are_kept(site: Path) -> None:
    """Each with its hash and time; taking the same one up again keeps no second copy."""
    hashes = []
    for n in range(N_KEPT + 3):
        _edit(site / "cameras/gate.yaml", "crane", f"crane {n}")
        hashes.append(_in_force(site, n).sha256)
    _in_force(site, 60)

    entries = History(site / "var").entries()

    assert [kept.sha256 for kept in entries] == hashes[: -N_KEPT - 1 : -1]
    assert entries[0].since == NOON + timedelta(minutes=N_KEPT + 2)
    assert all(load(kept.folder, root=site).sha256 == kept.sha256 for kept in entries)


def test_secrets_are_not_copied_and_copies_are_ours_alone(site: Path) -> None:
    """`secrets.yaml` stays where it is; a password in the clear is no better off in a copy."""
    (site / "secrets.yaml").write_text("a: hunter2\n")
    _in_force(site)

    (kept,) = History(site / "var").entries()
    names = {str(file.relative_to(kept.folder)) for file in kept.folder.rglob("*.yaml")}
    assert names == {"appliance.yaml", "cameras/gate.yaml"}
    modes = {file.stat().st_mode & 0o077 for file in kept.folder.rglob("*.yaml")}
    assert modes == {0}


def test_files_that_changed_since_they_were_read_are_not_kept_as_good(site: Path) -> None:
    """A copy is what was in force, or it is not made."""
    config = load(site)
    _edit(site / "cameras/gate.yaml", "fps: 8", "fps: 9")

    History(site / "var").keep(site, config.sha256, NOON)

    assert History(site / "var").entries() == []


def test_rollback_puts_the_files_back_and_loses_none(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the present files are broken; what was there is moved aside."""
    good = _in_force(site).sha256
    _edit(site / "cameras/gate.yaml", "fps: 8", "fps: 800")
    (site / "cameras/new.yaml").write_text("broken: [")

    arguments = ["--config", str(site), "--storage", str(site / "var")]
    assert main(["config", "rollback", *arguments]) == 0

    assert load(site).sha256 == good
    (aside,) = site.glob("replaced-*")
    assert (aside / "cameras/new.yaml").read_text() == "broken: ["
    assert "fps: 800" in (aside / "cameras/gate.yaml").read_text()
    assert str(aside) in capsys.readouterr().out


def test_rollback_to_what_is_not_kept_says_what_there_is(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is changed."""
    good = _in_force(site).sha256

    assert main(["config", "rollback", "ffffffff", "--config", str(site)]) == 2

    assert good[:8] in capsys.readouterr().err
    assert not list(site.glob("replaced-*"))


def test_restore_keeps_the_modes_of_files(site: Path) -> None:
    """A file that only the service may read stays so."""
    _in_force(site)
    (site / "appliance.yaml").chmod(0o640)
    restore(History(site / "var").entries()[0], site, NOON)
    assert (site / "appliance.yaml").stat().st_mode & 0o777 == 0o640


def test_what_a_reload_would_do(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cameras that start, stop, restart and go on; values are shown, addresses are not."""
    gate = (site / "cameras/gate.yaml").read_text()
    for name in ("kept", "gone"):
        (site / f"cameras/{name}.yaml").write_text(gate.replace("camera: gate", f"camera: {name}"))
    _in_force(site)
    _edit(site / "cameras/gate.yaml", "fps: 8", "fps: 5")
    _edit(site / "cameras/gate.yaml", "10.0.0.21", "10.0.0.99")
    (site / "cameras/gone.yaml").rename(site / "cameras/fresh.yaml")
    _edit(site / "cameras/fresh.yaml", "camera: gone", "camera: fresh")
    _edit(site / "appliance.yaml", "path: var", "path: var, outbox: {max_mib: 64}")

    assert main(["check", "--diff", "--config", str(site)]) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[2:] == [
        "  appliance storage.outbox.max_mib: 256 -> 64 (at the next start)",
        "  start     fresh",
        "  stop      gone",
        "  restart   gate: source.url; analyse.fps: 8.0 -> 5.0",
        "  keep      1 camera, tracks and all",
    ]


def test_a_detectors_option_restarts_its_cameras(site: Path) -> None:
    """And only its own."""
    gate = (site / "cameras/gate.yaml").read_text()
    moving = gate.replace("camera: gate", "camera: pier").replace("street", "movement")
    (site / "cameras/pier.yaml").write_text(moving.replace(", classes: [person, car]", ""))
    old = load(site)
    _edit(site / "appliance.yaml", "model: yolox-nano", "model: yolox-nano, confidence: 0.5")

    found = changes(old, load(site))

    assert found.keep == ("pier",)
    ((name, differing),) = found.restart
    assert name == "gate"
    assert [c.path for c in differing] == ["detectors.street.confidence"]


def test_diff_before_anything_was_in_force(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says so, instead of calling everything new."""
    assert main(["check", "--diff", "--config", str(site)]) == 2
    assert "no configuration has been in force yet" in capsys.readouterr().err


def test_json_for_scripts(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same facts as objects."""
    config = _in_force(site)
    assert main(["check", "--diff", "--json", "--config", str(site)]) == 0
    assert main(["config", "history", "--json", "--config", str(site)]) == 0
    check, history = capsys.readouterr().out.split("\n[", 1)
    assert json.loads(check)["changes"]["keep"] == ["gate"]
    assert json.loads("[" + history)[0]["config"] == config.sha256

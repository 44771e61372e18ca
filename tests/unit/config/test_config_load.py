"""Loading a folder: what runs, what is set aside, and what identifies it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge.cli import check
from edge.config import Config, ConfigUnusable, load
from edge.detectors.motion import Options as MotionOptions
from edge.gates.motion import Options as MotionGate
from edge.sources.file import Options as FileOptions
from edge.sources.rtsp import Options as RtspOptions

GOOD = Path(__file__).resolve().parents[2] / "config" / "good"
SECRET = "Tr0ub4dor"  # noqa: S105


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without problems."""
    monkeypatch.setenv("CAM_USER", "viewer")
    monkeypatch.setenv("CAM_PASSWORD", SECRET)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Path(shutil.copytree(GOOD, tmp_path / "site"))


def _add(site: Path, camera: str, old: str = "", new: str = "") -> Path:
    """Another camera, with one text replaced."""
    text = (GOOD / "cameras" / "gate.yaml").read_text()
    assert old in text
    file = site / "cameras" / f"{camera}.yaml"
    file.write_text(text.replace("camera: gate", f"camera: {camera}").replace(old, new))
    return file


def test_defaults_are_spelt_out(site: Path) -> None:
    """What is left out has a value, and a kind given by its name alone is its options."""
    config = load(site)
    (camera,) = config.cameras
    assert (config.problems, config.rejected) == ((), ())
    assert camera.analyse.gate == MotionGate(kind="motion")
    assert camera.analyse.tracker.kind == "bytetrack"  # type: ignore[attr-defined]
    assert config.appliance.storage.path == Path("/var/lib/edge")
    assert isinstance(config.appliance.detectors["movement"], MotionOptions)


def test_a_bad_camera_is_set_aside(site: Path) -> None:
    """The others run; the bad one is named with everything that is wrong with it."""
    _add(site, "pier", "fps: 8", "fps: 800, colour: red")
    config = load(site)
    assert [camera.camera for camera in config.cameras] == ["gate"]
    ((name, problems),) = config.rejected
    assert name == "pier"
    assert [problem.path for problem in problems] == ["analyse.fps", "analyse.colour"]
    assert config.problems == problems


def test_of_two_files_with_one_id_the_one_named_after_it_runs(site: Path) -> None:
    """A copied file whose id was not changed does not take its original's place."""
    shutil.copy(site / "cameras/gate.yaml", site / "cameras/a-copy.yaml")
    config = load(site)
    assert [camera.camera for camera in config.cameras] == ["gate"]
    assert [name for name, _ in config.rejected] == ["a-copy"]


def test_an_unusable_appliance_reports_all_files(site: Path) -> None:
    """Nothing can run, and the cameras' problems are told in the same breath."""
    (site / "appliance.yaml").write_text("version: 1\n")
    _add(site, "pier", "zone: yard", "zone: yrd")
    with pytest.raises(ConfigUnusable) as raised:
        load(site)
    assert [problem.path for problem in raised.value.problems] == [
        "site",
        "node",
        "mqtt",
        "detectors",
        "rules.0.zone",
    ]
    assert "did you mean 'yard'?" in str(raised.value)


def test_relative_paths_begin_in_the_folder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the program is started, files are found beside the configuration."""
    source = '{kind: rtsp, url: "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.21:554/stream1"}'
    _add(site, "tape", source, "{kind: file, path: clips/tape.mp4}")
    (site / "clips").mkdir()
    (site / "clips/tape.mp4").touch()
    (site / "ca.pem").touch()
    appliance = (site / "appliance.yaml").read_text()
    mqtt = "{url: mqtts://hub.example, root: cctv, ca_file: ca.pem}\nstorage: {path: var}"
    (site / "appliance.yaml").write_text(
        appliance.replace('{url: "mqtt://127.0.0.1:1883", root: cctv}', mqtt)
    )
    monkeypatch.chdir(site.parent)

    config = load(Path("site"))
    source_options = config.cameras[1].source
    assert isinstance(source_options, FileOptions)
    assert source_options.path == site / "clips/tape.mp4"
    assert config.appliance.mqtt.ca_file == site / "ca.pem"
    assert config.appliance.storage.path == site / "var"


def test_secrets_reach_the_options_and_nothing_else(site: Path) -> None:
    """The address holds the password; no text made from the configuration does."""
    config = load(site)
    source = config.cameras[0].source
    assert isinstance(source, RtspOptions)
    assert source.url.get_secret_value() == f"rtsp://viewer:{SECRET}@10.0.0.21:554/stream1"
    assert SECRET not in repr(config)


def test_the_hash_is_of_the_files_as_written(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of any file's bytes or name changes it; a change of a secret does not."""
    first = load(site)
    monkeypatch.setenv("CAM_PASSWORD", "another")
    (site / "secrets.yaml").write_text("a: b\n")
    assert load(site).sha256 == first.sha256
    assert first.short_hash == first.sha256[:8]

    extra = _add(site, "pier")
    second = load(site).sha256
    extra.write_text(extra.read_text() + "# a remark\n")
    third = load(site).sha256
    assert len({first.sha256, second, third}) == 3


def test_check_as_json(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script reads the same problems, with their parts apart."""
    _add(site, "pier", "zone: yard", "zone: yrd")
    parser = argparse.ArgumentParser()
    check.arguments(parser)
    assert check.run(parser.parse_args(["--config", str(site), "--json"])) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["cameras"], report["rejected"]) == (["gate"], ["pier"])
    assert (report["errors"], report["warnings"]) == (1, 0)
    (problem,) = report["problems"]
    assert (problem["line"], problem["column"], problem["path"]) == (11, 39, "rules.0.zone")
    assert problem["remedy"] == "did you mean 'yard'?"


_MARKS = (
    "\t",
    "\n",
    " ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "#",
    "? ",
    "<<: ",
    "---\n",
    "\0",
)
_WORDS = ("!secret x", "${CAM_PASSWORD}", "${", "&a ", "*a", "> ", "null", "no", "-1", "1e999")
_PIECES = st.sampled_from((*_MARKS, *_WORDS, "!!int "))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    file=st.sampled_from(["appliance.yaml", "cameras/gate.yaml"]),
    edits=st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 9), _PIECES), min_size=1, max_size=4
    ),
)
@example(file="cameras/gate.yaml", edits=[(19, 0, "${CAM_PASSWORD}")])
@example(file="cameras/gate.yaml", edits=[(30, 0, "${CAM_PASSWORD}")])
def test_whatever_is_typed_is_answered(
    site: Path, file: str, edits: list[tuple[int, int, str]]
) -> None:
    """Any damage to a file is a problem or none, never a traceback, and never shows a secret."""
    text = (GOOD / file).read_text()
    for at, length, piece in edits:
        text = text[:at] + piece + text[at + length :]
    (site / file).write_text(text)
    said: Config | str
    try:
        said = load(site)
        shown = repr(said) + "".join(map(str, said.problems))
    except ConfigUnusable as unusable:
        shown = str(unusable)
    finally:
        shutil.copy(GOOD / file, site / file)
    assert SECRET not in shown


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_a_problem(site: Path) -> None:
    """Permissions are reported with the file, not raised."""
    _add(site, "pier").chmod(0)
    ((name, (problem,)),) = load(site).rejected
    assert (name, problem.cause) == ("pier", "cannot be read: Permission denied")

"""The self-check of a release, with real networks in real engines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.cli import main
from edge.config import load
from edge.detectors import openvino
from edge.site.doctor import Check
from edge.update import selfcheck
from tests.unit.detectors.blob_model import write_blob_model

pytest.importorskip("openvino", reason="openvino is not installed: pip install '.[openvino]'")

APPLIANCE = """
version: 1
site: test
node: cabinet
mqtt: {{url: "mqtt://127.0.0.1:1"}}
storage: {{path: {path}}}
detectors:
  both: {{kind: auto, model: tiny}}
  named: {{kind: openvino, model: tiny}}
  still: {{kind: motion}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three detectors, two of which run a network that sees something bright as a person."""
    folder = tmp_path_factory.mktemp("site")
    write_blob_model(folder / "var/models", level=120)
    (folder / "cameras").mkdir()
    (folder / "appliance.yaml").write_text(APPLIANCE.format(path=folder / "var"))
    return folder


@pytest.fixture(scope="module", autouse=True)
def golden() -> Iterator[None]:
    """Drawn once for all of these tests; three of them."""
    with pytest.MonkeyPatch.context() as context:
        context.setattr(selfcheck, "N_GOLDEN", 3)
        pictures = selfcheck._golden()
        context.setattr(selfcheck, "_golden", lambda: pictures)
        yield


def engines(site: Path) -> dict[str, Check]:
    return {check.name: check for check in selfcheck.engines(load(site))}


def test_engines_see_in_golden_pictures_what_the_float_reference_does(site: Path) -> None:
    """Also for a detector that names its engine, and with few objects in the pictures."""
    found = engines(site)
    assert {check.level for check in found.values()} == {"green"}, found
    assert "finds 100% of the reference's objects" in found["detector named openvino"].found
    assert "finds 100% of the reference's objects" in found["detector both openvino"].found
    assert set(found) == {
        *("detector both onnx", "detector both openvino"),
        *("detector named onnx", "detector named openvino", "detector still itself"),
    }


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        pytest.param(lambda _: 0.0, "of the reference's objects found, got 0.0%", id="blind"),
        pytest.param(lambda grid: np.roll(grid, 3, axis=1), "expected", id="elsewhere"),
    ],
)
def test_an_engine_that_sees_something_else_is_red(
    site: Path, monkeypatch: pytest.MonkeyPatch, broken: Any, told: str
) -> None:
    """As a driver does that goes on with wrong numbers."""
    run = openvino.OpenvinoBackend.run

    def wrong(self: openvino.OpenvinoBackend, inputs: Any) -> dict[str, Any]:
        return {
            name: np.zeros_like(grid) + broken(grid) for name, grid in run(self, inputs).items()
        }

    monkeypatch.setattr(openvino.OpenvinoBackend, "run", wrong)
    found = engines(site)
    assert found["detector both onnx"].level == "green"
    for name in ("detector both openvino", "detector named openvino"):
        assert found[name].level == "red"
        assert told in found[name].found


CAMERA = """
version: 1
camera: {id}
source: {{kind: rtsp, url: "{url}"}}
analyse: {{detector: still{more}}}
"""


def configured(site: Path) -> dict[str, str]:
    """Levels by name, of the configuration's lines; as the command prints them."""
    command = [sys.executable, "-m", "edge.update.selfcheck", "--config", str(site)]
    done = subprocess.run([*command, "configuration"], capture_output=True, text=True, check=False)
    found = {check["name"]: check["level"] for check in json.loads(done.stdout)}
    assert done.returncode == ("red" in found.values())
    return found


def test_a_warning_is_no_reason_to_refuse_a_release(tmp_path: Path) -> None:
    """A password in the clear, say, with which the box watches as well as without."""
    (tmp_path / "cameras").mkdir()
    (tmp_path / "appliance.yaml").write_text(APPLIANCE.format(path=tmp_path / "var"))
    url = "rtsp://viewer:hunter2@10.0.0.21/stream1"
    (tmp_path / "cameras/gate.yaml").write_text(CAMERA.format(id="gate", url=url, more=""))
    assert configured(tmp_path) == {"configuration": "amber"}


def test_a_camera_that_is_set_aside_has_a_line_of_its_own(tmp_path: Path) -> None:
    """So that a second one is not taken for the first."""
    (tmp_path / "cameras").mkdir()
    (tmp_path / "appliance.yaml").write_text(APPLIANCE.format(path=tmp_path / "var"))
    for name, more in (("gate", ""), ("yard", ", fsp: 8")):
        text = CAMERA.format(id=name, url="rtsp://10.0.0.21/stream1", more=more)
        (tmp_path / f"cameras/{name}.yaml").write_text(text)
    assert configured(tmp_path) == {"configuration": "amber", "configuration of yard": "red"}


@pytest.mark.parametrize("content", ["", "version: 1\nsite: [", "version: 99\n"])
def test_a_configuration_that_cannot_be_used_is_red(tmp_path: Path, content: str) -> None:
    """Nothing else can be judged then."""
    (tmp_path / "appliance.yaml").write_text(content)
    assert configured(tmp_path) == {"configuration": "red"}


def test_an_agent_may_ask_for_single_steps(site: Path) -> None:
    """JSON on standard output, exit code 1 where one is red."""
    command = [sys.executable, "-m", "edge.update.selfcheck", "--config", str(site)]
    done = subprocess.run([*command, "broker"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (check,) = json.loads(done.stdout)
    assert (check["name"], check["level"]) == ("broker", "red")


def test_the_first_boot_builds_every_engine_the_configuration_wants(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What edge-engines.service runs; a second run has nothing to do."""
    command = ["model", "build", "--all", "--config", str(site)]
    assert main(command) == 0
    assert "detector still: nothing to build" in capsys.readouterr().out
    built = sorted((site / "var/engines").iterdir())
    print(built)
    assert main(command) == 0
    assert sorted((site / "var/engines").iterdir()) == built

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

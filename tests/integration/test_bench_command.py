"""`edge bench` on a box with nothing but this package: no weights, no network, no shared clips."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from tests.clips import encode
from tests.unit.detectors.tiny_model import write_model


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "EDGE_MODELS": "", "XDG_CACHE_HOME": str(folder)},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.network
def test_idle_cameras_are_watched_and_counted(tmp_path: Path) -> None:
    """A still clip: most is never decoded, all cameras are counted, and it says what looks."""
    clip = encode(tmp_path / "still.mp4", n_frames=80, is_steady=True, has_box=False)
    done = bench(
        tmp_path, "--cameras", "3", "--seconds", "3", "--quick", "--json", "--clip", str(clip),
        "--model", "deimv2-femto",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    idle = found["idle"]
    assert "edge model pull deimv2-femto" in idle["trouble"]
    assert idle["cameras"] == 3
    assert idle["packets_s"] == pytest.approx(30, rel=0.1)
    assert 0.5 < idle["undecoded"] <= 0.95  # one picture in ten is a keyframe
    assert (idle["n_skipped"], idle["n_threads_more"], idle["n_handles_more"]) == (0, 0, 0)
    assert idle["start_s"] < 10
    cores = idle["cpu_demux"] + idle["cpu_gate"]
    assert idle["per_core"] == pytest.approx(3 / cores, rel=0.02)
    assert found["clip"] == "still.mp4"
    assert {"decode, an idle keyframe", "decode, a frame", "detector", "tracker"} <= found[
        "stages_ms"
    ].keys()
    (busy,) = found["efficiency"]
    assert busy["whole_fps"] > 0
    assert busy["of_slower"] == pytest.approx(
        busy["whole_fps"] / min(busy["decode_fps"], busy["infer_fps"]), rel=0.01
    )


@pytest.mark.network
def test_weights_are_sought_where_the_daemon_finds_them(tmp_path: Path) -> None:
    """In `models` under the storage; nothing is written there."""
    weights = write_model(tmp_path / "var/models")
    clip = encode(tmp_path / "still.mp4", n_frames=80, is_steady=True, has_box=False)
    before = sorted((tmp_path / "var").rglob("*"))
    done = bench(
        tmp_path, "--cameras", "1", "--seconds", "1", "--quick", "--json", "--clip", str(clip),
        "--model", weights.parent.name, "--storage", str(tmp_path / "var"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["idle"]["trouble"] == ""
    assert found["model"].startswith(weights.parent.name)
    assert sorted((tmp_path / "var").rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--cameras", "0"), 2, "expected 1 to 256 cameras"),
        (("--seconds", "soon"), 2, "expected 1 to 86400 seconds"),
        (("--model", "yolo-nano"), 3, "yolox-nano"),
        (("--clip", "/nowhere/clip.mp4"), 2, "no such file"),
    ],
)
def test_wrong_arguments_are_told(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, told: str
) -> None:
    """What was expected, and the exit code of the contract."""
    assert exit_code("bench", *arguments) == code
    out, err = capsys.readouterr()
    assert not out
    assert told in err


def test_help_comes_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("bench", "--help") == 0
    assert "edge bench --cameras 32" in capsys.readouterr().out


def exit_code(*arguments: str) -> int:
    """What the command would leave the shell with."""
    try:
        return main(arguments)
    except SystemExit as left:  # argparse's own way
        return int(left.code or 0)

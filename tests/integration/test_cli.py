"""The command as a person types it: its answers, its exit codes, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clips import encode
from tests.conftest import REPOSITORY


def edge(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, "EDGE_MODELS": "", **environment},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def configured(
    folder: Path, clip: Path, *, detector: dict[str, Any] | None = None, **camera: object
) -> Path:
    """A box with one camera that looks for whatever moves across the middle."""
    (folder / "cameras").mkdir(parents=True)
    appliance = {
        "version": 1,
        "site": "test",
        "node": "box",
        "mqtt": {"url": "mqtt://127.0.0.1:9"},
        "storage": {"path": "var"},
        "detectors": {"any": detector or {"kind": "motion"}},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    settings = {
        "version": 1,
        "camera": "yard",
        "source": {"kind": "file", "path": str(clip)},
        "analyse": {"detector": "any"},
        "lines": {"middle": [[0.5, 1.0], [0.5, 0.0]]},
        "rules": [{"name": "across", "kind": "line_crossing", "line": "middle"}],
        **camera,
    }
    (folder / "cameras" / "yard.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight seconds in which a white box goes from left to right over a still background."""
    return encode(tmp_path / "clip.mp4", n_frames=80, is_steady=True)


def replay(folder: Path, clip: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return edge("replay", str(clip), "--camera", "yard", "--config", str(folder), *more)


def test_a_replay_gives_the_same_bytes_twice(tmp_path: Path, clip: Path) -> None:
    """Same input, same events: identifiers and all."""
    folder = configured(tmp_path / "box", clip)
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for out in outs:
        assert replay(folder, clip, "--out", str(out)).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    (event,) = [json.loads(line) for line in outs[0].read_text().splitlines()]
    assert (event["kind"], event["direction"], event["at"][:10]) == (
        "line_crossed",
        "right",
        "1970-01-01",
    )


def test_a_replay_of_a_real_clip_with_a_network_is_the_same_twice(
    tmp_path: Path, shared: Path
) -> None:
    """Inference on several threads does not make it another story."""
    clip = shared / "clips" / "person-bicycle-car-detection.mp4"
    folder = configured(
        tmp_path / "box",
        clip,
        detector={"kind": "onnx", "model": "yolox-nano"},
        lines={"middle": [[0.17, 0.85], [0.17, 0.10]]},
    )
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for out in outs:
        done = edge(
            "replay", str(clip), "--camera", "yard", "--config", str(folder), "--out", str(out),
            EDGE_MODELS=str(shared / "models"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[0].read_bytes()


def test_a_replay_can_be_watched(tmp_path: Path, clip: Path) -> None:
    """The annotated video has one picture for each analysed frame."""
    import av

    video = tmp_path / "seen.mp4"
    folder = configured(tmp_path / "box", clip)
    assert replay(folder, clip, "--out", os.devnull, "--video", str(video)).returncode == 0
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 64


@pytest.mark.parametrize(
    ("damage", "code", "told"),
    [
        (lambda path: path.unlink(), 2, "No such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:4000]), 2, "cannot open"),
        (lambda path: path.write_text("not a video"), 2, "expected a video stream or file"),
    ],
    ids=["missing", "cut in mid-file", "text"],
)
def test_a_bad_recording_is_named(
    tmp_path: Path, clip: Path, damage: Any, code: int, told: str
) -> None:
    """What is wrong with the file, in one line, and the exit code of the contract."""
    folder = configured(tmp_path / "box", clip)
    victim = tmp_path / "victim.mp4"
    victim.write_bytes(clip.read_bytes())
    damage(victim)
    done = replay(folder, victim)
    assert told in done.stderr
    assert "victim.mp4" in done.stderr
    assert done.returncode == code


def test_no_weights_is_said_and_the_motion_detector_watches(tmp_path: Path, clip: Path) -> None:
    """The chain still runs, and the command that brings the weights is printed."""
    folder = configured(tmp_path / "box", clip, detector={"kind": "auto", "model": "deimv2-femto"})
    done = replay(folder, clip)
    assert done.returncode == 0
    assert "edge model pull deimv2-femto" in done.stderr
    assert '"kind":"line_crossed"' in done.stdout
    assert '"model":"motion@' in done.stdout


def test_weights_that_are_not_the_card_s_are_not_used(tmp_path: Path, clip: Path) -> None:
    """Another file under the right name: expected against got, and the fallback watches."""
    folder = configured(tmp_path / "box", clip, detector={"kind": "auto", "model": "yolox-nano"})
    (tmp_path / "yolox_nano.onnx").write_bytes(b"something else")
    done = edge(
        "replay", str(clip), "--camera", "yard", "--config", str(folder),
        EDGE_MODELS=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0
    assert "expected SHA-256" in done.stderr
    assert '"model":"motion@' in done.stdout


def test_doctor_names_what_is_wrong_and_what_to_do(tmp_path: Path, clip: Path) -> None:
    """No broker, no camera: red, with a remedy, and exit code 1."""
    clip.rename(tmp_path / "moved.mp4")
    folder = configured(
        tmp_path / "box",
        clip,
        source={"kind": "rtsp", "url": "rtsp://admin:t0psecret@127.0.0.1:9/live"},
    )
    done = edge("doctor", "--config", str(folder), "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert checks["camera yard"]["level"] == "red"
    assert checks["broker"]["level"] == "red"
    assert checks["broker"]["remedy"]
    assert checks["disk"]["level"] == "green"
    assert "t0psecret" not in done.stdout + done.stderr


def test_doctor_tells_missing_weights_apart(tmp_path: Path, clip: Path) -> None:
    """A detector without weights is red, and its remedy is the command that fetches them."""
    folder = configured(tmp_path / "box", clip, detector={"kind": "auto", "model": "deimv2-femto"})
    done = edge("doctor", "--config", str(folder), "--json")
    (check,) = [c for c in json.loads(done.stdout) if c["name"] == "detector any"]
    assert (check["level"], check["is_missing"]) == ("red", True)
    assert check["remedy"] == "edge model pull deimv2-femto"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_configuration_that_cannot_be_used_is_exit_2(tmp_path: Path, command: str) -> None:
    """File, line, column and remedy; nothing is started."""
    (tmp_path / "appliance.yaml").write_text("version: 1\nmqtt:\n\turl: x\n")
    done = edge(command, "--config", str(tmp_path))
    assert done.returncode == 2
    assert "appliance.yaml:3:1" in done.stderr


def test_the_examples_in_the_repository_are_good() -> None:
    """What we hand out passes our own check (the street's secrets are the site's to fill in)."""
    done = edge("check", "--config", str(REPOSITORY / "configs" / "lab"), "--json")
    problems = [p for p in json.loads(done.stdout)["problems"] if p["severity"] == "error"]
    assert all("clips/street.mp4" in problem["cause"] for problem in problems)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["replay", "--help"]])
def test_help_comes_with_an_example(arguments: list[str]) -> None:
    """Every command explains itself."""
    done = edge(*arguments)
    assert done.returncode == 0
    assert done.stdout

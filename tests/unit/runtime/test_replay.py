"""A replay says the same every time, and recorded tracks say what the recording said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import load
from edge.detectors import Models, open_engine, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.errors import InputError
from edge.pipeline import Step
from edge.runtime.batcher import Batcher
from edge.runtime.recorded import TracksFile
from edge.runtime.replay import camera_named, steps
from tests.clips import encode
from tests.conftest import REPOSITORY

APPLIANCE = """\
version: 1
site: harbour
node: cabinet-1
mqtt: {url: "mqtt://127.0.0.1:1883"}
detectors:
  anything: {kind: motion}
"""
CAMERA = """\
version: 1
camera: gate
source: {kind: file, path: clip.mp4}
analyse: {detector: anything, fps: 10, gate: motion}
lines:
  middle: [[0.55, 1.0], [0.55, 0.0]]
zones:
  right: [[0.5, 0.2], [1.0, 0.2], [1.0, 0.9], [0.5, 0.9]]
rules:
  - {name: passing, kind: line_crossing, line: middle}
  - {name: entry, kind: zone_entry, zone: right}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a configuration and a clip in which a box goes to the right."""
    encode(tmp_path / "clip.mp4", n_frames=90, is_steady=True)
    (tmp_path / "appliance.yaml").write_text(APPLIANCE, "utf-8")
    (tmp_path / "cameras").mkdir()
    (tmp_path / "cameras" / "gate.yaml").write_text(CAMERA, "utf-8")
    return tmp_path


def replay(site: Path, name: str, *more: str, recording: str = "clip.mp4") -> bytes:
    out = site / name
    command = ["replay", str(site / recording), "--camera", "gate", "--config", str(site)]
    assert main([*command, "--out", str(out), *more]) == 0
    return out.read_bytes()


def test_two_processes_with_other_hash_seeds_say_the_same_to_the_byte(site: Path) -> None:
    """Nothing depends on the order of sets, on the clock or on chance, gate and all."""
    said = []
    for seed in ("1", "2"):
        out = site / f"events-{seed}.jsonl"
        command = [sys.executable, "-m", "edge", "replay", str(site / "clip.mp4")]
        subprocess.run(
            [*command, "--camera", "gate", "--config", str(site), "--out", str(out)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=100,
        )
        said.append(out.read_bytes())
    assert said[0] == said[1]
    kinds = [json.loads(line)["kind"] for line in said[0].splitlines()]
    assert {"line_crossed", "zone_entered"} <= set(kinds)


def test_recorded_tracks_say_what_the_recording_said_to_the_byte(site: Path) -> None:
    """The same identifiers too; and other rules may be tried on them."""
    tracks = site / "tracks.jsonl"
    said = replay(site, "one.jsonl", "--tracks-out", str(tracks))
    assert replay(site, "two.jsonl", recording="tracks.jsonl") == said
    moved = CAMERA.replace("0.55, 1.0", "0.5, 1.0").replace("0.55, 0.0", "0.5, 0.0")
    (site / "cameras" / "gate.yaml").write_text(moved, "utf-8")
    other = replay(site, "three.jsonl", recording="tracks.jsonl")
    assert other != said
    assert other[:20] == replay(site, "four.jsonl")[:20]


def test_frames_at_which_the_gate_was_closed_are_kept_as_such(site: Path) -> None:
    """A look that found nothing, and no look, are not the same."""
    encode(site / "clip.mp4", n_frames=60, is_steady=True, has_box=False)
    replay(site, "events.jsonl", "--tracks-out", str(site / "tracks.jsonl"))
    frames = list(TracksFile(site / "tracks.jsonl").frames())
    assert len(frames) == 60
    assert frames[0].tracks is not None
    assert any(frame.tracks is None for frame in frames)


HEADER = (
    '{"tracks":1,"camera":"gate","clip_sha256":"00",'
    '"model":{"name":"m","sha256":"00","labels":["object"]}}'
)
ROW = (
    '{"index":0,"pts":1.0,"at":"2026-01-01T00:00:00+00:00","clock_ms":5,"size_wh":[320,180],'
    '"xyxy":[[1,2,3,4]],"confidence":[0.5],"class_id":[0],"track_id":[7],"age":[0.5],'
    '"velocity":[[0,0]],"removed":[]}'
)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param([], ":1: is no header of a tracks file", id="empty"),
        pytest.param(['{"v":1}'], ":1: is no header of a tracks file", id="events"),
        pytest.param([HEADER, ROW[:50]], ":2: is not JSON, or was cut off", id="cut off"),
        pytest.param([HEADER, "[]"], ":2: expected a JSON object", id="a list"),
        pytest.param([HEADER, ROW.replace("pts", "pt")], ":2: 'pts' is missing", id="no time"),
        pytest.param(
            [HEADER, ROW.replace("[0.5],", "[],", 1)],
            r":2: column confidence: expected float32 \(1,\), got float32 \(0,\)",
            id="columns of unequal length",
        ),
        pytest.param(
            [HEADER, ROW.replace('"class_id":[0]', '"class_id":[4]')],
            ":2: class_id 4: expected 0 to 0",
            id="a class the model has not",
        ),
        pytest.param(
            [HEADER, ROW, ROW.replace("1.0", "0.5")], ":3: pts 0.5 is before 1", id="backwards"
        ),
    ],
)
def test_a_damaged_tracks_file_is_named_with_its_line(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    """And how to have a whole one."""
    path = tmp_path / "tracks.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(InputError, match=message) as caught:
        list(TracksFile(path).frames())
    assert "edge replay CLIP --tracks-out FILE" in str(caught.value)


def test_tracks_of_another_camera_are_refused(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines and zones would mean nothing there."""
    (site / "tracks.jsonl").write_text(HEADER.replace("gate", "yard") + "\n", "utf-8")
    command = ["replay", str(site / "tracks.jsonl"), "--camera", "gate", "--config", str(site)]
    assert main(command) == 2
    assert "tracks of camera 'yard', expected 'gate'" in capsys.readouterr().err


def test_a_video_that_cannot_be_written_is_said_before_the_work(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and exit code 2."""
    command = ["replay", str(site / "clip.mp4"), "--camera", "gate", "--config", str(site)]
    assert main([*command, "--video", str(site / "absent" / "seen.mp4")]) == 2
    assert "seen.mp4: cannot be written: No such file or directory" in capsys.readouterr().err
    assert main([*command, "--video", str(site / "seen.film")]) == 2
    assert "expected one that ends in .mp4 or .mkv" in capsys.readouterr().err


@pytest.mark.slow
def test_a_replay_through_the_batcher_is_the_same(shared: Path) -> None:
    """The thread that shares an engine between cameras changes no box and no event."""
    config = load(REPOSITORY / "tests" / "truth")
    options = camera_named(config, "car-park-above")
    detector = config.appliance.detectors[options.analyse.detector]
    assert isinstance(detector, OnnxOptions)
    clip = shared / "clips" / "car-detection.mp4"
    said = []
    for serve in (unbatched, lambda load: Batcher(load, name="street", deadline_s=60.0)):
        engine, reason = open_engine(detector, Models([shared / "models"]), serve)
        assert reason is None
        some = islice(steps(clip, options, engine), 56)  # to just after the first crossing
        found = (step.events if isinstance(step, Step) else step for step in some)
        said.append([event for events in found for event in events])
        engine.close()
    assert said[0] == said[1]
    assert said[0]

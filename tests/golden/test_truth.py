"""Events labelled by eye in real clips are met by the software, and how well is committed.

The truth files were written from still pictures before any rule was tried on the clips, and the
events in them have not been changed since; docs/scoring.md says what was changed in the software
because of them. Tracker and rules are run on recorded detections, so a change of either is a
readable diff of `scores.txt`: write it again with `EDGE_WRITE_EXPECTED=1`, and read the diff.
Record the detections again with `EDGE_RECORD=1` and the clips at hand.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.cli import main
from edge.cli.score import report
from edge.config import load
from edge.config.schema import Camera
from edge.demo.setting import setting
from edge.demo.street import cached
from edge.detectors import Models, unbatched
from edge.detectors.onnx import Options as OnnxOptions
from edge.digest import file_digest
from edge.oversight.measures import f_measure
from edge.oversight.score import Parameters, Score, score
from edge.oversight.truth import Alarm, Recording, read_alarms, read_truth
from tests import recorded
from tests.golden import street_truth

HERE = Path(__file__).resolve().parent
TRUTH = HERE.parent / "truth"
SCORES = HERE / "scores.txt"
STREET_TRUTH = HERE / "street-truth.jsonl"
STRICT = Parameters(strict=True)
CLIPS = sorted(path.stem for path in TRUTH.glob("*.jsonl"))
ONCE = [name for name in CLIPS if name != "traffic_camera_vfr"]
"""Without the one that shows the pictures of another."""


def truth(name: str) -> Recording:
    path = TRUTH / f"{name}.jsonl"
    (recording,) = read_truth(
        path.name, path.read_text("utf-8").splitlines(), early=STRICT.early, late=STRICT.late
    )
    return recording


def camera(name: str) -> Camera:
    return next(one for one in load(TRUTH).cameras if one.camera == name)


def detections(name: str) -> Path:
    return TRUTH / "detections" / f"{name}.jsonl.gz"


@pytest.mark.skipif("EDGE_RECORD" not in os.environ, reason="records the fixtures, on request")
@pytest.mark.parametrize("name", CLIPS)
def test_record(name: str, shared: Path) -> None:
    """Not a test of anything: writes what YOLOX-Nano sees in a clip."""
    recording = truth(name)
    options = OnnxOptions(kind="onnx", model="yolox-nano", confidence=0.35)
    engine = options.engine(Models([shared / "models"]), unbatched)
    fps = camera(recording.header.camera).analyse.fps
    detections(name).parent.mkdir(exist_ok=True)
    recorded.write(detections(name), shared / "clips" / recording.header.clip, engine, fps)
    engine.close()


def alarms(name: str) -> list[Alarm]:
    """What tracker and rules make of a clip's recorded detections."""
    header = truth(name).header
    lines = recorded.messages(
        camera(header.camera), recorded.read(detections(name), header.camera, header.start)
    )
    return read_alarms(name, (line.decode() for line in lines))


def street() -> Score:
    """The rendered street, whose truth is known from its drawing."""
    (recording,) = read_truth(
        STREET_TRUTH.name,
        STREET_TRUTH.read_text("utf-8").splitlines(),
        early=STRICT.early,
        late=STRICT.late,
    )
    header = recording.header
    demo = setting({"kind": "file", "path": "x"}, Path(), 1883, is_street=True).cameras[0]
    seen = recorded.read(HERE / "street-detections.jsonl", header.camera, header.start)
    lines = recorded.messages(demo, seen)
    return score([recording], read_alarms("street", (line.decode() for line in lines)), STRICT)


def test_scores_are_the_committed_ones() -> None:
    """A change of tracker or rules is a readable diff: what is missed and what is false now."""
    parts = [f"== {name}\n{report(score([truth(name)], alarms(name), STRICT))}" for name in CLIPS]
    parts.append(f"== the rendered street\n{report(street())}")
    text = "\n\n".join(parts) + "\n"
    if "EDGE_WRITE_EXPECTED" in os.environ:
        SCORES.write_text(text, encoding="utf-8")
    assert text == SCORES.read_text("utf-8")


@pytest.mark.parametrize("clips", [CLIPS, ONCE], ids=["all clips", "each picture once"])
@pytest.mark.parametrize("rules", [("count", "-entry"), ("count",), ("-entry",)])
def test_crossings_and_entries_are_met(rules: tuple[str, ...], clips: list[str]) -> None:
    """YOLOX-Nano at 8 pictures a second: event F1 of 0.95, a second alarm for one event false."""
    found = score(
        [truth(name) for name in clips], [one for name in clips for one in alarms(name)], STRICT
    )
    some = [tally for rule, tally in found.by_rule.items() if rule.endswith(rules)]
    n_true, n_missed = sum(one.n_true for one in some), sum(one.n_missed for one in some)
    n_false = sum(one.n_false or 0 for one in some)
    plain = f_measure(n_true, n_missed, n_false, 1.0)
    alert = f_measure(n_true, n_missed, n_false, STRICT.alpha_alert)
    print(f"{n_true} met, {n_missed} missed, {n_false} false: F1 {plain:.3f}, alert {alert:.3f}")
    assert plain is not None
    assert plain >= 0.95
    assert alert is not None
    assert alert >= 0.95


@pytest.mark.slow
def test_a_clip_replayed_gives_what_its_recorded_detections_give(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The recordings are what the network sees; `edge replay` and `edge score` agree with them."""
    name = "car-detection"
    recording = truth(name)
    clip = shared / "clips" / recording.header.clip
    assert file_digest(clip) == recording.header.sha256
    monkeypatch.setenv("EDGE_MODELS", str(shared / "models"))
    events = tmp_path / "events.jsonl"
    command = ["replay", str(clip), "--camera", recording.header.camera]
    assert main([*command, "--config", str(TRUTH), "--out", str(events)]) == 0
    replayed = read_alarms("replayed", events.read_text("utf-8").splitlines())
    assert [(one.kind, one.phase, one.at, one.direction) for one in replayed] == [
        (one.kind, one.phase, one.at, one.direction) for one in alarms(name)
    ]
    capsys.readouterr()
    files = ["--truth", str(TRUTH / f"{name}.jsonl"), "--events", str(events), "--strict"]
    assert main(["score", *files]) == 0
    assert capsys.readouterr().out.strip() in SCORES.read_text("utf-8")


@pytest.mark.parametrize("name", CLIPS)
def test_each_truth_names_its_clip(name: str, shared: Path) -> None:
    """The clips at hand are the ones that were looked at."""
    header = truth(name).header
    assert file_digest(shared / "clips" / header.clip) == header.sha256


@pytest.mark.timeout(600)
@pytest.mark.skipif("EDGE_RECORD" not in os.environ, reason="draws the street, on request")
def test_the_street_s_truth_is_what_was_drawn(tmp_path: Path) -> None:
    """Its drawing gives the committed truth; `EDGE_WRITE_EXPECTED=1` writes it."""
    _, drawn = cached(tmp_path)
    text = street_truth.lines(drawn)
    if "EDGE_WRITE_EXPECTED" in os.environ:
        STREET_TRUTH.write_text(text, encoding="utf-8")
    assert text == STREET_TRUTH.read_text("utf-8")

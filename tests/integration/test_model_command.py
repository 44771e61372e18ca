"""`edge model` as people type it: eval, check, quantise, pin, export; exit codes and messages."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.detectors import Models
from edge.workbench.pictures import read_frame
from tests.unit.detectors.tiny_model import write_card, write_model
from tests.unit.workbench.small_network import network, onnx, pictures, swapped_channels


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model on the search path, and pictures."""
    write_model(tmp_path / "models", network().SerializeToString())
    write_card(tmp_path / "models", "own", weights=[], obtain="Export it with our tool.")
    pictures(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGE_MODELS", raising=False)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def annotate(site: Path) -> Path:
    """Annotations that say what the model sees, so that its score is 100."""
    from edge.workbench.engines import opened

    objects: list[dict[str, Any]] = []
    paths = sorted((site / "pictures").iterdir())
    with opened("onnx", "tiny", Models([site / "models"]), confidence=0.2) as engine:
        detector = engine.detector()
        for image, path in enumerate(paths, start=1):
            seen = detector.detect(read_frame(path))
            for box, class_id in zip(seen.xyxy, seen.class_id, strict=True):
                x, y, right, bottom = map(float, box)
                objects.append(
                    {
                        "id": len(objects) + 1,
                        "image_id": image,
                        "category_id": int(class_id) + 1,
                        "bbox": [x, y, right - x, bottom - y],
                        "area": (right - x) * (bottom - y),
                        "iscrowd": 0,
                    }
                )
    content = {
        "images": [
            {"id": n, "file_name": path.name, "width": 48, "height": 32}
            for n, path in enumerate(paths, start=1)
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}],
        "annotations": objects,
    }
    (site / "instances.json").write_text(json.dumps(content))
    return site / "instances.json"


def test_eval_prints_a_table_and_an_entry_for_the_card(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By class and by size for people; for scripts, what the card takes as it is."""
    pytest.importorskip("pycocotools", reason="not installed: pip install '.[workbench]'")
    asked = ["model", "eval", "tiny", "--images", "pictures", "--annotations", str(annotate(site))]
    assert main(asked) == 0
    table = capsys.readouterr().out
    assert "12 pictures" in table
    assert "car " in table
    assert "small" in table
    assert main([*asked, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["map"] == pytest.approx(100, abs=1)
    write_model(site / "models", network().SerializeToString(), measured=[answer["measured"]])
    (measured,) = Models([site / "models"]).card("tiny").measured
    assert (measured.precision, measured.engine, measured.value) == ("fp32", "onnx", answer["map"])
    assert measured.dataset == "pictures, 12 pictures"


def test_an_engine_that_sees_the_same_passes(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0, and the figures."""
    assert main(["model", "check", "tiny", "--images", "pictures", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["found"], answer["objections"]) == (1.0, [])


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda: network(gain=1.6), id="scaled layer"),
        pytest.param(lambda: network(gain=0.4), id="layer too weak"),
        pytest.param(lambda: swapped_channels(network()), id="swapped channels"),
    ],
)
def test_a_broken_engine_is_caught(
    site: Path, capsys: pytest.CaptureFixture[str], broken: Any
) -> None:
    """Exit code 1, and on stderr what was expected and what came."""
    onnx.save(broken(), site / "broken.onnx")
    code = main(["model", "check", "tiny", "--images", "pictures", "--weights", "broken.onnx"])
    assert code == 1
    text = told(capsys)
    assert "edge model: tiny on onnx: expected" in text
    assert "refused; do not use it" in text


def test_int8_is_made_passes_its_check_and_runs(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of its own, whose card says what it was made from and is what it is checked with."""
    assert main(["model", "quantise", "tiny", "--images", "pictures"]) == 0
    capsys.readouterr()
    card = Models([site / "models"]).card("tiny-int8")
    assert card.derived_from is not None
    assert card.derived_from.model == "tiny"
    assert "these stay in float: second" in card.derived_from.how
    assert card.weights[0].precision == "int8"
    assert main(["model", "check", "tiny-int8", "--images", "pictures"]) == 0
    assert "against onnx with tiny@" in capsys.readouterr().out
    assert main(["model", "quantise", "tiny-int8", "--images", "pictures"]) == 2
    assert (
        "tiny-int8: expected float weights, got int8; name the model they were made from, tiny"
        in (told(capsys))
    )


def test_fp16_is_made_and_passes_its_check(site: Path) -> None:
    """Half precision of the same network."""
    assert main(["model", "fp16", "tiny"]) == 0
    assert Models([site / "models"]).card("tiny-fp16").weights[0].precision == "fp16"
    assert main(["model", "check", "tiny-fp16", "--images", "pictures"]) == 0


def test_a_card_without_weights_asks_for_a_person(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pulling is refused with the way to get a file; pinning it makes it usable, with a name."""
    onnx.save(network(), site / "own.onnx")
    assert main(["model", "pull", "own"]) == 3
    assert "accepts no file yet. Export it with our tool. Then run `edge model pull own" in (
        told(capsys)
    )
    assert main(["model", "pull", "own", "--from", "own.onnx", "--pin", "A. Person"]) == 0
    models = Models([site / "models"])
    assert models.find("own").is_file()
    assert "by A. Person, from own.onnx." in models.card("own").weights[0].note


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        (["pull", "own", "--pin", "me"], 2, "--pin: expected a file to vouch for, got none"),
        (["pull", "own", "--from", "other.onnx", "--pin", " "], 2, "--pin: expected the name"),
        (
            ["pull", "own", "--from", "other.onnx", "--pin", "me"],
            2,
            "other.onnx: inputs are not those of card own: expected images (1, 3, 32, 32)",
        ),
        (
            ["pull", "tiny", "--from", "other.onnx", "--pin", "me"],
            2,
            "tiny has published weights, and only those are it",
        ),
        (["check", "tiny", "--images", "nowhere"], 2, "nowhere: expected a folder of pictures"),
        (
            ["check", "tiny", "--images", "pictures", "--precision", "f99"],
            2,
            "kind onnx cannot be told precision 'f99'",
        ),
        (
            ["check", "tiny", "--images", "pictures", "--weights", "absent.onnx"],
            2,
            "absent.onnx cannot be read",
        ),
        (["export", "tiny", "--from", "a.pt", "--pin", "me"], 2, "expected a model of family yolo"),
        (["export", "yolo11n", "--from", "a.pt", "--pin", "me"], 2, "a.pt: expected a .pt file"),
    ],
)
def test_a_wrong_argument_is_told(
    site: Path, capsys: pytest.CaptureFixture[str], asked: list[str], code: int, text: str
) -> None:
    """Exit code, and what to do instead; nothing changes."""
    other = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Relu", ["a"], ["b"])],
            "other",
            [onnx.helper.make_tensor_value_info("a", 1, [1, 3])],
            [onnx.helper.make_tensor_value_info("b", 1, [1, 3])],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(other, site / "other.onnx")
    before = [path.read_bytes() for path in sorted(site.glob("models/*/*"))]
    assert main(["model", *asked]) == code
    assert text in told(capsys)
    assert [path.read_bytes() for path in sorted(site.glob("models/*/*"))] == before


def test_export_without_ultralytics_names_the_command(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that it belongs on a workbench. What it does with the library is not tested: AGPL."""
    monkeypatch.setitem(__import__("sys").modules, "ultralytics", None)
    (site / "yolo11n.pt").write_bytes(b"weights")
    assert main(["model", "export", "yolo11n", "--from", "yolo11n.pt", "--pin", "me"]) == 3
    assert "run `pip install ultralytics` (AGPL-3.0)" in told(capsys)


@pytest.mark.parametrize(
    ("library", "asked"),
    [
        ("onnx", ["fp16", "tiny"]),
        ("onnx", ["quantise", "tiny", "--images", "pictures"]),
        ("pycocotools.coco", ["eval", "tiny", "--images", "pictures", "--annotations", "a.json"]),
    ],
)
def test_a_missing_library_names_the_command(
    site: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    asked: list[str],
) -> None:
    """The tools are an extra; without it they say which."""
    monkeypatch.setitem(__import__("sys").modules, library, None)
    assert main(["model", *asked]) == 3
    assert f"run `pip install {library.partition('.')[0]}`" in told(capsys)


def test_a_list_shows_licences_that_are_not_ours(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every shipped card, with the licence of its weights."""
    assert main(["model", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["yolo11n"]["licence"].startswith("AGPL-3.0")
    assert rows["yolox-tiny"]["licence"] == "Apache-2.0"
    assert rows["tiny"]["weights"] == "models/tiny/tiny.onnx"


def test_building_without_the_library_names_what_installs_it(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something needed is missing: exit code 3, and what to type."""
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    asked = ["model", "build", "tiny", "--kind", "tensorrt", "--storage", str(site)]
    assert main(asked) == 3
    assert "apt-get install python3-libnvinfer" in told(capsys)


@pytest.fixture(params=["--config", "--storage"])
def box(request: pytest.FixtureRequest, site: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A box whose models are in its storage, and the argument that leads there."""
    storage = site / "box" / "var"
    (site / "models").rename(site / "models-kept")
    shutil.copytree(site / "models-kept", storage / "models")
    (site / "box" / "cameras").mkdir()
    (site / "clip.mp4").touch()
    (site / "box" / "appliance.yaml").write_text(
        "{version: 1, site: s, node: n, mqtt: {url: 'mqtt://127.0.0.1'}, storage: {path: var}, "
        "detectors: {street: {kind: auto, model: tiny}}}"
    )
    (site / "box" / "cameras" / "yard.yaml").write_text(
        f"{{version: 1, camera: yard, name: Yard, source: {{kind: file, path: {site}/clip.mp4}}, "
        "analyse: {detector: street}, rules: []}"
    )
    elsewhere = site / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr("edge.cli._storage.STORAGE", site / "nowhere")
    return [request.param, str(storage if request.param == "--storage" else site / "box")]


def test_every_action_finds_what_is_in_the_storage(
    site: Path, box: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by the configuration or by itself; what is made goes there too."""
    pytest.importorskip("pycocotools", reason="not installed: pip install '.[workbench]'")
    (site / "models-kept").rename(site / "models")
    annotations = str(annotate(site))
    (site / "models").rename(site / "models-kept")
    images = ["--images", str(site / "pictures")]
    assert main(["model", "check", "tiny", *images]) == 3, "without it there is nothing"
    told(capsys)
    for asked in (
        ["eval", "tiny", *images, "--annotations", annotations],
        ["check", "tiny", *images],
        ["fp16", "tiny"],
        ["quantise", "tiny", *images],
        ["pull", "own", "--from", str(site / "models-kept/tiny/tiny.onnx"), "--pin", "me"],
        ["list"],
    ):
        assert main(["model", *asked, *box]) == 0, (asked, told(capsys))
    made = {path.parent.name for path in (site / "box/var/models").glob("*/*.onnx")}
    assert made == {"tiny", "tiny-fp16", "tiny-int8", "own"}
    assert str(site / "box/var/models/tiny/tiny.onnx") in capsys.readouterr().out
    assert not list((site / "elsewhere").iterdir())


def test_an_engine_is_built_listed_checked_and_used(
    site: Path, box: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """From `build` to `check`, on a kind that is really here."""
    pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    assert main(["model", "build", "tiny", "--kind", "openvino", *box]) == 0
    (engine,) = (site / "box/var/engines").glob("*.engine")
    assert str(engine) in capsys.readouterr().out
    assert main(["model", "list", "--json", *box]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    (state,) = [text for text in rows["tiny"]["engines"] if "openvino" in text]
    assert state.endswith(": built")
    told_it = ["--engine", "openvino", "--images", str(site / "pictures")]
    assert main(["model", "check", "tiny", *told_it, *box]) == 0
    assert main(["model", "build", "tiny", "--kind", "openvino", "--precision", "x", *box]) == 2
    assert "--precision: kind openvino does not know 'x'; leave it out" in told(capsys)


def test_config_and_storage_are_two_words_for_one_thing(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both at once is a mistake, and so is a configuration that cannot be read."""
    with pytest.raises(SystemExit) as caught:
        main(["model", "list", "--config", "a", "--storage", "b"])
    assert caught.value.code == 2
    assert "not allowed with" in told(capsys)
    assert main(["model", "list", "--config", str(site / "absent")]) == 2

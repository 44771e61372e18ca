"""The schema for editors, and the folders that come with the software."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from edge.cli import schema
from edge.config import load
from edge.config.schema import Appliance, Camera
from edge.contract import NAMES

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.mark.parametrize("of", ["appliance", "camera", "policy", *NAMES, "asyncapi"])
def test_the_committed_schema_is_fresh(of: str) -> None:
    """Renew with: edge schema NAME > configs/schema/NAME.json."""
    committed = json.loads((CONFIGS / "schema" / f"{of}.json").read_text(encoding="utf-8"))
    assert committed == schema.schema(of)


@pytest.mark.parametrize(
    ("file", "of"),
    [
        ("street/appliance.yaml", "appliance"),
        ("street/cameras/high-street-north.yaml", "camera"),
        ("lab/appliance.yaml", "appliance"),
        ("lab/cameras/street.yaml", "camera"),
    ],
)
def test_the_schema_accepts_the_examples(file: str, of: str) -> None:
    """An editor finds nothing to complain about, and the line that names its schema is right."""
    text = (CONFIGS / file).read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    assert (CONFIGS / file).parent.joinpath(named[1]).resolve() == CONFIGS / "schema" / f"{of}.json"
    said = yaml.safe_load(text.replace("!secret ", ""))
    jsonschema.validate(said, schema.schema(of), jsonschema.Draft202012Validator)


def test_the_schema_accepts_a_camera_that_leaves_the_rest_to_the_defaults() -> None:
    """An editor sees one file; what must be there in the end is for `edge check`."""
    said = {"version": 1, "camera": "gate", "source": {"url": "rtsp://10.0.0.1/"}}
    jsonschema.validate(said, schema.schema("camera"), jsonschema.Draft202012Validator)


def test_the_schema_refuses_an_unknown_key() -> None:
    """An editor marks what `edge check` refuses."""
    said = yaml.safe_load((CONFIGS / "lab/cameras/street.yaml").read_text())
    said["rules"][0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, schema.schema("camera"), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("model", [Appliance, Camera])
def test_every_key_is_described(model: type[Appliance | Camera]) -> None:
    """An editor has something to show for each key of each block of each kind."""
    bare = [
        name for name, field in _fields(model.model_json_schema()) if "description" not in field
    ]
    assert bare == []


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for block, at in [("", schema), *schema["$defs"].items()]:
        for name, field in at.get("properties", {}).items():
            if name != "kind":
                yield f"{block}.{name}", field


def test_the_street_example_lacks_only_what_a_site_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its camera is right as it stands; the appliance wants secrets and certificates."""
    monkeypatch.setenv("CAM_USER", "u")
    monkeypatch.setenv("CAM_PASSWORD", "p")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ValueError, match="no secret named 'mqtt_user'") as raised:
        load(CONFIGS / "street")
    paths = [problem.path for problem in raised.value.problems]  # type: ignore[attr-defined]
    assert paths == [
        "mqtt.username",
        "mqtt.password",
        "mqtt.ca_file",
        "mqtt.cert_file",
        "mqtt.key_file",
    ]


def test_the_lab_example_lacks_only_a_clip() -> None:
    """With a recording in place it runs anywhere."""
    config = load(CONFIGS / "lab")
    assert {problem.path for problem in config.problems} <= {"source.path"}
    assert config.appliance.storage.path == CONFIGS / "lab" / "var"


@pytest.mark.parametrize("of", ["appliance", "camera", "event"])
def test_the_command_prints_a_schema(of: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is JSON and a valid schema."""
    parser = argparse.ArgumentParser()
    schema.arguments(parser)
    assert schema.run(parser.parse_args([of])) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def keys(model: type[Appliance | Camera]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every key of a file and of all blocks and kinds in it: its place, schema, and necessity."""
    root = model.model_json_schema()
    for name, block in [("", root), *root.get("$defs", {}).items()]:
        for key, value in block.get("properties", {}).items():
            yield f"{name}.{key}", value, key in block.get("required", ())


def alternatives(value: dict[str, Any]) -> list[dict[str, Any]]:
    """What a key takes besides nothing."""
    options: list[dict[str, Any]] = value.get("anyOf", [value])
    return [option for option in options if option.get("type") != "null"]


@pytest.mark.parametrize("model", [Appliance, Camera])
def test_every_key_has_description_default_range_and_example(
    model: type[Appliance | Camera],
) -> None:
    """What an editor shows while one types, for every key of every kind."""
    lacking = []
    for place, value, is_required in keys(model):
        if not value.get("description"):
            lacking.append(f"{place}: description")
        if not value.get("examples"):
            lacking.append(f"{place}: example")
        is_block = value.get("type") in {"object", "array"}  # empty where nothing is written
        if not (is_required or is_block or "default" in value):
            lacking.append(f"{place}: default")
        for option in alternatives(value):
            is_open = option.get("type") in {"number", "integer"} and not option.keys() & {
                "const", "enum",
            }  # fmt: skip
            has_least = option.keys() & {"minimum", "exclusiveMinimum"}
            if is_open and not (has_least and option.keys() & {"maximum", "exclusiveMaximum"}):
                lacking.append(f"{place}: range")
    assert lacking == []


@pytest.mark.parametrize("model", [Appliance, Camera])
def test_every_example_may_be_written(model: type[Appliance | Camera]) -> None:
    """An example that the schema itself refuses would teach a mistake."""
    root = model.model_json_schema()
    for place, value, _ in keys(model):
        for example in value.get("examples", ()):
            schema_of_key = {**value, "$defs": root.get("$defs", {})}
            if not (isinstance(example, str) and example.startswith("!secret")):
                assert jsonschema.Draft202012Validator(schema_of_key).is_valid(example), place

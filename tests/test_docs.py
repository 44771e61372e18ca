"""The documents say what the program does: links, commands, examples and lists are checked."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent
from typing import get_args

import pytest

from edge.cli import _parser
from edge.config import load
from edge.event import Kind
from edge.message import EventMessage
from edge.options import kinds
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
CHECKED = re.compile(r"<!-- checked: (\w+) -->\n *```yaml\n(.*?)\n *```", re.DOTALL)
COMMAND = re.compile(r"(?:sudo -u \w+ )?(?:\S*/)?edge ([^|>]+)")

APPLIANCE = """\
version: 1
site: harbour
node: cabinet-1
mqtt: {url: "mqtt://127.0.0.1:1883"}
detectors:
  street: {kind: auto, model: yolox-nano}
"""
CAMERA = """\
version: 1
camera: street
source: {kind: file, path: clips/street.mp4}
analyse: {detector: street}
calibration:
  size: [1920, 1080]
  points:
    near-left: [0.1, 0.9]
    near-right: [0.9, 0.9]
    far-left: [0.3, 0.5]
    far-right: [0.7, 0.5]
  ground: {near-left: [-4, 5], near-right: [4, 5], far-left: [-4, 20], far-right: [4, 20]}
zones:
  crossing: [[0.6, 0.7], [0.8, 0.7], [0.9, 0.8]]
  pavement: [[0.1, 0.8], [0.9, 0.8], [0.9, 0.9]]
lines:
  middle: [[0.5, 0.9], [0.5, 0.5]]
rules:
"""


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in headings}


def commands() -> Iterator[tuple[str, str]]:
    """Every `edge ...` in a code block's command lines or between backticks, with its page."""
    for page in PAGES:
        text = page.read_text("utf-8")
        lines: list[str] = []
        for _, language, block in FENCE.findall(text):
            prompt = "$ " if language == "console" else ""
            if language in ("sh", "console"):
                stripped = (line.strip() for line in block.splitlines())
                lines += [line[len(prompt) :] for line in stripped if line.startswith(prompt)]
        lines += re.findall(r"`([^`]+)`", FENCE.sub("", text).replace("\n", " "))
        for line in lines:
            found = COMMAND.match(line)
            if found:
                yield name_of(page), found[1]


def examples() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for kind, text in CHECKED.findall(page.read_text("utf-8")):
            yield name_of(page), kind, dedent(text) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file that exists, and its anchor a heading in it."""
    for path, anchor in LINK.findall(page.read_text("utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"no {path}"
        assert not anchor or anchor in anchors(target), f"no heading for {path}#{anchor}"


def test_every_picture_is_shown() -> None:
    """A picture nobody links to is weight in every clone."""
    shown = {Path(path).name for page in PAGES for path, _ in LINK.findall(page.read_text("utf-8"))}
    assert {picture.name for picture in (DOCS / "images").iterdir()} <= shown


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_every_command_is_one_the_program_takes(page: str, line: str) -> None:
    """What a reader copies is parsed; a bare name, as in `edge model`, is a command there is."""
    arguments = shlex.split(line, comments=True)
    if all(word.replace("-", "").isalpha() and word[0] != "-" for word in arguments):
        arguments.append("--help")
    status: object = 0
    try:
        _parser().parse_args(arguments)
    except SystemExit as end:
        status = end.code
    assert status == 0, f"{page}: edge {line}"


def test_commands_are_found() -> None:
    """The search above is not empty by mistake."""
    found = {line.split()[0] for _, line in commands()}
    assert {"run", "check", "doctor", "replay", "model", "schema", "demo"} <= found


def test_the_configuration_reference_is_fresh() -> None:
    """`scripts/reference` gives what is committed."""
    made = subprocess.run(
        [sys.executable, "scripts/reference"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=60,
    )
    committed = (DOCS / "configuration.md").read_text("utf-8")
    remedy = "run: .venv/bin/python scripts/reference > docs/configuration.md"
    assert made.stdout.decode("utf-8") == committed, remedy


@pytest.mark.parametrize("kind", kinds("edge.rules"))
def test_every_rule_has_a_section_with_an_example_and_a_picture(kind: str) -> None:
    """A technician can look up each rule the program offers."""
    page = (DOCS / "technician.md").read_text("utf-8")
    _, heading, section = page.partition(f"### `{kind}`\n")
    assert heading
    section = re.split(r"^##", section, maxsplit=1, flags=re.MULTILINE)[0]
    assert "<!-- checked: rule -->" in section
    assert "](images/" in section


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_event_kind_is_explained_to_the_control_room(kind: str) -> None:
    """No message arrives whose kind is not in the table."""
    assert f"\n| `{kind}` |" in (DOCS / "control-room.md").read_text("utf-8")


def test_every_field_of_an_event_is_explained_to_the_control_room() -> None:
    """No field arrives that is not in the table."""
    page = (DOCS / "control-room.md").read_text("utf-8")
    first_cells = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    explained = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert set(EventMessage.model_fields) <= explained


@pytest.mark.parametrize(("page", "kind", "text"), list(examples()))
def test_every_example_is_a_configuration_without_problems(
    page: str, kind: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example can be copied: the real check finds nothing wrong in it."""
    monkeypatch.setenv("CAM_USER", "viewer")
    monkeypatch.setenv("CAM_PASSWORD", "a password")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    for file in ("tls/ca.pem", "clips/street.mp4", "clips/yard.mp4"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    secrets = tmp_path / "secrets.yaml"
    secrets.touch(mode=0o600)
    secrets.write_text('mqtt_user: "cabinet"\nmqtt_password: "a password"\n')
    camera = text if kind == "camera" else CAMERA + "  - " + indent(text, "    ").lstrip()
    if kind == "appliance":
        camera = CAMERA + '  - {name: in, kind: zone_entry, zone: crossing, classes: ["person"]}\n'
    appliance = text if kind == "appliance" else APPLIANCE
    (tmp_path / "appliance.yaml").write_text(appliance, "utf-8")
    (tmp_path / "cameras").mkdir()
    named = re.search(r"^camera: (\S+)$", camera, re.MULTILINE)
    assert named, page
    (tmp_path / "cameras" / f"{named[1]}.yaml").write_text(camera, "utf-8")

    config = load(tmp_path)

    assert not config.problems, "\n".join(map(str, config.problems))
    assert len(config.cameras) == 1

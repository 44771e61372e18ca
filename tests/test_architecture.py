"""The house keeps its shape: a pure middle, rooms that keep to themselves, kinds as files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.options import kinds

EDGE = Path(__file__).resolve().parent.parent / "edge"

PURE = [
    "packet.py",
    "frame.py",
    "detections.py",
    "tracks.py",
    "event.py",
    "message",
    "topics.py",
    "uuid7.py",
    "contract.py",
    "ledger.py",
    "site/watching.py",
    "commands",
    "snapshot.py",
    "jpeg.py",
    "geometry.py",
    "ground.py",
    "calibration.py",
    "detail.py",
    "luma.py",
    "masks.py",
    "redaction.py",
    "evidence/_nal.py",
    "evidence/policy.py",
    "evidence/case.py",
    "evidence/snapshot.py",
    "pipeline.py",
    "errors.py",
    "annotate.py",
    "backoff.py",
    "gates",
    "health",
    "trackers",
    "rules",
    "evidence/_cover.py",
    "evidence/item.py",
    "evidence/retention.py",
    "oversight",
    "admission/policy.py",
    "admission/models.py",
    "admission/rules.py",
    "detectors/_heads",
    "detectors/_preprocess.py",
    "detectors/_nms.py",
    "detectors/motion.py",
    "detectors/_planes.py",
    "detectors/_rows.py",
    "decoders/_colour.py",
    "decoders/_continuity.py",
    "decoders/_frame_numbers.py",
    "sources/_camera_utc.py",
    "sources/_clock.py",
    "sources/_leading.py",
    "sources/_wrap.py",
    "config/schema",
    "config/calibration.py",
    "config/check.py",
    "config/explain.py",
    "config/amend.py",
    "web/sessions.py",
]
IMPURE = {
    "time", "threading", "socket", "ssl", "subprocess", "os", "shutil", "tempfile", "sqlite3",
    "asyncio", "logging", "urllib", "av", "paho", "onnxruntime", "tensorrt", "openvino", "pycuda",
    "amqtt", "secrets",
}  # fmt: skip

ROOMS = ["sources", "decoders", "gates", "detectors", "trackers", "rules", "health", "sinks"]
VENDORS = {
    "av": {
        "sources/_demux.py",
        "decoders/software.py",
        "site/film.py",
        "demo/street.py",
        "evidence/_mp4.py",
        "evidence/_masked.py",
    },
    "gi": {"decoders/_gstreamer.py"},
    "paho": {
        "sinks/_brokers_word.py",
        "sinks/_properties.py",
        "sinks/_session.py",
        "sinks/_subscriber.py",
    },
    "cryptography": {
        "admission/signatures.py",
        "audit/_keys.py",
        "cli/provision.py",
        "evidence/delivery/sftp.py",
        "evidence/sealed.py",
        "identity/certificate.py",
        "identity/est.py",
        "identity/key.py",
        "update/signature.py",
    },
    "cbor2": {"sinks/_encoding.py"},
    "simplejpeg": {"jpeg.py"},
    "boto3": {"evidence/delivery/s3.py"},
    "paramiko": {"evidence/delivery/sftp.py"},
    "onnxruntime": {"detectors/onnx.py", "workbench/fp16.py", "workbench/quantise.py"},
    "openvino": {"detectors/openvino.py"},
    "tensorrt": {"detectors/tensorrt.py", "detectors/_tensorrt.py"},
    "pycuda": {"detectors/_cuda.py"},
    "amqtt": {"demo/broker.py"},
    "uvicorn": {"web/server.py"},
    "starlette": {
        "web/access.py",
        "web/assets.py",
        "web/app.py",
        "web/bodies.py",
        "web/login.py",
        "web/server.py",
        "web/streams.py",
    },
    "yaml": {
        "config/amend.py",
        "config/credentials.py",
        "config/edit.py",
        "config/marks.py",
        "config/syntax.py",
        "detectors/_card.py",
        "site/support.py",
    },
}
"""One place talks to each vendor library; these are the places."""


def sources() -> Iterator[Path]:
    return EDGE.rglob("*.py")


def imported(path: Path) -> set[str]:
    """Dotted names a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("place", PURE)
def test_the_middle_is_pure(place: str) -> None:
    """No clock, thread, socket, file or vendor library: time comes in with the data."""
    path = EDGE / place
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    assert files
    for file in files:
        roots = {name.partition(".")[0] for name in imported(file)}
        assert not roots & IMPURE, f"{file.relative_to(EDGE)} imports {sorted(roots & IMPURE)}"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_do_not_reach_into_each_other(room: str) -> None:
    """A room knows the nouns, never another room; `pipeline` and `runtime` join them."""
    for file in (EDGE / room).rglob("*.py"):
        others = {
            name for name in imported(file)
            for other in ROOMS
            if other != room and (name + ".").startswith(f"edge.{other}.")
        }  # fmt: skip
        assert not others, f"{file.relative_to(EDGE)} imports {sorted(others)}"


def test_a_room_s_own_parts_are_used_by_that_room_only() -> None:
    """An underscored file is private to its folder."""
    for file in sources():
        for name in imported(file):
            parts = name.split(".")
            private = next((i for i, part in enumerate(parts) if part.startswith("_")), None)
            if parts[0] == "edge" and private and not parts[private].startswith("__"):
                owner = EDGE.joinpath(*parts[1:private])
                assert file.is_relative_to(owner), f"{file.relative_to(EDGE)} imports {name}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_place_talks_to_each_vendor_library(vendor: str) -> None:
    """A new version of a library is one file's problem."""
    users = {
        str(file.relative_to(EDGE))
        for file in sources()
        if any(name.partition(".")[0] == vendor for name in imported(file))
    }
    assert users <= VENDORS[vendor]


@pytest.mark.parametrize(
    "room", ["sources", "decoders", "gates", "detectors", "trackers", "rules", "sinks"]
)
def test_a_kind_is_its_file_s_name_and_every_option_is_described(room: str) -> None:
    """Adding a kind is adding a file, and the editor explains each of its keys."""
    for kind, options in kinds(f"edge.{room}").items():
        literal = options.model_fields["kind"].annotation
        assert getattr(literal, "__args__", ()) == (kind,)
        silent = [
            name
            for name, field in options.model_fields.items()
            if name != "kind" and not field.description
        ]
        assert not silent, f"{room}/{kind}.py: {silent} have no description"


def test_no_drawers() -> None:
    """A file called utils or helpers is a drawer in the making."""
    drawers = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}
    assert not [file for file in sources() if file.stem.strip("_") in drawers]


def test_a_check_imports_no_library_it_does_not_use() -> None:
    """Nearly all of the time of `edge check` is imports; a vendor library would add to it."""
    vendors = ["av", "cryptography", "onnxruntime", "openvino", "scipy", "starlette", "uvicorn"]
    rooms = ["edge.runtime", "edge.web", "edge.demo", "edge.site"]
    program = "import sys, edge.cli.check; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout.split()
    assert set(loaded).isdisjoint([*vendors, *rooms])

"""What every kind of detector promises, run over each file of the room by discovery."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.detectors import DetectorOptions, Engine, Models, unbatched
from edge.errors import MissingDependency
from edge.options import Options, kinds
from tests.unit.detectors.tiny_model import frame, write_model

KINDS = kinds("edge.detectors")


def options_of(kind: str) -> DetectorOptions:
    """Its options, required fields filled from their own examples."""
    fields: dict[str, Any] = {
        name: field.examples[0]
        for name, field in KINDS[kind].model_fields.items()
        if field.is_required() and name != "kind" and field.examples
    }
    options = KINDS[kind].model_validate({"kind": kind, **fields})
    assert isinstance(options, DetectorOptions)
    return options


@pytest.fixture(params=sorted(KINDS))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each kind, with a tiny model under the name its example gives."""
    options = options_of(request.param)
    write_model(tmp_path, name=getattr(options, "model", "tiny"))
    try:
        return options.engine(Models([tmp_path]), unbatched)
    except MissingDependency as exc:
        pytest.skip(str(exc))


def test_there_are_kinds() -> None:
    """Discovery finds the room's files, or every test here would pass on nothing."""
    assert {"auto", "motion", "onnx"} <= KINDS.keys()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_file_is_the_kind_and_every_field_is_described(kind: str) -> None:
    """A technician meets these words in the schema and in completion."""
    fields = KINDS[kind].model_fields
    assert options_of(kind).model_dump()["kind"] == kind
    for name, field in fields.items():
        if name != "kind":
            assert field.description, f"{kind}.{name} has no description"
    assert issubclass(KINDS[kind], Options)


def test_an_empty_picture_has_no_boxes(engine: Engine) -> None:
    """Four seconds of nothing are nothing, with the frame's stamp, size and the model's name."""
    detector = engine.detector()
    grey = np.full((90, 160), 120, np.uint8)
    for number in range(32):
        seen = detector.detect(frame(grey, number / 8))
        assert len(seen) == 0
        assert seen.stamp.pts == number / 8
        assert seen.size_wh == (160, 90)
        assert seen.model == detector.model == engine.model


def test_frames_are_only_read(engine: Engine) -> None:
    """Planes are shared with snapshots and other detectors: not a byte may change."""
    rng = np.random.default_rng(0)
    picture = frame(rng.integers(0, 256, (91, 161), dtype=np.uint8))
    before = [plane.copy() for plane in (picture.y, picture.u, picture.v)]
    engine.detector().detect(picture)
    for plane, copy in zip((picture.y, picture.u, picture.v), before, strict=True):
        assert not plane.flags.writeable
        np.testing.assert_array_equal(plane, copy)


def test_closing_twice_is_safe(engine: Engine) -> None:
    """The daemon closes on reload and again on the way out."""
    engine.close()
    engine.close()


def test_kinds_are_listed_without_vendor_libraries() -> None:
    """A laptop without any engine can still check a configuration."""
    code = (
        "import sys\n"
        "for name in ('onnxruntime', 'openvino', 'tensorrt', 'pycuda'):\n"
        "    sys.modules[name] = None\n"
        "from edge.options import kinds\n"
        "print(*kinds('edge.detectors'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == sorted(KINDS)

"""Models of a few hundred bytes with their cards, and frames to look at.

The ONNX files are written by hand (protobuf is tag, length, content); the `onnx` package would do
it too, at 20 MB for one constant node.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from edge.frame import Colour, Frame, Plane, Stamp

FLOAT, INT64 = 1, 7
_TYPES = {"float32": FLOAT, "int64": INT64}
Shape = Sequence[int | str]


CARD: dict[str, Any] = {
    "name": "tiny",
    "family": "yolox",
    "input": {
        "size_wh": [32, 32],
        "colour_order": "bgr",
        "letterbox": "top_left",
        "pad": 114,
    },
    "tensors": {"image": "images", "outputs": {"grid": "output"}},
    "labels": ["person", "car"],
    "licence": {"spdx": "Apache-2.0", "holder": "nobody", "url": "https://example.org/licence"},
    "weights": [{"file": "tiny.onnx", "sha256": "0" * 64, "bytes": 1}],
    "source": "https://example.org/tiny",
    "intended_use": "tests",
    "known_limits": "everything",
}
"""A card for a YOLOX network of 32 x 32 pixels: 16 + 4 + 1 cells, two classes."""


def grid(*rows: tuple[int, Sequence[float]]) -> NDArray[np.float32]:
    """The tiny network's output: nothing, but for the given (cell, values) rows."""
    output = np.zeros((1, 21, 7), np.float32)
    for cell, values in rows:
        output[0, cell] = values
    return output


def write_card(folder: Path, name: str = "tiny", **changes: Any) -> Path:
    """Write CARD with some top-level keys replaced; None leaves a key out."""
    card = {**copy.deepcopy(CARD), "name": name, **changes}
    path = folder / name / "card.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        yaml.safe_dump({key: value for key, value in card.items() if value is not None})
    )
    return path


def write_model(
    folder: Path,
    content: bytes | None = None,
    *,
    output: NDArray[np.float32] | None = None,
    **changes: Any,
) -> Path:
    """Write a model folder: a card, and weights that are on it."""
    if content is None:
        content = constant_network(
            {"images": ("float32", (1, 3, 32, 32))},
            {"output": grid() if output is None else output},
        )
    sha256 = hashlib.sha256(content).hexdigest()
    weights = [{"file": "tiny.onnx", "sha256": sha256, "bytes": len(content)}]
    path = write_card(folder, **{"weights": weights, **changes}).with_name("tiny.onnx")
    path.write_bytes(content)
    return path


def stamp(pts: float = 0.0) -> Stamp:
    """A moment of camera `c`."""
    return Stamp("c", 0, pts, datetime(2026, 1, 1, tzinfo=timezone.utc), 40)


def frame(luma: Plane, pts: float = 0.0, colour: Colour = Colour()) -> Frame:  # noqa: B008
    """A grey frame of this luma."""
    height, width = luma.shape
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return Frame(stamp(pts), luma, chroma, chroma.copy(), colour)


def constant_network(
    inputs: Mapping[str, tuple[str, Shape]],
    outputs: Mapping[str, NDArray[np.generic]],
    *,
    opset: int = 13,
) -> bytes:
    """A network that answers with the same tensors whatever it is asked.

    Args:
        inputs: dtype and shape by name; a word is a free axis.
        outputs: The answer by name.
        opset: Version of the operators it claims to use.
    """
    nodes = b"".join(_field(1, _constant(name, array)) for name, array in outputs.items())
    graph = nodes + _field(2, b"tiny")
    for name, (dtype, shape) in inputs.items():
        graph += _field(11, _value(name, dtype, shape))
    for name, array in outputs.items():
        graph += _field(12, _value(name, array.dtype.name, array.shape))
    return _number(1, 8) + _field(8, _number(2, opset)) + _field(7, graph)


def _constant(name: str, array: NDArray[np.generic]) -> bytes:
    tensor = b"".join(_number(1, size) for size in array.shape)
    tensor += _number(2, _TYPES[array.dtype.name]) + _field(9, array.tobytes())
    attribute = _field(1, b"value") + _field(5, tensor) + _number(20, 4)
    return _field(2, name.encode()) + _field(4, b"Constant") + _field(5, attribute)


def _value(name: str, dtype: str, shape: Shape) -> bytes:
    axes = b"".join(
        _field(1, _number(1, axis) if isinstance(axis, int) else _field(2, axis.encode()))
        for axis in shape
    )
    tensor = _number(1, _TYPES[dtype]) + _field(2, axes)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

"""A network of two convolutions that answers differently for each picture, and pictures to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[workbench]'")

N_CELLS, N_VALUES = 21, 7
"""Of a YOLOX network of 32 x 32 pixels and two classes, as `tiny_model.CARD` describes it."""


def pictures(folder: Path, n_pictures: int = 12) -> Path:
    """Noise of different brightness, 48 x 32, as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(7)
    for n in range(n_pictures):
        picture = numbers.integers(0, 256, (32, 48, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{n:02}.png"), cv2.GaussianBlur(picture, (5, 5), 0))
    return folder


def network(opset: int = 17, *, gain: float = 1.0) -> Any:
    """Two convolutions, and YOLOX's grid made of their answer.

    Args:
        opset: Of the file.
        gain: What the first layer's weights are multiplied with: 1 is the sound network.
    """
    make, numbers = onnx.helper.make_node, np.random.default_rng(3)
    first = numbers.normal(0, 0.004, (16, 3, 8, 8)) * gain
    second = numbers.normal(0, 0.3, (N_VALUES, 16, 1, 1))
    second[:4] *= 0.05  # boxes stay about where their cells are
    bias = np.array([0.5, 0.5, 0, 0, 1, 0.5, 0], np.float32)
    constants = {
        "first": first.astype(np.float32),
        "second": second.astype(np.float32),
        "bias": bias,
        "shape": np.array([1, N_VALUES, 16], np.int64),
        "rest": np.zeros((1, N_CELLS - 16, N_VALUES), np.float32),
    }
    nodes = [
        make("Conv", ["images", "first"], ["features"], name="first", strides=[8, 8]),
        make("Relu", ["features"], ["active"], name="relu"),
        make("Conv", ["active", "second", "bias"], ["raw"], name="second"),
        make("Reshape", ["raw", "shape"], ["flat"], name="flatten"),
        make("Transpose", ["flat"], ["rows"], name="transpose", perm=[0, 2, 1]),
        make("Slice", ["rows", "from_0", "to_4", "axis"], ["boxes"], name="boxes"),
        make("Slice", ["rows", "to_4", "to_7", "axis"], ["logits"], name="logits"),
        make("Sigmoid", ["logits"], ["scores"], name="sigmoid"),
        make("Concat", ["boxes", "scores"], ["cells"], name="cells", axis=2),
        make("Concat", ["cells", "rest"], ["output"], name="output", axis=1),
    ]
    for name, value in {"from_0": 0, "to_4": 4, "to_7": 7, "axis": 2}.items():
        constants[name] = np.array([value], np.int64)
    value_of = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        [value_of("images", onnx.TensorProto.FLOAT, [1, 3, 32, 32])],
        [value_of("output", onnx.TensorProto.FLOAT, [1, N_CELLS, N_VALUES])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8
    )
    onnx.checker.check_model(model)
    return model


def swapped_channels(model: Any) -> Any:
    """The same network for pictures whose blue and red are exchanged: a wrong export."""
    swap = onnx.helper.make_node("Gather", ["images", "order"], ["turned"], axis=1, name="swap")
    order = onnx.numpy_helper.from_array(np.array([2, 1, 0], np.int64), "order")
    for node in model.graph.node:
        for n, name in enumerate(node.input):
            if name == "images":
                node.input[n] = "turned"
    model.graph.node.insert(0, swap)
    model.graph.initializer.append(order)
    return model

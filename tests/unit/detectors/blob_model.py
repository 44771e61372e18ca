"""A network that sees something bright as a person, and the pictures to show it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.detectors.tiny_model import write_model

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[workbench]'")

N_CELLS, N_VALUES = 21, 7
SIDE, BRIGHT, DARK = 64, 235, 100
FPS = 5


def blob_network(level: float = 180) -> bytes:
    """One convolution: each 8 x 8 cell of 32 x 32 pixels that is bright is a person as large."""
    make = onnx.helper.make_node
    weights = np.zeros((N_VALUES, 3, 8, 8), np.float32)
    weights[4] = 0.5 / weights[4].size  # objectness: how far the mean is above `level`
    constants = {
        "weights": weights,
        "bias": np.array([0.5, 0.5, 0, 0, -level / 2, 5, -5], np.float32),
        "shape": np.array([1, N_VALUES, 16], np.int64),
        "rest": np.zeros((1, N_CELLS - 16, N_VALUES), np.float32),
        **{f"n{n}": np.array([n], np.int64) for n in (0, 2, 4, 7)},
    }
    nodes = [
        make("Conv", ["images", "weights", "bias"], ["raw"], strides=[8, 8]),
        make("Reshape", ["raw", "shape"], ["flat"]),
        make("Transpose", ["flat"], ["rows"], perm=[0, 2, 1]),
        make("Slice", ["rows", "n0", "n4", "n2"], ["boxes"]),
        make("Slice", ["rows", "n4", "n7", "n2"], ["logits"]),
        make("Sigmoid", ["logits"], ["scores"]),
        make("Concat", ["boxes", "scores"], ["cells"], axis=2),
        make("Concat", ["cells", "rest"], ["output"], axis=1),
    ]
    value_of = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "blob",
        [value_of("images", onnx.TensorProto.FLOAT, [1, 3, 32, 32])],
        [value_of("output", onnx.TensorProto.FLOAT, [1, N_CELLS, N_VALUES])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    content: bytes = model.SerializeToString()
    return content


def write_blob_model(folder: Path, level: float = 180) -> Path:
    """Model `tiny` with this network."""
    return write_model(folder, blob_network(level))


def luma(*, is_there: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """64 x 64, with or without somebody in it."""
    picture = np.full((SIDE, SIDE), DARK, np.uint8)
    if is_there:
        picture[16:32, 16:32] = BRIGHT
    return picture


def film(path: Path, seconds: float, *, comes_s: float) -> Path:
    """Somebody comes and stays."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        stream.options = {"g": "5", "bf": "0", "preset": "ultrafast", "crf": "10"}
        for index in range(int(seconds * FPS)):
            picture = np.full((SIDE * 3 // 2, SIDE), 128, np.uint8)
            picture[:SIDE] = luma(is_there=index / FPS >= comes_s)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path

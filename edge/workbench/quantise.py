"""Quantise: INT8 as explicit QDQ in the ONNX file, so that every engine computes the same network.

Convolutions are quantised and nothing else: weights a channel, both symmetric and signed, as
TensorRT asks. A tensor that is hardly ever negative would waste half of its steps on that: where
the layers behind it allow it is centred, if they then err less. Layers that hurt stay in float,
found in two ways. The last ones always do: what they say is an answer, and nothing after them
averages an error out. Of the rest, each layer's own error is measured, and the worst are given
back to float, half as many again each time, until what the network sees agrees with what it saw in
float.

Boundary: the only user of onnxruntime.quantization.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.detections import Detections
from edge.detectors import Tensor
from edge.errors import ModelError
from edge.workbench import graph
from edge.workbench.compare import Agreement, Limits, agreement

LAYERS = ("Conv",)
"""What is quantised. In deimv2-femto the matrix products after the convolutions are a tenth of the
time and carry the coordinates; in the yolox family there are none."""

FEEDS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""Layers with weights; one that feeds another of them is not a last layer."""

N_FOR_ERROR = 8
"""Pictures each layer's own error is measured on: 113 layers of yolox-nano then take a minute."""

AIM = Limits(min_found=0.97, min_iou=0.92, max_confidence_change=0.036)
"""When to stop giving layers back. Tighter than what `edge model check` asks, because that looks at
other pictures: at 0.036 yolox-nano had lost 0.7 points of mAP and deimv2-femto 1.0, at 0.042 and
0.039 they had lost 1.6 and 1.7."""

Inputs = dict[str, Tensor]
Look = Callable[[Path, int | None], list[Detections]]
"""Looks with a file at the first n calibration pictures, or at all."""


@dataclass(frozen=True)
class Quantised:
    """What came of it.

    Attributes:
        model: The network, an `onnx.ModelProto`.
        agreement: With the float network, on the calibration pictures.
        n_layers: Convolutions in it.
        in_float: Names of those that stay in float; the last ones, then the worst first.
    """

    model: Any
    agreement: Agreement
    n_layers: int
    in_float: tuple[str, ...]


def quantise(
    path: Path,
    calibration: Sequence[Inputs],
    look: Look,
    progress: Callable[[str], None] = lambda _: None,
    weight_bits: int = 8,
) -> Quantised:
    """Quantise a network.

    Args:
        path: A float ONNX file.
        calibration: What the network is given for pictures like those it will see.
        look: What is seen with a file; called once a layer, and a few times more.
        progress: Told in words what is being done.
        weight_bits: 8, or 7 for processors without VNNI, whose sums of two products overflow
            with 8 (adr/0046).

    Raises:
        ModelError: The file cannot be read or converted, has nothing to quantise, or does not
            agree with float within `AIM` even with half of its layers in float.
        MissingDependency: onnx is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="edge-quantise-") as name, _quiet():
        folder = Path(name)
        model = graph.read(path)
        layers = [node.name for node in model.graph.node if node.op_type in LAYERS]
        if not layers:
            raise ModelError(
                f"{path}: no layer to quantise: expected {', '.join(LAYERS)}, got none"
            )
        last = [layer for layer in graph.last_layers(model, FEEDS) if layer in set(layers)]
        graph.guard_concats(model)
        graph.write(model, folder / "float.onnx")
        plain = _Network(
            folder / "float.onnx", _ranges(folder / "float.onnx", calibration), weight_bits
        )
        reference = look(plain.path, None)

        def error(network: _Network, layer: str) -> float:
            return _error(reference, look(network.quantised({layer}), N_FOR_ERROR))

        progress(f"measuring the error of each of {len(layers)} layers")
        errors = {layer: error(plain, layer) for layer in layers if layer not in last}
        readers = {
            tensor: names
            for tensor, names in graph.unpadded_convolutions(model).items()
            if tensor in plain.ranges and not set(names) & set(last)
        }
        progress(f"and again behind {len(readers)} tensors that can be centred")
        centred, gains = plain.centred(readers), []
        for tensor, names in readers.items():
            again = {layer: error(centred, layer) for layer in names}
            if sum(again.values()) < sum(errors[layer] for layer in names):
                gains.append(tensor)
                errors |= again
        chosen = plain.centred(gains)
        ranked = sorted(errors, key=errors.__getitem__, reverse=True)
        for n_more in _steps(len(ranked)):
            in_float = (*last, *ranked[:n_more])
            attempt = chosen.quantised(set(layers) - set(in_float))
            seen = agreement(reference, look(attempt, None))
            objections = seen.objections(AIM)
            verdict = "; ".join(objections) or "agrees"
            progress(f"{len(in_float)} of {len(layers)} layers in float: {verdict}")
            if not objections:
                return Quantised(graph.library().load(str(attempt)), seen, len(layers), in_float)
    raise ModelError(
        f"{path} cannot be quantised: with {len(in_float)} of {len(layers)} layers in float still "
        f"{verdict}; calibrate with more pictures of the place, or stay with float"
    )


@dataclass(frozen=True)
class _Network:
    """A float file that can be quantised.

    Attributes:
        path: The file.
        ranges: Lowest and highest value of each tensor between layers.
        weight_bits: Of a quantised layer's weights.
    """

    path: Path
    ranges: dict[str, tuple[float, float]]
    weight_bits: int

    def quantised(self, layers: set[str]) -> Path:
        """A file in which layers of these names are quantised; the next call writes over it."""
        path = self.path.with_name("attempt.onnx")
        graph.write(_with_qdq(self, layers), path)
        return path

    def centred(self, tensors: Iterable[str]) -> _Network:
        """The same network with some of its tensors centred, in a file of its own."""
        model, ranges = graph.library().load(str(self.path)), dict(self.ranges)
        middles = {tensor: sum(ranges[tensor]) / 2 for tensor in tensors}
        graph.centre(model, middles)
        for tensor, middle in middles.items():
            low, high = ranges[tensor]
            ranges[graph.centred(tensor)] = low - middle, high - middle
        path = self.path.with_name("centred.onnx")
        graph.write(model, path)
        return replace(self, path=path, ranges=ranges)


def _error(reference: Sequence[Detections], seen: Sequence[Detections]) -> float:
    """How far confidences are off, as a share of what they are; boxes follow them closely."""
    wrong = right = 0.0
    for one, two in zip(reference, seen, strict=False):
        n = max(len(one), len(two))
        a, b = (np.sort(np.pad(d.confidence, (0, n - len(d)))) for d in (one, two))
        wrong += float(np.square(a - b).sum())
        right += float(np.square(a).sum())
    return wrong / max(right, 1e-9)


def _steps(n_layers: int) -> Iterator[int]:
    """0, 1, 2, 3, 4, 6, 9, ... layers more in float, up to half: after that nothing is gained."""
    n = 0
    while n <= n_layers // 2:
        yield n
        n += max(1, n // 2)


def _ranges(path: Path, calibration: Sequence[Inputs]) -> dict[str, tuple[float, float]]:
    """Range of each tensor between layers: mean over the pictures of its extremes."""
    from onnxruntime.quantization import CalibrationMethod, create_calibrator

    calibrator = create_calibrator(
        path,
        list(LAYERS),
        augmented_model_path=str(path.with_name("calibration.onnx")),
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"moving_average": True, "averaging_constant": 0.05},
    )
    calibrator.collect_data(_reader(calibration))
    found: dict[str, Any] = calibrator.compute_data().data
    return {
        name: (float(np.ravel(each.lowest)[0]), float(np.ravel(each.highest)[0]))
        for name, each in found.items()
    }


def _with_qdq(network: _Network, layers: set[str]) -> Any:
    """The network with quantised layers of these names."""
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    limits = {
        name: tuple(np.array(end, np.float32) for end in ends)
        for name, ends in network.ranges.items()
    }
    quantizer = QDQQuantizer(
        graph.library().load(str(network.path)),
        per_channel=True,
        reduce_range=network.weight_bits == 7,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, limits),
        nodes_to_quantize=sorted(layers),
        nodes_to_exclude=[],
        op_types_to_quantize=list(LAYERS),
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,  # TensorRT takes biases in float only
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    graph.drop_guards(quantizer.model.model)
    return quantizer.model.model


def _reader(calibration: Sequence[Inputs]) -> Any:
    """Calibration pictures as onnxruntime reads them: one after the other, then None."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(calibration)

        def get_next(self) -> Inputs | None:
            return next(self._left, None)

    return Reader()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's advice, which is about its own command line, off ours."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)

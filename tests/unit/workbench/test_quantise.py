"""INT8 and FP16 files: every engine reads them, they answer as float does, some layers stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.detections import Detections
from edge.detectors import Models
from edge.errors import ModelError
from edge.workbench import engines, graph
from edge.workbench.fp16 import to_fp16
from edge.workbench.pictures import listed, read_frame
from edge.workbench.quantise import Look, quantise
from tests.unit.detectors.tiny_model import write_model
from tests.unit.workbench.small_network import network, onnx, pictures

Setting = tuple[Path, list[dict[str, Any]], Look]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """A float file, what it is given, and a way to look with another."""
    path = write_model(tmp_path / "models", network().SerializeToString())
    models = Models([tmp_path / "models"])
    frames = [read_frame(each) for each in listed(pictures(tmp_path / "pictures"))]

    def look(file: Path, n: int | None) -> list[Detections]:
        with (
            engines.with_weights(models.card("tiny"), file, models) as candidate,
            engines.opened("onnx", "tiny", candidate) as engine,
        ):
            return [engine.detector().detect(frame) for frame in frames[:n]]

    return path, engines.tensors("tiny", models, frames), look


def kinds_of(model: Any) -> dict[str, str]:
    """What each convolution's data input comes from, by name."""
    source = {name: node.op_type for node in model.graph.node for name in node.output}
    return {
        node.name: source.get(node.input[0], "input")
        for node in model.graph.node
        if node.op_type == "Conv"
    }


def test_a_network_is_quantised_but_for_its_last_layer(setting: Setting) -> None:
    """Explicit QDQ before the first convolution, float before the last, and the answer agrees."""
    path, calibration, look = setting
    said: list[str] = []
    made = quantise(path, calibration, look, said.append)
    assert made.in_float == ("second",)
    assert made.n_layers == 2
    assert kinds_of(made.model) == {"first": "DequantizeLinear", "second": "Relu"}
    assert made.agreement.objections() == []
    assert said[-1] == "1 of 2 layers in float: agrees"


def test_scales_are_what_tensorrt_takes(setting: Setting) -> None:
    """Signed, zero points of zero, a scale a channel of weights, biases in float."""
    path, calibration, look = setting
    model = quantise(path, calibration, look).model
    constant = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    pairs = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert pairs
    for node in pairs:
        zero = constant[node.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any()
    (of_weights,) = (n for n in pairs if n.input[0] in constant)
    assert constant[of_weights.input[1]].shape == (16,)


@pytest.mark.parametrize(("bits", "most"), [(7, 64), (8, 127)])
def test_weights_have_the_bits_asked_for(
    setting: Setting, tmp_path: Path, bits: int, most: int
) -> None:
    """Two products of 8 bits overflow the 16 in which a processor without VNNI adds them."""
    path, calibration, look = setting
    model = graph.read(path)
    graph.write(_with_third_layer(model), tmp_path / "deep.onnx")
    model = quantise(tmp_path / "deep.onnx", calibration, look, weight_bits=bits).model
    constant = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    weights = [each for name, each in constant.items() if name.endswith("_quantized")]
    assert max(abs(each.astype(int)).max() for each in weights) == most


def test_a_layer_that_hurts_stays_in_float(setting: Setting, tmp_path: Path) -> None:
    """A channel far below zero, which Relu takes away, spoils the scale of all the others."""
    _, calibration, look = setting
    model = network()
    constant = {each.name: each for each in model.graph.initializer}
    for name, axis in (("first", 0), ("second", 1)):  # one channel more, which nobody reads
        values = onnx.numpy_helper.to_array(constant[name])
        more = np.concatenate([values, np.zeros_like(values.take([0], axis))], axis)
        constant[name].CopyFrom(onnx.numpy_helper.from_array(more, name))
    outlier = np.zeros(17, np.float32)
    outlier[16] = -3000
    model.graph.initializer.append(onnx.numpy_helper.from_array(outlier, "outlier"))
    model.graph.node[0].input.append("outlier")
    onnx.save(_with_third_layer(model), tmp_path / "hurt.onnx")
    made = quantise(tmp_path / "hurt.onnx", calibration, look)
    assert made.in_float == ("third", "first")
    assert kinds_of(made.model)["second"] == "DequantizeLinear"


def _with_third_layer(model: Any) -> Any:
    """The same network with a last convolution that passes on what it is given."""
    shape = model.graph.node[3]
    assert shape.name == "flatten"
    third = onnx.helper.make_node("Conv", ["raw", "same"], ["raw_again"], name="third")
    model.graph.node.insert(3, third)
    shape.input[0] = "raw_again"
    same = np.eye(7, dtype=np.float32).reshape(7, 7, 1, 1)
    model.graph.initializer.append(onnx.numpy_helper.from_array(same, "same"))
    return model


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
@pytest.mark.parametrize("convert", ["int8", "fp16"])
def test_every_engine_reads_what_is_made(setting: Setting, kind: str, convert: str) -> None:
    """The same file on each library sees what float saw."""
    if kind == "openvino":
        pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    path, calibration, look = setting
    made = to_fp16(path) if convert == "fp16" else quantise(path, calibration, look).model
    file = path.with_name("made.onnx")
    graph.write(made, file)
    models = Models([path.parent.parent])
    card = models.card("tiny")
    frames = [read_frame(each) for each in listed(path.parent.parent.parent / "pictures")]
    precision = "f32" if kind == "openvino" else None
    with (
        engines.with_weights(card, file, models) as candidate,
        engines.opened(kind, "tiny", candidate, precision=precision) as engine,
    ):
        got = [engine.detector().detect(frame) for frame in frames]
    from edge.workbench.compare import agreement

    assert agreement(look(path, None), got).objections() == []


def test_half_precision_keeps_what_is_fed_and_read(setting: Setting) -> None:
    """Inputs and outputs stay float32; the weights take half the room."""
    path, _, _ = setting
    model = to_fp16(path)
    ports = [*model.graph.input, *model.graph.output]
    assert {port.type.tensor_type.elem_type for port in ports} == {onnx.TensorProto.FLOAT}
    kinds = {each.data_type for each in model.graph.initializer if each.name in ("first", "second")}
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_an_old_file_is_brought_up_to_date(tmp_path: Path) -> None:
    """Scales a channel need opset 13; older files are converted."""
    old = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Relu", ["a"], ["b"])],
            "old",
            [onnx.helper.make_tensor_value_info("a", 1, [1, 3])],
            [onnx.helper.make_tensor_value_info("b", 1, [1, 3])],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 11)],
    )
    onnx.save(old, tmp_path / "old.onnx")
    assert graph.read(tmp_path / "old.onnx").opset_import[0].version == graph.OPSET


@pytest.mark.parametrize("tool", [graph.read, to_fp16])
@pytest.mark.parametrize("content", [b"", b"not a network", network().SerializeToString()[:500]])
def test_what_is_no_network_is_refused(
    tmp_path: Path, tool: Callable[[Path], Any], content: bytes
) -> None:
    """Foreign or cut off: the file is named, and no trace shows."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"{path} cannot be converted"):
        tool(path)


def test_a_concat_is_guarded_where_it_is_float() -> None:
    """OpenVINO's fault with signed tensors out of a Concat is kept away; shapes are left alone."""
    model = onnx.shape_inference.infer_shapes(network())
    graph.guard_concats(model)
    guards = [node for node in model.graph.node if node.op_type == "Max"]
    assert [node.name for node in guards] == ["cells_guard"]
    onnx.checker.check_model(model)


@pytest.mark.parametrize("reader", ["nothing", "QuantizeLinear", "Sub"])
def test_a_guard_goes_where_nothing_behind_it_is_quantised(reader: str) -> None:
    """It stays also where a tensor is centred first: OpenVINO takes that step into its Concat."""
    make = onnx.helper.make_node
    model = onnx.shape_inference.infer_shapes(network())
    before = model.graph.SerializeToString()
    concat = next(node for node in model.graph.node if node.op_type == "Concat")
    whole = concat.output[0]
    graph.guard_concats(model)
    if reader == "Sub":
        model.graph.node.append(make("Sub", [whole, "middle"], ["centred"]))
    if reader != "nothing":
        narrowed = whole if reader == "QuantizeLinear" else "centred"
        model.graph.node.append(make("QuantizeLinear", [narrowed, "scale"], ["narrow"]))
    graph.drop_guards(model)
    guards = [node.name for node in model.graph.node if node.op_type == "Max"]
    assert guards == ([] if reader == "nothing" else ["cells_guard"])
    assert reader != "nothing" or model.graph.SerializeToString() == before


@pytest.mark.parametrize("group", [1, 2])
def test_centring_changes_nothing_but_the_range(group: int) -> None:
    """Plain and grouped, with two layers behind one tensor; a padded one is not centred."""
    import onnxruntime

    make, numbers = onnx.helper.make_node, np.random.default_rng(0)
    pointwise = numbers.normal(size=(4, 4 // group, 1, 1)).astype("f4")
    constants = {
        "first": numbers.normal(size=(4, 4, 1, 1)).astype("f4"),
        "point": pointwise,
        "wide": numbers.normal(size=(4, 4, 3, 3)).astype("f4"),
        "bias": numbers.normal(size=4).astype("f4"),
    }
    outputs = ("one", "two", "padded")
    value_of, number = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [
                make("Conv", ["images", "first", "bias"], ["raw"], name="first"),
                make("Relu", ["raw"], ["active"], name="relu"),
                make("Conv", ["active", "point", "bias"], ["one"], name="point", group=group),
                make("Conv", ["active", "wide", "bias"], ["two"], name="wide"),
                make("Conv", ["active", "wide", "bias"], ["padded"], name="padded", pads=[1] * 4),
            ],
            "branches",
            [value_of("images", number, [1, 4, 6, 6])],
            [value_of(name, number, [1, 4, "high", "wide"]) for name in outputs],
            [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    assert graph.unpadded_convolutions(model) == {"active": ["point", "wide"]}

    def answers() -> list[Any]:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        given = np.random.default_rng(1).normal(size=(1, 4, 6, 6)).astype("f4")
        return list(session.run(list(outputs), {"images": given}))

    before = answers()
    graph.centre(model, {"active": 1.5})
    onnx.checker.check_model(model)
    sources = {node.name: node.input[0] for node in model.graph.node}
    assert sources["point"] == sources["wide"] == graph.centred("active")
    assert sources["padded"] == "active"
    for one, other in zip(before, answers(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)

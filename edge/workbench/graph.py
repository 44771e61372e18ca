"""ONNX files as graphs that can be changed: read, brought up to date, written.

Boundary: with `quantise` and `fp16` the only users of the onnx package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import MissingDependency, ModelError

OPSET = 17
"""What files are brought up to: the newest that TensorRT 8.6 reads; scales a channel need 13."""

LOWEST = "edge_lowest"
"""Name of the lowest number, which a guarded Concat is compared with."""


def library() -> Any:
    """The onnx package.

    Raises:
        MissingDependency: It is not installed.
    """
    try:
        import onnx
    except ImportError as exc:
        raise MissingDependency(
            f"this needs onnx, which cannot be imported ({exc}); run `pip install onnx`"
        ) from exc
    return onnx


def read(path: Path) -> Any:
    """Read a file, bring it up to `OPSET` if it is older, and work out the shapes in it.

    Raises:
        ModelError: It is no ONNX file, or a part of it has no newer form.
        MissingDependency: onnx is not installed.
    """
    onnx = library()
    from onnx import shape_inference, version_converter

    try:
        model = onnx.load(str(path))
        own = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        if own < OPSET:
            model = version_converter.convert_version(model, OPSET)
        model = shape_inference.infer_shapes(model)
    except Exception as exc:  # protobuf, onnx's C++ and StopIteration have no class in common
        raise ModelError(
            f"{path} cannot be converted: {' '.join(str(exc).split())[:200]}; export the model "
            f"again with opset {OPSET}"
        ) from exc
    for n, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{n}"  # layers are chosen by name
    return model


def write(model: Any, path: Path) -> None:
    """Write a file, and see that it is whole.

    Raises:
        ModelError: What was made is no sound network; nothing is left behind.
    """
    onnx = library()
    onnx.save(model, str(path))
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as exc:
        path.unlink()
        raise ModelError(f"{path}: what was made is no sound ONNX file: {exc}") from exc


def guard_concats(model: Any) -> None:
    """Put a node that changes nothing behind each Concat of floats, in place.

    OpenVINO 2026.4 computes nonsense on processors where a signed INT8 tensor comes straight out of
    a Concat: of yolox-nano, INT8 there found 1 % of the objects that it finds so. A Clip does not
    help, it is taken out again; a Max with the lowest number is not.
    """
    onnx = library()
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        name = node.output[0]
        if node.op_type == "Concat" and kinds.get(name) == onnx.TensorProto.FLOAT:
            node.output[0] = f"{name}_unguarded"
            guard = onnx.helper.make_node(
                "Max", [node.output[0], LOWEST], [name], name=f"{node.name}_guard"
            )
            nodes.append(guard)
    if len(nodes) > len(model.graph.node):
        value = np.array(np.finfo(np.float32).min, np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, LOWEST))
        del model.graph.node[:]
        model.graph.node.extend(nodes)


def drop_guards(model: Any) -> None:
    """Take out the guards of `guard_concats` behind which nothing was quantised, in place.

    They cost memory and time: without its guard a Concat is no step at all on OpenVINO, and the
    first two steps of YOLOX are one. A guard in front of a tensor that is centred and then
    quantised stays: without it yolox-nano lost 11 points of mAP there.
    """
    quantised = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    quantised |= {node.input[0] for node in model.graph.node if node.output[0] in quantised}
    idle = {
        node.input[0]: node.output[0]
        for node in model.graph.node
        if node.op_type == "Max" and LOWEST in node.input and node.output[0] not in quantised
    }
    nodes = [node for node in model.graph.node if node.output[0] not in idle.values()]
    for node in nodes:
        if node.output[0] in idle:
            node.output[0] = idle[node.output[0]]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if not any(LOWEST in node.input for node in nodes):
        kept = [each for each in model.graph.initializer if each.name != LOWEST]
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)


def unpadded_convolutions(model: Any) -> dict[str, list[str]]:
    """Convolutions that see their input and nothing beside it, by that input's name.

    Those without a bias, and the network's own inputs, are left out.
    """
    made = {name for node in model.graph.node for name in node.output}
    found: dict[str, list[str]] = {}
    for node in model.graph.node:
        told = {entry.name: entry for entry in node.attribute}
        pads = told["pads"].ints if "pads" in told else ()
        automatic = told["auto_pad"].s if "auto_pad" in told else b"NOTSET"
        is_plain = not any(pads) and automatic in (b"NOTSET", b"VALID")
        if node.op_type == "Conv" and is_plain and len(node.input) > 2 and node.input[0] in made:
            found.setdefault(node.input[0], []).append(node.name)
    return found


def centre(model: Any, middles: Mapping[str, float]) -> None:
    """Take a number off tensors before convolutions, and put it into these' biases, in place.

    The network stays the same. What lies between 0 and 8 then lies between -4 and 4, and signed
    INT8 without a zero point has twice as many steps for it. Padding is not part of the tensor, so
    this is done for `unpadded_convolutions` only.

    Args:
        model: The network.
        middles: What to take off, by tensor; the new one is called as `centred` says.
    """
    onnx = library()
    readers = unpadded_convolutions(model)
    layers = {node.name: node for node in model.graph.node}
    constants = {each.name: each for each in model.graph.initializer}

    def added(value: NDArray[np.float32], name: str) -> str:
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
        return name

    takes = {}
    for name, middle in middles.items():
        number = added(np.array(middle, np.float32), f"{name}_middle")
        takes[name] = onnx.helper.make_node(
            "Sub", [name, number], [centred(name)], name=f"{name}_centring"
        )
        for node in (layers[layer] for layer in readers[name]):
            weights, bias = (onnx.numpy_helper.to_array(constants[n]) for n in node.input[1:3])
            whole = (bias + middle * weights.sum(axis=(1, 2, 3))).astype(np.float32)
            node.input[2] = added(whole, f"{node.name}_centred_bias")
            node.input[0] = centred(name)
    nodes = []
    for node in model.graph.node:
        nodes += [node, *(takes[name] for name in node.output if name in takes)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def centred(name: str) -> str:
    """Name of a tensor after `centre`."""
    return f"{name}_centred"


def last_layers(model: Any, kinds: tuple[str, ...]) -> list[str]:
    """Names of the nodes of some kinds after which no other of these kinds comes."""
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    # From the end to the beginning, which is the order ONNX prescribes turned round.
    leads_on: dict[str, bool] = {}
    last = []
    for node in reversed(model.graph.node):
        after = [reader for name in node.output for reader in readers.get(name, [])]
        goes_on = any(reader.op_type in kinds or leads_on[reader.name] for reader in after)
        leads_on[node.name] = goes_on
        if node.op_type in kinds and not goes_on:
            last.append(node.name)
    return last

"""TensorRT on an NVIDIA GPU: engines are built once on the box, and opened whenever it starts.

Boundary: with `_tensorrt.py` the only user of TensorRT; memory and streams are `_cuda.py`'s.
`open` never builds: that takes minutes, and a camera watches with another kind meanwhile.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.detectors import Tensor, Tensors
from edge.detectors._builds import Progress
from edge.detectors._card import Card
from edge.detectors._cuda import Buffer, PlaneKernel, Stream, compiled, driver, gpu, on_gpu
from edge.detectors._engines import EngineKey, EngineStore
from edge.detectors._network import NetworkOptions, check_inputs
from edge.detectors._planes import is_same, noise_frame
from edge.detectors._preprocess import to_tensor
from edge.detectors._rows import together
from edge.detectors._tensorrt import build, library, make_log
from edge.detectors._weights import digest_of
from edge.errors import DetectorStalled, MissingDependency, ModelError, ModelMismatch

if TYPE_CHECKING:
    import tensorrt

log = logging.getLogger("edge.detectors")

NOISE = noise_frame((97, 61))
"""The hardest picture for an interpolation, with odd sides: every pixel unlike its neighbours."""

DTYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}
"""TensorRT's types that NumPy has too, by TensorRT's name; 8.6 makes INT32 of a file's INT64."""


class Options(NetworkOptions):
    """A network on TensorRT."""

    builds: ClassVar[Literal["never", "faster", "otherwise"]] = "otherwise"

    kind: Literal["tensorrt"]
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "int8"],
        Field(
            description="What the model file holds; TensorRT runs each layer as the file says. "
            "`auto` is what the card says of the file.",
            examples=["auto"],
        ),
    ] = "auto"

    def require(self) -> None:
        """Look for TensorRT, pycuda and a GPU; see `NetworkOptions`."""
        library()
        driver()

    def key(self, path: Path, card: Card) -> EngineKey:
        """Model, version, device and precision; see `NetworkOptions`."""
        sha256 = digest_of(path)
        precision = card.precision_of(sha256) if self.precision == "auto" else self.precision
        return EngineKey(card.name, sha256, self.kind, library().__version__, str(gpu()), precision)

    def open(self, path: Path, card: Card, engines: Path) -> TensorRtBackend:
        """Open the engine that was built from an ONNX file on this box; see `NetworkOptions`.

        Args:
            path: The ONNX file.
            card: Its card.
            engines: Where engines are kept.

        Raises:
            ModelMissing: None was built yet.
            ModelMismatch: There is one for another device, version, network or precision.
            ModelError: It is damaged, or TensorRT refuses it.
        """
        key, store = self.key(path, card), EngineStore(engines)
        return TensorRtBackend(store.read(key), card, key, engines)

    def made(self, path: Path, card: Card, store: EngineStore, progress: Progress) -> bytes:
        """Build the engine, and compile the kernel that feeds it; see `NetworkOptions`."""
        key = self.key(path, card)
        with on_gpu(ModelError, f"{path} cannot be built"):
            engine, notes = build(path, card, key.precision, store.notes(key), progress)
        store.keep_notes(key, notes)
        with suppress(MissingDependency):  # `open` says what is missing, and does without
            compiled(gpu().capability, store.folder)
        return engine


@dataclass(frozen=True, slots=True)
class _Port:
    """An input or output of the engine."""

    name: str
    dtype: Any
    buffer: Buffer


class TensorRtBackend:
    """One engine, its memory for the largest batch, and one stream.

    Where nvcc is there, frames go to the device as they are, and the kernel makes the engine's
    input of them. The first frame is one of noise, whose tensor must be the processor's.

    Any thread may call it, one at a time; the runtime's batcher sees to that.

    Args:
        engine: A serialised engine of this device and version.
        card: Names its inputs and outputs must have.
        key: What it was built from and for; for messages.
        folder: Where engines are kept, and the compiled kernel.

    Raises:
        ModelError: TensorRT or the device refuses it.
        ModelMismatch: Its inputs are not the card's, an output's size depends on the picture, or
            NumPy has no such type.
    """

    def __init__(self, engine: bytes, card: Card, key: EngineKey, folder: Path) -> None:
        self._card = card
        place = folder / key.file_name
        self._is_open = False
        self._kernel: PlaneKernel | None = None
        self._ports: list[_Port] = []
        what = f"{place} cannot be opened"
        with on_gpu(ModelError, what):
            self._stream = Stream()
            self._log = make_log()
            try:
                self._runtime: tensorrt.Runtime = library().Runtime(self._log)
            except TypeError as exc:  # how its bindings say that the library gave them nothing
                raise ModelError(f"{what}: TensorRT does not start: {self._log}") from exc
            self._engine: tensorrt.ICudaEngine = self._runtime.deserialize_cuda_engine(engine)
            if self._engine is None:
                raise ModelError(f"{what}: {self._log}; run `{key.build_command}`")
            self._context: tensorrt.IExecutionContext = self._engine.create_execution_context()
            if self._context is None:
                raise ModelError(f"{what}: {self._log}; free memory on the GPU")
            self._is_open = True
            try:
                self._inputs, self._outputs = self._allocate(card, place)
                self._kernel = self._tried_kernel(place)
            except BaseException:
                self.close()
                raise
        self.max_batch = self._largest(card.tensors.image)[0]

    @property
    def takes_frames(self) -> bool:
        """Whether the kernel makes its tensors; see `FrameBackend`."""
        return self._kernel is not None

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run once; see `Backend`. Half-precision outputs come back as float32."""
        if not self._is_open:
            raise DetectorStalled(f"model {self._card.name} was closed; open it again")
        with on_gpu(DetectorStalled, f"model {self._card.name} failed while running"):
            n_pictures = len(inputs[self._card.tensors.image])
            firsts = range(0, n_pictures, self.max_batch)
            return together(
                [
                    self._run({n: value[i : i + self.max_batch] for n, value in inputs.items()})
                    for i in firsts
                ]
            )

    def close(self) -> None:
        """Release engine and memory; safe to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        # After a fault the device frees nothing any more, and `run` has said so.
        with suppress(ModelError), on_gpu(ModelError, "closing"):
            if self._kernel is not None:
                self._kernel.free()
            for port in self._ports:
                port.buffer.free()
            self._ports.clear()
            # Their destructors need the device as much as their making did; in this order.
            del self._kernel, self._stream, self._context, self._engine, self._runtime

    def _run(self, inputs: Tensors) -> dict[str, Tensor]:
        """One batch, at most the largest; inside `on_gpu`."""
        for port in self._inputs:
            value = inputs[port.name]
            if value.dtype == object and self._kernel is None:  # it was there a moment ago
                value = np.concatenate([to_tensor(frame, self._card.input)[0] for frame in value])
            is_frames = value.dtype == object
            shape = (len(value), 3, *self._card.input.size_wh[::-1]) if is_frames else value.shape
            if not self._context.set_input_shape(port.name, shape):
                raise self._stalled(f"input {port.name} of shape {shape}")
            if is_frames and self._kernel is not None:
                self._kernel.upload(list(value), port.buffer.address, self._stream)
            else:
                port.buffer.upload([value], self._stream)
        if not self._context.execute_async_v3(self._stream.handle):
            raise self._stalled("the run")
        staged = {
            port: port.buffer.download(
                tuple(self._context.get_tensor_shape(port.name)), self._stream
            )
            for port in self._outputs
        }
        self._stream.wait()
        return {
            port.name: value.astype(np.float32 if port.dtype == np.float16 else port.dtype)
            for port, value in staged.items()
        }

    def _tried_kernel(self, place: Path) -> PlaneKernel | None:
        """The kernel, if its tensors are those of the processor; else None, and why is said."""
        spec = self._card.input
        image = next(port for port in self._inputs if port.name == self._card.tensors.image)
        if image.dtype not in (np.float32, np.float16):
            return None
        try:
            kernel = PlaneKernel(spec, place.parent, is_half=image.dtype == np.float16)
        except MissingDependency as exc:
            log.warning("%s: the processor makes its tensors, because %s", place, exc)
            return None
        kernel.upload([NOISE], image.buffer.address, self._stream)
        got = image.buffer.download((1, 3, *spec.size_wh[::-1]), self._stream)
        self._stream.wait()
        if is_same(got, to_tensor(NOISE, spec)[0], spec):
            return kernel
        kernel.free()
        log.error(
            "%s: the processor makes its tensors, because those the GPU makes are others; "
            "please report this device: %s",
            place,
            gpu(),
        )
        return None

    def _allocate(self, card: Card, place: Path) -> tuple[list[_Port], list[_Port]]:
        """Memory for the largest batch, bound to every input and output."""
        trt = library()
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        modes = {name: self._engine.get_tensor_mode(name) for name in names}
        inputs = [name for name in names if modes[name] == trt.TensorIOMode.INPUT]
        check_inputs(
            {name: tuple(self._engine.get_tensor_shape(name)) for name in inputs}, card, place
        )
        for name in inputs:
            self._context.set_input_shape(name, self._largest(name))
        for name in names:
            self._ports.append(self._port(name, place))
        return (
            [port for port in self._ports if port.name in inputs],
            [port for port in self._ports if port.name not in inputs],
        )

    def _port(self, name: str, place: Path) -> _Port:
        shape = tuple(self._context.get_tensor_shape(name))
        data_type: tensorrt.DataType = self._engine.get_tensor_dtype(name)
        if any(axis < 0 for axis in shape) or data_type.name not in DTYPES:
            raise ModelMismatch(
                f"{place}: expected a tensor {name} of a fixed size and a type NumPy has, got "
                f"{data_type.name} {shape}; export the model again, without suppression of boxes"
            )
        dtype = np.dtype(DTYPES[data_type.name])
        buffer = Buffer(int(np.prod(shape)), dtype)
        self._context.set_tensor_address(name, buffer.address)
        return _Port(name, dtype, buffer)

    def _largest(self, name: str) -> tuple[int, ...]:
        """Shape of an input in the largest batch the engine was built for."""
        shape = tuple(self._engine.get_tensor_shape(name))
        if all(axis >= 0 for axis in shape):
            return shape
        return tuple(self._engine.get_tensor_profile_shape(name, 0)[2])

    def _stalled(self, what: str) -> DetectorStalled:
        return DetectorStalled(
            f"model {self._card.name}: TensorRT refused {what}: {self._log}; run `edge doctor`"
        )

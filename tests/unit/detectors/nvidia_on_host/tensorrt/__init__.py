"""What edge uses of TensorRT's bindings, over ONNX Runtime; see README.md."""

from __future__ import annotations

import ctypes
import enum
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

__version__ = os.environ.get("ON_HOST_TENSORRT", "10.13.3.9")

N_STEPS = 10
FREE = -1


class ILogger:
    """Base of a logger."""

    class Severity(enum.Enum):
        """How bad."""

        INTERNAL_ERROR = 0
        ERROR = 1
        INFO = 3

    def log(self, severity: Any, msg: str) -> None:
        """Take a message."""


class IProgressMonitor:
    """Base of a monitor."""


class NetworkDefinitionCreationFlag(enum.IntEnum):
    """As in version 10."""

    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class MemoryPoolType(enum.Enum):
    """Pools of memory."""

    WORKSPACE = 0


class LayerType(enum.Enum):
    """Kinds of layers."""

    CONVOLUTION = 0
    QUANTIZE = 1


class TensorIOMode(enum.Enum):
    """Which way a tensor goes."""

    INPUT = 1
    OUTPUT = 2


class DataType(enum.Enum):
    """Types of tensors."""

    FLOAT = "tensor(float)"
    HALF = "tensor(float16)"
    INT64 = "tensor(int64)"


DTYPES = {DataType.FLOAT: np.float32, DataType.HALF: np.float16, DataType.INT64: np.int64}


class ITensor:
    """An input or output."""

    def __init__(self, node: Any) -> None:
        self.name: str = node.name
        self.shape = tuple(axis if isinstance(axis, int) else FREE for axis in node.shape)
        self.dtype = DataType(node.type)


class ILayer:
    """The whole network is one."""

    type = LayerType.CONVOLUTION

    def __init__(self, outputs: list[ITensor]) -> None:
        self._outputs = outputs
        self.num_outputs = len(outputs)

    def get_output(self, index: int) -> ITensor:
        """One of its outputs."""
        return self._outputs[index]


def _session(content: bytes) -> Any:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


class INetworkDefinition:
    """What the parser fills."""

    def __init__(self, flags: int) -> None:
        assert flags == 1 << int(NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        self.content = b""
        self._inputs: list[ITensor] = []
        self._layers: list[ILayer] = []

    def fill(self, content: bytes) -> None:
        """Take a parsed file."""
        session = _session(content)
        self.content = content
        self._inputs = [ITensor(node) for node in session.get_inputs()]
        # Strongly typed: what goes in as half is computed as half.
        self._layers = [ILayer(self._inputs)]

    @property
    def num_inputs(self) -> int:
        """How many."""
        return len(self._inputs)

    @property
    def num_layers(self) -> int:
        """How many."""
        return len(self._layers)

    def get_input(self, index: int) -> ITensor:
        """One input."""
        return self._inputs[index]

    def get_layer(self, index: int) -> ILayer:
        """One layer."""
        return self._layers[index]


class ParserError:
    """Why a file could not be parsed."""

    def __init__(self, why: str) -> None:
        self._why = why

    def desc(self) -> str:
        """In words."""
        return self._why

    def node(self) -> int:
        """Where."""
        return 0


class OnnxParser:
    """Reads a file."""

    def __init__(self, network: INetworkDefinition, log: ILogger) -> None:
        assert isinstance(log, ILogger)
        self._network = network
        self._errors: list[ParserError] = []

    def parse_from_file(self, path: str) -> bool:
        """Whether it could be read."""
        try:
            self._network.fill(Path(path).read_bytes())
        except Exception as exc:  # noqa: BLE001 - whatever onnxruntime says
            self._errors.append(ParserError(str(exc)))
            return False
        return True

    @property
    def num_errors(self) -> int:
        """How many."""
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        """One of them."""
        return self._errors[index]


class IOptimizationProfile:
    """Sizes of free axes."""

    def __init__(self) -> None:
        self.shapes: dict[str, Any] = {}

    def set_shape(self, name: str, *shapes: Any) -> None:
        """Least, usual and most."""
        self.shapes[name] = shapes


class ITimingCache:
    """What was learnt."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> bytes:
        """For the next build."""
        return self._content + b"."


class IBuilderConfig:
    """How to build."""

    def __init__(self) -> None:
        self.progress_monitor: Any = None
        self.profile = IOptimizationProfile()

    def set_memory_pool_limit(self, pool: MemoryPoolType, n_bytes: int) -> None:
        """Scratch memory."""

    def add_optimization_profile(self, profile: IOptimizationProfile) -> None:
        """Take the sizes."""
        self.profile = profile

    def create_timing_cache(self, content: bytes) -> ITimingCache:
        """What an earlier build learnt."""
        return ITimingCache(content)

    def set_timing_cache(self, cache: ITimingCache, *, ignore_mismatch: bool) -> bool:  # noqa: ARG002
        """Whether it fits."""
        return True


class Builder:
    """Builds engines."""

    def __init__(self, log: ILogger) -> None:
        self._log = log

    def create_network(self, flags: int) -> INetworkDefinition:
        """An empty one."""
        return INetworkDefinition(flags)

    def create_builder_config(self) -> IBuilderConfig:
        """The usual one."""
        return IBuilderConfig()

    def create_optimization_profile(self) -> IOptimizationProfile:
        """An empty one."""
        return IOptimizationProfile()

    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> bytes | None:
        """An engine, None where it cannot be; or what a test wants."""
        fault, monitor = os.environ.get("ON_HOST_FAULT", ""), config.progress_monitor
        monitor.phase_start("Building the engine", None, N_STEPS)
        for step in range(N_STEPS):
            time.sleep(float(os.environ.get("ON_HOST_STEP_S", "0")))
            if not monitor.step_complete("Building the engine", step):
                return None
            if step == N_STEPS // 2:
                _go_wrong(fault)
        monitor.phase_finish("Building the engine")
        if fault == "refuse":
            self._log.log(ILogger.Severity.ERROR, "no implementation for node Conv_0")
            return None
        return pickle.dumps((__version__, network.content, config.profile.shapes))


def _go_wrong(fault: str) -> None:
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "memory":  # as the kernel does it
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hang":
        time.sleep(3600)


class Runtime:
    """Opens engines."""

    def __init__(self, log: ILogger) -> None:
        self._log = log

    def deserialize_cuda_engine(self, content: bytes) -> ICudaEngine | None:
        """An engine, or None."""
        if os.environ.get("ON_HOST_FAULT") == "deserialise":
            self._log.log(ILogger.Severity.ERROR, "Serialization assertion failed")
            return None
        version, network, shapes = pickle.loads(content)  # noqa: S301 - our own
        assert version == __version__
        return ICudaEngine(_session(network), shapes)


def _by_name(nodes: Any) -> dict[str, ITensor]:
    return {node.name: ITensor(node) for node in nodes}


class ICudaEngine:
    """An engine."""

    def __init__(self, session: Any, shapes: dict[str, Any]) -> None:
        self.session = session
        self._shapes = shapes
        self.inputs: dict[str, ITensor] = {
            node.name: ITensor(node) for node in session.get_inputs()
        }
        self.outputs: dict[str, ITensor] = {
            node.name: ITensor(node) for node in session.get_outputs()
        }
        self._all: dict[str, ITensor] = {**self.inputs, **self.outputs}
        self.num_io_tensors = len(self._all)

    def get_tensor_name(self, index: int) -> str:
        """Inputs first."""
        return list(self._all)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        """Which way it goes."""
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        """With -1 where it is free."""
        return self._all[name].shape

    def get_tensor_dtype(self, name: str) -> DataType:
        """Its type."""
        return self._all[name].dtype

    def get_tensor_profile_shape(self, name: str, profile: int) -> Any:
        """Least, usual and most."""
        assert profile == 0
        return self._shapes[name]

    def create_execution_context(self) -> IExecutionContext:
        """To run it with."""
        return IExecutionContext(self)


class IExecutionContext:
    """Runs an engine on addresses."""

    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether the engine takes it."""
        known = self._engine.get_tensor_shape(name)
        most = known if FREE not in known else self._engine.get_tensor_profile_shape(name, 0)[2]
        fits = len(shape) == len(known) and all(
            got == axis or (axis == FREE and got <= top)
            for got, axis, top in zip(shape, known, most, strict=True)
        )
        if fits:
            self._shapes[name] = tuple(shape)
        return fits

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        """Of the run that was set up."""
        if name in self._shapes:
            return self._shapes[name]
        n_pictures = next(iter(self._shapes.values()))[0]
        first, *others = self._engine.get_tensor_shape(name)
        return (n_pictures if first == FREE else first, *others)

    def set_tensor_address(self, name: str, address: int) -> None:
        """Where it lies."""
        self._addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        """Run; at once, since nothing is queued here."""
        assert stream
        if os.environ.get("ON_HOST_FAULT") == "run":
            return False
        given = {name: self._at(name).copy() for name in self._engine.inputs}
        for name, value in zip(
            self._engine.outputs, self._engine.session.run(None, given), strict=True
        ):
            self._at(name)[...] = value
        return True

    def _at(self, name: str) -> Any:
        dtype: np.dtype[Any] = np.dtype(DTYPES[self._engine.get_tensor_dtype(name)])
        shape = self.get_tensor_shape(name)
        n_bytes = int(np.prod(shape)) * dtype.itemsize
        memory: Any = (ctypes.c_char * n_bytes).from_address(self._addresses[name])
        return np.frombuffer(memory, dtype).reshape(shape)

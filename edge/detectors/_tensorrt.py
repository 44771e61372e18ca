"""TensorRT's own words: the library, its log, and the building of an engine from an ONNX file.

Boundary: with `tensorrt.py` the only user of TensorRT. Every variable that holds one of its
objects is annotated with its class. `scripts/tensorrt-symbols` reads these annotations, and looks
up each name used here and there in the bindings of every version we say we run on.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.detectors._builds import Progress
from edge.detectors._card import Card
from edge.detectors._network import check_inputs
from edge.detectors._onnx_file import read_header
from edge.errors import MissingDependency, ModelError, ModelMismatch

if TYPE_CHECKING:
    import tensorrt

OLDEST = (8, 6)
"""JetPack 6.0; what came before lacks no call used here that we know of, and was not looked at."""

MOST_PICTURES = 8
"""Largest batch an engine with a free batch axis is built for; as `onnx` takes in one run."""

USUAL_PICTURES = 4
"""Batch that TensorRT times its kernels at: half of the most. Not measured on a Jetson."""

WORKSPACE_BYTES = 1 << 30
"""Scratch memory a kernel may ask for. Without a limit TensorRT 8.6 may plan with all there is, and
on a Jetson that is the memory the running daemon lives in."""

N_LOG_LINES = 5
"""The last errors of TensorRT are shown; the first ones are often only their consequence."""


def library() -> Any:
    """TensorRT's module.

    Raises:
        MissingDependency: It is not installed, or too old.
    """
    try:
        import tensorrt as trt
    except ImportError as exc:
        raise MissingDependency(
            f"kind tensorrt needs TensorRT, which cannot be imported ({exc}); on a Jetson run "
            "`apt-get install python3-libnvinfer` and make edge's environment with "
            "--system-site-packages; elsewhere run `pip install tensorrt`"
        ) from exc
    version: str = trt.__version__
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        raise MissingDependency(
            f"kind tensorrt needs TensorRT 8.6 or later, got {version}; install JetPack 6 or later"
        )
    return trt


def make_log() -> Any:
    """A TensorRT logger whose `lines` are its last errors; must outlive what is made with it."""
    trt = library()

    class Log(trt.ILogger):  # type: ignore[misc, name-defined] # a class known at run time only
        def __init__(self) -> None:
            super().__init__()
            self.lines: deque[str] = deque(maxlen=N_LOG_LINES)

        def log(self, severity: Any, msg: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.lines.append(" ".join(msg.split()))

        def __str__(self) -> str:
            return "; ".join(self.lines) or "TensorRT gave no reason"

    return Log()


def build(
    path: Path, card: Card, precision: str, notes: bytes, progress: Progress | None
) -> tuple[bytes, bytes]:
    """Build an engine; minutes on a Jetson. Called inside `on_gpu`.

    Networks are strongly typed wherever TensorRT has that (10 and 11; 11 has nothing else): each
    layer runs in the type the ONNX file gives it. TensorRT 8.6 is told by flags which types of the
    file it may use. So precision is the file's in every version, and asked for only to be compared.

    Args:
        path: ONNX file.
        card: Its card.
        precision: What the file must hold: `fp32`, `fp16` or `int8`.
        notes: Timings of earlier builds on this device; any other content is ignored.
        progress: Told how far it is, and asked whether to go on.

    Returns:
        The serialised engine, and the timings for the next build.

    Raises:
        ModelError: TensorRT cannot parse or build it, there is no GPU, or `progress` ended it.
        ModelMismatch: Inputs are not the card's, or the precision is another.
    """
    trt, log = library(), make_log()
    try:
        builder: tensorrt.Builder = trt.Builder(log)
    except TypeError as exc:  # how its bindings say that the library gave them nothing
        raise ModelError(f"TensorRT does not start: {log}; run `edge doctor`") from exc
    network = _parse(builder, path, card, log)
    check_inputs(_inputs(network), card, path)
    has = _precisions(network)
    _check_precision(has, precision, path)
    config: tensorrt.IBuilderConfig = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    if not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        if "fp16" in has:
            config.set_flag(trt.BuilderFlag.FP16)
        if "int8" in has:
            config.set_flag(trt.BuilderFlag.INT8)
    config.add_optimization_profile(_profile(builder, network))
    timings: tensorrt.ITimingCache = config.create_timing_cache(notes)
    if timings is None or not config.set_timing_cache(timings, ignore_mismatch=False):
        timings = config.create_timing_cache(b"")
        config.set_timing_cache(timings, ignore_mismatch=False)
    monitor = None
    if progress is not None and hasattr(trt, "IProgressMonitor"):
        monitor = _make_monitor(progress)
        config.progress_monitor = monitor
    engine = builder.build_serialized_network(network, config)
    if monitor is not None and monitor.is_stopped:
        raise ModelError(f"{path}: building was stopped; {monitor.reason}") from monitor.error
    if engine is None:
        raise ModelError(f"{path} cannot be built: {log}; export the model again, or report this")
    return bytes(engine), bytes(timings.serialize())


def _parse(builder: tensorrt.Builder, path: Path, card: Card, log: Any) -> Any:
    trt = library()
    flags: tensorrt.NetworkDefinitionCreationFlag = trt.NetworkDefinitionCreationFlag
    # 8.6 takes no other batches than explicit ones, told by a flag; 10 assumes them, and 11 has no
    # word for them any more.
    flag = flags.STRONGLY_TYPED if hasattr(flags, "STRONGLY_TYPED") else flags.EXPLICIT_BATCH
    network: tensorrt.INetworkDefinition = builder.create_network(1 << int(flag))
    header = read_header(path, card.name)
    parser: tensorrt.OnnxParser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(path)):
        errors = []
        for index in range(parser.num_errors):
            error: tensorrt.ParserError = parser.get_error(index)
            reason: str = error.desc()
            errors.append(f"node {error.node()}: {' '.join(reason.split())}")
        raise ModelError(
            f"{path} ({header}) cannot be parsed by TensorRT {trt.__version__}: "
            f"{'; '.join(errors) or log}; export the model again, with an opset and operators that "
            "version has"
        )
    return network


def _inputs(network: tensorrt.INetworkDefinition) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for index in range(network.num_inputs):
        tensor: tensorrt.ITensor = network.get_input(index)
        found[tensor.name] = tuple(tensor.shape)
    return found


def _precisions(network: tensorrt.INetworkDefinition) -> set[str]:
    """Which of fp16 and int8 a parsed network uses anywhere."""
    trt, found = library(), set()
    for number in range(network.num_layers):
        layer: tensorrt.ILayer = network.get_layer(number)
        if layer.type == trt.LayerType.QUANTIZE:
            found.add("int8")
        for index in range(layer.num_outputs):
            tensor: tensorrt.ITensor = layer.get_output(index)
            if tensor is not None and tensor.dtype == trt.DataType.HALF:
                found.add("fp16")
    return found


def _check_precision(has: set[str], wanted: str, path: Path) -> None:
    """A network with quantised layers is int8, whatever the others are; fp16 likewise."""
    got = next((precision for precision in ("int8", "fp16") if precision in has), "fp32")
    if got != wanted:
        raise ModelMismatch(
            f"{path}: expected a network in {wanted}, as `precision` says, got one in {got}; "
            f"TensorRT takes the precision from the file: set `precision: {got}`, or convert the "
            "model (`edge model --help`)"
        )


def _profile(builder: tensorrt.Builder, network: tensorrt.INetworkDefinition) -> Any:
    """What sizes a free batch axis may take; the card has fixed the other axes."""
    profile: tensorrt.IOptimizationProfile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor: tensorrt.ITensor = network.get_input(index)
        shapes = [
            tuple(n_pictures if axis < 0 else axis for axis in tensor.shape)
            for n_pictures in (1, USUAL_PICTURES, MOST_PICTURES)
        ]
        profile.set_shape(tensor.name, *shapes)
    return profile


def _make_monitor(progress: Progress) -> Any:
    trt = library()

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined] # as above
        """Phases nest and overlap; only the outermost are reported."""

        def __init__(self) -> None:
            super().__init__()
            self._n_steps: dict[str, int] = {}
            self.is_stopped = False
            self.reason = "it was asked to"
            self.error: Exception | None = None

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if not parent_phase:
                self._n_steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._n_steps and not self.is_stopped:
                # An exception may not cross the C++ between here and `build`.
                try:
                    self.is_stopped = not progress(phase_name, step + 1, self._n_steps[phase_name])
                except Exception as exc:  # noqa: BLE001 - raised again by `build`
                    self.is_stopped, self.reason, self.error = True, str(exc), exc
            return not self.is_stopped

        def phase_finish(self, phase_name: str) -> None:
            self._n_steps.pop(phase_name, None)

    return Monitor()

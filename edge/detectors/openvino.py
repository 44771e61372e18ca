"""OpenVINO on the processor: the same ONNX file, in bfloat16 where the processor has it.

Boundary: the only importer of openvino; none of its exceptions leaves this file.

What was compiled may be kept, as an engine: to open one takes a quarter of the time (0.5 s for 2.0
with yolox-nano, 1.0 for 3.9 with deimv2-femto). Where there is none, or it does not open, it is
compiled from the ONNX file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field

from edge.detectors import Tensor, Tensors
from edge.detectors._builds import Progress
from edge.detectors._card import Card
from edge.detectors._engines import EngineKey, EngineStore
from edge.detectors._network import NetworkOptions, check_inputs
from edge.detectors._onnx_file import read_header
from edge.detectors._rows import apart, together
from edge.detectors._weights import digest_of
from edge.errors import DetectorStalled, EdgeError, MissingDependency, ModelError

if TYPE_CHECKING:
    import openvino

log = logging.getLogger("edge.detectors")

Precision: TypeAlias = Literal["auto", "f32", "bf16", "f16"]

DEVICE = "CPU"

CAPABILITIES = {"f32": "FP32", "bf16": "BF16", "f16": "FP16"}
"""What OpenVINO calls each precision in the list of what a processor can do."""

TUNING = {"ENABLE_CPU_PINNING": False}
"""A thread bound to one core waits for the decoder that happens to run there. On two cores with
nothing else to do, deimv2-femto took 14.3 ms unbound and 14.8 ms bound."""

FOCUS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""First row and column of each quarter, in the order in which YOLOX stacks them."""

RUN_REMEDY = "run `edge doctor`; if it finds nothing, the box may be out of memory"


class Options(NetworkOptions):
    """A network on OpenVINO Runtime."""

    builds: ClassVar[Literal["never", "faster", "otherwise"]] = "faster"

    kind: Literal["openvino"]
    precision: Annotated[
        Precision,
        Field(
            description="What the network is computed in: `auto` is bfloat16 where the processor "
            "has it, else float32. Layers a file has in INT8 stay INT8.",
            examples=["auto"],
        ),
    ] = "auto"

    def require(self) -> None:
        """Look for openvino; see `NetworkOptions`."""
        _library()

    def key(self, path: Path, card: Card) -> EngineKey:
        """Model, version, processor and precision; see `NetworkOptions`."""
        library = _library()
        core = library.Core()
        with _translated(ModelError, f"openvino {library.__version__}", RUN_REMEDY):
            precision, device = _precision(core, self.precision, path), _processor(core)
        sha256, version = digest_of(path), str(library.__version__).partition("-")[0]
        return EngineKey(card.name, sha256, self.kind, version, device, precision)

    def open(self, path: Path, card: Card, engines: Path) -> OpenvinoBackend:
        """Open what was kept, or else compile the ONNX file; see `NetworkOptions`."""
        told: dict[str, Any] = {"threads": self.threads, "precision": self.precision}
        key, store = self.key(path, card), EngineStore(engines)
        if store.has(key):
            try:
                return OpenvinoBackend(path, card, kept=store.read(key), **told)
            except ModelError as exc:
                log.warning("%s; it is compiled from %s", exc, path)
        return OpenvinoBackend(path, card, **told)

    def made(self, path: Path, card: Card, store: EngineStore, progress: Progress) -> bytes:  # noqa: ARG002
        """Compile and export; OpenVINO does not say how far it is. See `NetworkOptions`."""
        backend = OpenvinoBackend(path, card, threads=self.threads, precision=self.precision)
        try:
            return backend.exported()
        finally:
            backend.close()


class OpenvinoBackend:
    """One network, compiled twice: for one picture on all threads, and for one on each.

    Several pictures are not stacked into one tensor: that gained nothing. On two free cores
    pictures side by side take 9.7 ms (deimv2-femto) and 8.3 ms (yolox-nano) each, one after the
    other on both cores 15.2 and 11.1 ms; and a network whose batch is fixed gains as well.

    Args:
        path: The ONNX file.
        card: Names and size its inputs must have.
        threads: Processor threads; 0 leaves it to the library.
        precision: What to compute in.
        kept: What `exported` gave earlier, in place of the file's content.

    Raises:
        ModelError: The file is no network OpenVINO can compile, or the processor lacks the
            precision.
        ModelMismatch: Its inputs are not the card's.
        MissingDependency: openvino is not installed.
    """

    def __init__(
        self,
        path: Path,
        card: Card,
        *,
        threads: int = 0,
        precision: Precision = "auto",
        kept: bytes | None = None,
    ) -> None:
        self._name = card.name
        library = _library()
        self._core: openvino.Core = library.Core()
        version = str(library.__version__).partition("-")[0]
        what = f"{path} ({read_header(path, card.name)}) cannot be loaded by openvino {version}"
        remedy = (
            f"run `edge model pull {card.name}`, or export the model again, with an opset and "
            "operators that version has"
        )
        with _translated(ModelError, what, remedy):
            told = {
                **TUNING,
                "INFERENCE_PRECISION_HINT": _precision(self._core, precision, path),
                **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
            }
            one, many = ({**told, "PERFORMANCE_HINT": h} for h in ("LATENCY", "THROUGHPUT"))
            model = self._imported(kept, one) if kept else _read(path)
            ports = {
                port.any_name: tuple(
                    axis.get_length() if axis.is_static else "any" for axis in port.partial_shape
                )
                for port in model.inputs
            }
            self._dtypes = {port.any_name: port.element_type.to_dtype() for port in model.inputs}
        check_inputs(ports, card, path)
        with _translated(ModelError, what, remedy):
            if kept:
                self._compiled, several = model, self._imported(kept, many)
            else:
                # A picture of a fixed size: with a free batch deimv2-femto takes 20.0 ms, not 15.5.
                model.reshape({name: [1, *shape[1:]] for name, shape in ports.items()})
                _fold_focus(self._core, model)
                self._compiled = self._core.compile_model(model, DEVICE, one)
                several = self._core.compile_model(model, DEVICE, many)
            self._single: Any = _requests(self._compiled)[0]
            self._several = _requests(several)
        self._outputs = [port.any_name for port in model.outputs]
        self.max_batch = len(self._several)
        log.info(
            "%s: OpenVINO computes in %s, %d pictures at a time",
            path,
            told["INFERENCE_PRECISION_HINT"],
            self.max_batch,
        )

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run once; see `Backend`."""
        if not self._several:
            raise DetectorStalled(f"model {self._name} was closed; open it again")
        with _translated(DetectorStalled, f"model {self._name} failed while running", RUN_REMEDY):
            self._check(inputs)
            rows = apart(inputs)
            if len(rows) == 1:
                # In this thread: handing a picture to another one costs up to 1 ms.
                answer = self._single.infer(dict(inputs), share_inputs=True)
                return dict(zip(self._outputs, answer.to_tuple(), strict=True))
            answers: list[Tensors] = []
            while len(answers) < len(rows):
                answers += self._side_by_side(rows[len(answers) :])
            return together(answers)

    def exported(self) -> bytes:
        """The compiled network, to open it with in another process on this processor.

        Raises:
            ModelError: OpenVINO cannot export it.
        """
        with _translated(ModelError, f"model {self._name} cannot be exported", RUN_REMEDY):
            stream = BytesIO()
            self._compiled.export_model(stream)
            return stream.getvalue()

    def close(self) -> None:
        """Release the network; safe to call twice."""
        self._single = self._compiled = None
        self._several = []

    def _imported(self, kept: bytes, told: dict[str, Any]) -> Any:
        return self._core.import_model(BytesIO(kept), DEVICE, told)

    def _side_by_side(self, rows: Sequence[Tensors]) -> list[Tensors]:
        """Run rows, each on a request of its own, as far as there are requests."""
        begun = []
        with ExitStack() as ends:
            for request, row in zip(self._several, rows, strict=False):
                request.start_async(dict(row), share_inputs=True)
                # Whatever fails: it reads the row's memory, which goes when this returns.
                ends.callback(request.wait)
                begun.append(request)
        # Copied: it is the request's own memory, written again in the next run.
        return [
            {
                name: np.array(tensor.data)
                for name, tensor in zip(self._outputs, request.output_tensors, strict=True)
            }
            for request in begun
        ]

    def _check(self, inputs: Tensors) -> None:
        """See that nothing is missing: OpenVINO would take what it was given the last time."""
        got = {name: value.dtype for name, value in inputs.items()}
        if got != self._dtypes:
            raise ValueError(f"expected inputs {_listed(self._dtypes)}, got {_listed(got)}")


def _read(path: Path) -> Any:
    """Read an ONNX file, and as nothing else: other readers write to the terminal."""
    from openvino.frontend import FrontEndManager

    reader = FrontEndManager().load_by_framework("onnx")
    return reader.convert(reader.load(str(path)))


def _fold_focus(core: openvino.Core, model: openvino.Model) -> None:
    """Make one convolution of YOLOX's first two steps, in place; it computes the same numbers.

    The network takes each block of 2 x 2 pixels apart into four pictures of a quarter, stacks them
    and convolves: a convolution with a kernel and a stride twice as large. OpenVINO copies quarter
    by quarter, 2.5 ms of yolox-nano's 25; onnxruntime knows the pattern by itself.
    """
    from openvino import opset13

    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution":
            continue
        told = node.get_attributes()
        stack, weights = (node.input_value(port).get_node() for port in (0, 1))
        dense = told["strides"] == told["dilations"] == [1, 1]
        if not dense or weights.get_type_name() != "Constant" or not _is_focus(core, stack, model):
            continue
        apart = weights.data
        n_out, n_in, high, wide = apart.shape
        whole = np.zeros((n_out, n_in // 4, 2 * high, 2 * wide), apart.dtype)
        for (row, column), part in zip(FOCUS, np.split(apart, 4, axis=1), strict=True):
            whole[:, :, row::2, column::2] = part
        before, after = ([2 * pad for pad in told[side]] for side in ("pads_begin", "pads_end"))
        picture = model.input(0)
        folded = opset13.convolution(picture, whole, [2, 2], before, after, [1, 1])
        folded.set_friendly_name(node.get_friendly_name())
        node.output(0).replace(folded.output(0))


def _is_focus(core: openvino.Core, stack: Any, model: openvino.Model) -> bool:
    """Whether a node stacks the quarters of the network's only input; found out by running it."""
    if [value.get_node().get_type_name() for value in stack.input_values()] != ["Slice"] * 4:
        return False
    if len(model.inputs) != 1 or len(shape := model.input(0).shape) != 4:
        return False
    pixels = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    alone = _library().Model([stack], model.get_parameters())
    found = core.compile_model(alone, DEVICE, {"INFERENCE_PRECISION_HINT": "f32"})(pixels)[0]
    n, channels, height, width = shape
    return found.shape == (n, 4 * channels, height // 2, width // 2) and all(
        np.array_equal(part, pixels[:, :, row::2, column::2])
        for (row, column), part in zip(FOCUS, np.split(found, 4, axis=1), strict=True)
    )


def _listed(dtypes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {np.dtype(dtype)}" for name, dtype in dtypes.items()) or "none"


def _precision(core: openvino.Core, wanted: Precision, path: Path) -> str:
    has = core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
    if wanted == "auto":
        return "bf16" if CAPABILITIES["bf16"] in has else "f32"
    if CAPABILITIES[wanted] not in has:
        can = ", ".join(name for name, called in CAPABILITIES.items() if called in has)
        raise ModelError(
            f"{path}: expected a processor that computes in {wanted}, got one that does "
            f"{can}; write `precision: auto`"
        )
    return wanted


def _processor(core: openvino.Core) -> str:
    """The processor's name and what it can do: machine code for one need not run on another."""
    name = " ".join(core.get_property(DEVICE, "FULL_DEVICE_NAME").split())
    return f"{name} ({' '.join(sorted(core.get_property(DEVICE, 'OPTIMIZATION_CAPABILITIES')))})"


def _requests(compiled: Any) -> list[Any]:
    """One request for each picture that runs at a time."""
    n = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    return [compiled.create_infer_request() for _ in range(n)]


def _library() -> Any:
    try:
        import openvino
    except ImportError as exc:
        raise MissingDependency(
            f"kind openvino needs openvino, which cannot be imported ({exc}); "
            "run `pip install openvino`"
        ) from exc
    return openvino


def vendor_errors() -> tuple[type[Exception], ...]:
    """Every exception class openvino defines, and the built-ins it raises itself."""
    from openvino import exceptions, frontend

    own = [
        member
        for module in (exceptions, frontend)
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Exception)
    ]
    return (*own, RuntimeError, ValueError, TypeError, MemoryError)


@contextmanager
def _translated(error: type[EdgeError], what: str, remedy: str) -> Iterator[None]:
    """The one border at which openvino's exceptions become ours."""
    try:
        yield
    except EdgeError:
        raise
    except vendor_errors() as exc:
        raise error(f"{what}: {' '.join(str(exc).split())}; {remedy}") from exc

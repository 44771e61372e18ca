"""ONNX Runtime on the processor: runs anywhere, and is what other engines are compared with.

Boundary: the only importer of onnxruntime; none of its exceptions leaves this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edge.detectors import Tensor, Tensors
from edge.detectors._card import Card
from edge.detectors._network import NetworkOptions
from edge.errors import DetectorStalled, EdgeError, MissingDependency, ModelError, ModelMismatch

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = ("CPUExecutionProvider",)
"""In order of preference; onnxruntime falls to the next one where a provider is absent."""

DYNAMIC_BATCH = 8
"""Pictures in one run of a network whose batch is free. Two cores, deimv2-femto: 13 ms a picture
in runs of eight, 19 ms one by one."""

RUN_REMEDY = "run `edge doctor`; if it finds nothing, the box may be out of memory"


class Options(NetworkOptions):
    """A network on ONNX Runtime."""

    kind: Literal["onnx"]

    def require(self) -> None:
        """Look for onnxruntime; see `NetworkOptions`."""
        _library()

    def open(self, path: Path, card: Card) -> OnnxBackend:
        """Load an ONNX file; see `NetworkOptions`."""
        return OnnxBackend(path, card, threads=self.threads)


class OnnxBackend:
    """One session.

    Args:
        path: The ONNX file.
        card: Names and size its inputs must have.
        threads: Processor threads of one run; 0 leaves it to the library.

    Raises:
        ModelError: The file is not a network onnxruntime can load.
        ModelMismatch: Its inputs are not the card's.
        MissingDependency: onnxruntime is not installed.
    """

    def __init__(self, path: Path, card: Card, *, threads: int = 0) -> None:
        ort = _library()
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        # Threads that spin while they wait cost 41 to 49 ms of processor time a run instead of 12
        # (YOLOX-Nano, two threads, 30 ms between runs), which is other cameras' time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with _translated(
            ModelError,
            f"{path} cannot be loaded",
            "the file is damaged or no ONNX file; pull it anew",
        ):
            self._session: onnxruntime.InferenceSession | None = ort.InferenceSession(
                str(path), options, providers=list(PROVIDERS)
            )
        inputs = {node.name: tuple(node.shape) for node in self._session.get_inputs()}
        _check_inputs(inputs, card, path)
        self._outputs = [node.name for node in self._session.get_outputs()]
        self._name = card.name
        batch = inputs[card.tensors.image][0]
        self.max_batch = batch if isinstance(batch, int) else DYNAMIC_BATCH

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run once; see `Backend`."""
        session = self._session
        if session is None:
            raise DetectorStalled(f"model {self._name} was closed; open it again")
        with _translated(DetectorStalled, f"model {self._name} failed while running", RUN_REMEDY):
            return dict(zip(self._outputs, session.run(self._outputs, dict(inputs)), strict=True))

    def close(self) -> None:
        """Release the session; safe to call twice."""
        self._session = None


def _check_inputs(got: dict[str, tuple[int | str | None, ...]], card: Card, path: Path) -> None:
    """Compare a file's inputs with its card; a free axis is a word or None."""
    width, height = card.input.size_wh
    wanted: dict[str, tuple[int | str, ...]] = {card.tensors.image: (1, 3, height, width)}
    if card.tensors.size is not None:
        wanted[card.tensors.size] = (1, 2)
    fits = wanted.keys() == got.keys() and all(
        len(got[name]) == len(shape)
        and all(g == w for g, w in zip(got[name], shape, strict=True) if isinstance(g, int))
        for name, shape in wanted.items()
    )
    if not fits:
        raise ModelMismatch(
            f"{path}: inputs are not those of card {card.name}: expected {_listed(wanted)}; "
            f"got {_listed(got)}; correct the card, or export the model again"
        )


def _listed(shapes: Any) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, s))})" for name, s in shapes.items())


def _library() -> Any:
    try:
        import onnxruntime
    except ImportError as exc:
        raise MissingDependency(
            f"kind onnx needs onnxruntime, which cannot be imported ({exc}); "
            "run `pip install onnxruntime`"
        ) from exc
    # Its notes about absent GPUs and unused initialisers are nothing a technician can act on.
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def vendor_errors() -> tuple[type[Exception], ...]:
    """Every exception class onnxruntime defines, and the built-ins it raises itself."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [
        member
        for member in vars(state).values()
        if isinstance(member, type) and issubclass(member, Exception)
    ]
    return (*own, RuntimeError, ValueError)


@contextmanager
def _translated(error: type[EdgeError], what: str, remedy: str) -> Iterator[None]:
    """The one border at which onnxruntime's exceptions become ours."""
    try:
        yield
    except vendor_errors() as exc:
        raise error(f"{what}: {' '.join(str(exc).split())}; {remedy}") from exc

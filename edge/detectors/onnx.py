"""ONNX Runtime: runs anywhere, and is what other engines are compared with.

It runs on the processor, and with onnxruntime-gpu on an NVIDIA GPU. Boundary: the only importer of
onnxruntime; none of its exceptions leaves this file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edge.detectors import Tensor, Tensors
from edge.detectors._card import Card
from edge.detectors._engines import EngineKey
from edge.detectors._network import NetworkOptions, check_inputs
from edge.detectors._onnx_file import read_header
from edge.detectors._rows import apart, together
from edge.detectors._weights import digest_of
from edge.errors import DetectorStalled, EdgeError, MissingDependency, ModelError

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger("edge.detectors")

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

DYNAMIC_BATCH = 8
"""Pictures in one run on a GPU, of a network whose batch is free. Not measured: no GPU here."""

RUN_REMEDY = "run `edge doctor`; if it finds nothing, the box may be out of memory"


class Options(NetworkOptions):
    """A network on ONNX Runtime."""

    kind: Literal["onnx"]

    def require(self) -> None:
        """Look for onnxruntime; see `NetworkOptions`."""
        _library()

    def key(self, path: Path, card: Card) -> EngineKey:
        """What runs; see `NetworkOptions`. Nothing is built."""
        ort, sha256 = _library(), digest_of(path)
        device = "the GPU" if CUDA in ort.get_available_providers() else "the processor"
        precision = card.precision_of(sha256)
        return EngineKey(card.name, sha256, self.kind, ort.__version__, device, precision)

    def open(self, path: Path, card: Card, engines: Path) -> OnnxBackend:  # noqa: ARG002
        """Load an ONNX file; see `NetworkOptions`."""
        return OnnxBackend(path, card, threads=self.threads)


class OnnxBackend:
    """One session; on a processor with several threads two.

    A GPU is given several pictures in one tensor, the processor several runs at once. Stacked by
    four, deimv2-femto took 35 ms of processor time a picture, side by side 28 ms. On two free
    cores that is a picture every 21 ms instead of 30, and yolox-nano, whose batch is fixed, one
    every 11.8 ms instead of 17.1.

    Side by side each picture has one thread, of a session of its own: threads of one run wait for
    each other, which only a lone picture gains by (adr/0051).

    Args:
        path: The ONNX file.
        card: Names and size its inputs must have.
        threads: Processor threads, of a lone picture's run or of as many side by side; 0 leaves it
            to the library.

    Raises:
        ModelError: The file is not a network onnxruntime can load.
        ModelMismatch: Its inputs are not the card's.
        MissingDependency: onnxruntime is not installed.
    """

    def __init__(self, path: Path, card: Card, *, threads: int = 0) -> None:
        ort, header = _library(), read_header(path, card.name)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        # Threads that spin while they wait cost 41 to 49 ms of processor time a run instead of 12
        # (YOLOX-Nano, two threads, 30 ms between runs), which is other cameras' time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with _translated(
            ModelError,
            f"{path} ({header}) cannot be loaded by onnxruntime {ort.__version__}",
            f"run `edge model pull {card.name}`, or export the model again, with an opset and "
            "operators that version has",
        ):
            session = narrow = _session(ort, path, options)
            on_gpu = session.get_providers()[0] == CUDA
            n_threads = threads or len(os.sched_getaffinity(0))
            if not on_gpu and n_threads > 1:
                options.intra_op_num_threads = 1
                narrow = _on(ort, path, options, [CPU])
        inputs = {node.name: tuple(node.shape) for node in session.get_inputs()}
        check_inputs(inputs, card, path)
        self._session: onnxruntime.InferenceSession | None = session
        self._narrow: onnxruntime.InferenceSession | None = narrow  # with one thread a run
        self._outputs = [node.name for node in session.get_outputs()]
        self._name = card.name
        batch = inputs[card.tensors.image][0]
        self._beside: ThreadPoolExecutor | None = None
        if on_gpu:
            self.max_batch = batch if isinstance(batch, int) else DYNAMIC_BATCH
        else:
            self.max_batch = n_threads
            self._beside = ThreadPoolExecutor(self.max_batch, f"onnx-{card.name}")

    def run(self, inputs: Tensors) -> dict[str, Tensor]:
        """Run once; see `Backend`."""
        session, narrow = self._session, self._narrow
        if session is None or narrow is None:
            raise DetectorStalled(f"model {self._name} was closed; open it again")

        def answer(inputs: Tensors, session: Any = narrow) -> dict[str, Tensor]:
            return dict(zip(self._outputs, session.run(self._outputs, dict(inputs)), strict=True))

        with _translated(DetectorStalled, f"model {self._name} failed while running", RUN_REMEDY):
            rows = apart(inputs)
            if len(rows) < 2 or self._beside is None:
                return answer(inputs, session)
            return together(list(self._beside.map(answer, rows)))

    def close(self) -> None:
        """Release the sessions; safe to call twice."""
        self._session = self._narrow = None
        if self._beside is not None:
            self._beside.shutdown()


def _session(ort: Any, path: Path, options: Any) -> Any:
    """Load a file on the GPU if there is one for it, else on the processor; says which."""
    if CUDA in ort.get_available_providers():
        try:
            session = _on(ort, path, options, [CUDA, CPU])
        except vendor_errors() as exc:
            why = " ".join(str(exc).split())
        else:
            if session.get_providers()[0] == CUDA:
                log.info("%s: ONNX Runtime computes on the GPU", path)
                return session
            why = "libraries it needs (CUDA, cuDNN) cannot be loaded"
        log.warning(
            "%s: ONNX Runtime computes on the processor, because its CUDA provider does not "
            "start: %s",
            path,
            why,
        )
    else:
        log.info("%s: ONNX Runtime computes on the processor", path)
    return _on(ort, path, options, [CPU])


def _on(ort: Any, path: Path, options: Any, providers: list[str]) -> Any:
    # Its own fall-back prints to the terminal, and would change the device in mid-service.
    session = ort.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    session.disable_fallback()
    return session


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
    return (*own, RuntimeError, ValueError, MemoryError)


@contextmanager
def _translated(error: type[EdgeError], what: str, remedy: str) -> Iterator[None]:
    """The one border at which onnxruntime's exceptions become ours."""
    try:
        yield
    except vendor_errors() as exc:
        raise error(f"{what}: {' '.join(str(exc).split())}; {remedy}") from exc

"""CUDA through pycuda: the device, its memory, and the kernel that makes tensors of planes.

Boundary: the only importer of pycuda; none of its exceptions leaves this file. All work happens
in the device's primary context, which TensorRT uses too. It is retained once, until the process
ends, and made current only for the length of a `with on_gpu(...)`, so that any thread may come.
"""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edge.detectors import Tensor
from edge.detectors._card import Input
from edge.detectors._planes import BLOCK, FLAGS, SOURCE, Planes, grid, job
from edge.errors import EdgeError, MissingDependency
from edge.frame import Frame

NVCC = "/usr/local/cuda/bin/nvcc"
"""Where JetPack and NVIDIA's packages put it; a service's PATH does not have it."""

RUN_REMEDY = (
    "run `edge doctor`; if the GPU answers there, restart edge: after a fault CUDA answers a "
    "process nothing else any more"
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """What an engine is built for.

    Attributes:
        name: As the driver says it.
        capability: Major and minor compute capability.
        n_multiprocessors: Tells apart the modules that share a name, such as Orin's.
    """

    name: str
    capability: tuple[int, int]
    n_multiprocessors: int

    def __str__(self) -> str:
        major, minor = self.capability
        return f"{self.name} (sm {major}.{minor}, {self.n_multiprocessors} multiprocessors)"


def gpu() -> Gpu:
    """The first device; nothing is allocated on it.

    Raises:
        MissingDependency: No pycuda, no driver or no device.
    """
    cuda = driver()
    device = cuda.Device(0)
    count = device.get_attribute(cuda.device_attribute.MULTIPROCESSOR_COUNT)
    return Gpu(device.name(), tuple(device.compute_capability()), count)


def driver() -> Any:
    """The driver module of pycuda, initialised.

    Raises:
        MissingDependency: No pycuda, no driver or no device.
    """
    try:
        import pycuda.driver as cuda
    except ImportError as exc:
        raise MissingDependency(
            f"kind tensorrt needs pycuda, which cannot be imported ({exc}); "
            "run `pip install pycuda` with nvcc on the PATH"
        ) from exc
    try:
        cuda.init()
        n_devices = cuda.Device.count()
    except cuda.Error as exc:
        raise MissingDependency(
            f"kind tensorrt needs an NVIDIA GPU, and its driver does not answer ({exc}); "
            "run `nvidia-smi`, and reinstall the driver if that fails too"
        ) from exc
    if not n_devices:
        raise MissingDependency("kind tensorrt needs an NVIDIA GPU; got none; run `nvidia-smi`")
    return cuda


@cache
def _primary_context() -> Any:
    context = driver().Device(0).retain_primary_context()
    # Left to its destructor, pycuda (2025.1.2) detaches it as if it were not the primary one.
    atexit.register(context.detach)
    return context


@contextmanager
def on_gpu(error: type[EdgeError], what: str) -> Iterator[None]:
    """Make the device current in this thread; pycuda's exceptions become `error`.

    Args:
        error: What a caller expects.
        what: Begins its text.

    Raises:
        MissingDependency: No pycuda, no driver or no device.
    """
    cuda = driver()
    try:
        context = _primary_context()
        context.push()
        try:
            yield
        finally:
            context.pop()
    except cuda.Error as exc:
        raise error(f"{what}: {' '.join(str(exc).split())}; {RUN_REMEDY}") from exc


class Stream:
    """An order of work on the device; made, used and freed inside `on_gpu`."""

    def __init__(self) -> None:
        self.queue: Any = driver().Stream()

    @property
    def handle(self) -> int:
        """Its address, as TensorRT wants it."""
        return int(self.queue.handle)

    def wait(self) -> None:
        """Until all that was queued is done; other threads run meanwhile."""
        self.queue.synchronize()


class Buffer:
    """A tensor in page-locked host memory and in device memory; used inside `on_gpu`.

    Args:
        n_items: Most items it holds.
        dtype: Of an item.
    """

    def __init__(self, n_items: int, dtype: np.dtype[Any]) -> None:
        cuda = driver()
        self.n_items = n_items
        self._host: Any = cuda.pagelocked_empty(n_items, dtype)
        try:
            self._device: Any = cuda.mem_alloc(self._host.nbytes)
        except BaseException:
            self._host.base.free()
            raise

    @property
    def address(self) -> int:
        """Where it begins on the device."""
        return int(self._device)

    def upload(self, values: Sequence[Tensor], stream: Stream) -> None:
        """Queue the copy of values, one after the other, converted to this buffer's dtype."""
        end = 0
        for value in values:
            begin, end = end, end + value.size
            np.copyto(self._host[begin:end].reshape(value.shape), value, casting="unsafe")
        driver().memcpy_htod_async(self._device, self._host[:end], stream.queue)

    def download(self, shape: tuple[int, ...], stream: Stream) -> Tensor:
        """Queue the copy to the host; valid after `stream.wait`, until the next run."""
        staged = self._host[: int(np.prod(shape))]
        driver().memcpy_dtoh_async(staged, self._device, stream.queue)
        shaped: Tensor = staged.reshape(shape)
        return shaped

    def free(self) -> None:
        """Give both memories back; not to be used again."""
        self._device.free()
        self._host.base.free()


class PlaneKernel:
    """Frames to tensors on the device; made and used inside `on_gpu`.

    Args:
        spec: What the network wants.
        is_half: The tensor is float16; else float32.
        cache: Folder for the compiled kernel; made if need be.

    Raises:
        MissingDependency: The kernel is not compiled yet and there is no nvcc.
    """

    def __init__(self, spec: Input, cache: Path, *, is_half: bool) -> None:
        self._spec = spec
        self._module = driver().module_from_buffer(compiled(gpu().capability, cache))
        name = "planes_to_half" if is_half else "planes_to_float"
        self._function: Any = self._module.get_function(name)
        width, height = spec.size_wh
        self._tensor_bytes = 3 * width * height * (2 if is_half else 4)
        self._staging: Buffer | None = None

    def launch(self, planes: Planes, tensor: int, stream: Stream) -> None:
        """Queue the making of one tensor.

        Args:
            planes: A frame on the device, as a hardware decoder left it.
            tensor: Address of (3, H, W) in network size; a row of the engine's input.
            stream: Where it takes its turn.
        """
        record = job(planes, self._spec, tensor)
        self._function(record, block=(*BLOCK, 1), grid=grid(self._spec), stream=stream.queue)

    def upload(self, frames: Sequence[Frame], tensor: int, stream: Stream) -> None:
        """Queue the copy of frames from the processor, and the making of their tensors.

        The staging memory is reused: wait for `stream` before the next frames.

        Args:
            frames: Of any sizes; at least one.
            tensor: Address of the first tensor; the others follow it without gaps.
            stream: Where it takes its turn.
        """
        parts = [plane for frame in frames for plane in (frame.y, frame.u, frame.v)]
        n_bytes = sum(plane.size for plane in parts)
        if self._staging is None or n_bytes > self._staging.n_items:
            self.free()
            self._staging = Buffer(n_bytes, np.dtype(np.uint8))
        self._staging.upload(parts, stream)
        start = self._staging.address
        for frame in frames:
            self.launch(Planes.i420(start, frame.size_wh, frame.colour), tensor, stream)
            start += frame.y.size + frame.u.size + frame.v.size
            tensor += self._tensor_bytes

    def free(self) -> None:
        """Give the staging memory back; safe to call twice."""
        if self._staging is not None:
            self._staging.free()
            self._staging = None


def compiled(capability: tuple[int, int], cache: Path) -> bytes:
    """The kernel for one kind of device; compiled by nvcc once, then read from `cache`.

    Raises:
        MissingDependency: nvcc is not there, or refuses the source.
    """
    cuda = driver()
    from pycuda.compiler import compile as nvcc_compile

    cache.mkdir(parents=True, exist_ok=True)
    try:
        cubin: bytes = nvcc_compile(
            SOURCE.read_text(encoding="utf-8"),
            nvcc=shutil.which("nvcc") or NVCC,
            options=list(FLAGS),
            no_extern_c=True,  # templates cannot have C linkage
            arch="sm_{}{}".format(*capability),
            cache_dir=str(cache),
        )
    except (OSError, cuda.CompileError) as exc:
        raise MissingDependency(
            f"{SOURCE.name} cannot be compiled by nvcc ({' '.join(str(exc).split())}); install "
            "the CUDA compiler, such as `apt-get install cuda-nvcc-12-6` on JetPack 6.1"
        ) from exc
    return cubin

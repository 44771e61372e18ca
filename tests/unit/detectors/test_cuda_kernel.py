"""The CUDA kernel: its own source, compiled for the processor, against the NumPy definition.

This proves the arithmetic and the addresses. That a device runs it too is tried where there is
one, and that its compiler takes the source is tried where there is nvcc.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.detectors._card import Input
from edge.detectors._cuda import Buffer, PlaneKernel, Stream, gpu, on_gpu
from edge.detectors._planes import (
    BLOCK,
    DTYPE,
    FLAGS,
    LEVELS,
    SOURCE,
    Planes,
    grid,
    is_same,
    job,
)
from edge.detectors._preprocess import to_tensor
from edge.errors import MissingDependency, ModelError
from edge.frame import Colour, Frame
from tests.unit.detectors.tiny_model import stamp

ON_HOST = Path(__file__).with_name("cuda_on_host")

IMAGENET = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SENTINEL = 0x7B

Layout = Literal["i420", "nv12"]
Kernel = Callable[[Frame, Input, Layout, type], NDArray[Any]]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """The kernel's source as a function of the processor."""
    if shutil.which("g++") is None:
        pytest.skip("needs a C++ compiler: apt-get install g++")
    library = tmp_path_factory.mktemp("kernel") / "planes.so"
    subprocess.run(
        ["g++", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
         f"-I{ON_HOST}", f"-I{SOURCE.parent}", "-o", library, ON_HOST / "planes.cpp"],
        check=True,
    )  # fmt: skip
    loaded = ctypes.CDLL(str(library))
    assert loaded.job_bytes() == DTYPE.itemsize

    def run(frame: Frame, spec: Input, layout: Layout, dtype: type) -> NDArray[Any]:
        memory, planes = laid_out(frame, layout)
        width, height = spec.size_wh
        # What lies before and behind the tensor must stay as it is.
        guarded: NDArray[Any] = np.zeros((3, 3, height, width), dtype)
        guarded.view(np.uint8)[:] = SENTINEL
        record = np.array(job(planes, spec, guarded[1].ctypes.data))
        at = ctypes.c_void_p(record.ctypes.data)
        loaded.run(at, int(dtype is np.float16), *grid(spec), *BLOCK)
        assert (guarded[::2].view(np.uint8) == SENTINEL).all()
        assert memory.size  # kept until here: the kernel was given its address
        tensor: NDArray[Any] = guarded[1]
        return tensor

    return run


def laid_out(frame: Frame, layout: Layout) -> tuple[NDArray[np.uint8], Planes]:
    """A frame in memory: packed I420, or NV12 with rows that are longer than the picture."""
    if layout == "i420":
        memory = np.concatenate([plane.ravel() for plane in (frame.y, frame.u, frame.v)])
        return memory, Planes.i420(memory.ctypes.data, frame.size_wh, frame.colour)
    (width, height), (high, wide) = frame.size_wh, frame.u.shape
    pitch = -(-width // 64) * 64 + 64
    memory = np.full((height + high, pitch), SENTINEL, np.uint8)
    memory[:height, :width] = frame.y
    memory[height:, 0 : 2 * wide : 2] = frame.u
    memory[height:, 1 : 2 * wide : 2] = frame.v
    start = memory.ctypes.data
    return memory, Planes.nv12(start, start + height * pitch, pitch, frame.size_wh, frame.colour)


def noise(size_wh: tuple[int, int], colour: Colour, seed: int = 0) -> Frame:
    """The hardest picture for an interpolation: every pixel unlike its neighbours."""
    (width, height), generator = size_wh, np.random.default_rng(seed)
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (generator.integers(0, 256, s, np.uint8) for s in ((height, width), half, half))
    return Frame(stamp(), y, u, v, colour)


def spec(size_wh: tuple[int, int], **changes: object) -> Input:
    told = {"colour_order": "rgb", "letterbox": "top_left", "pad": 114, **changes}
    return Input.model_validate({"size_wh": size_wh, **told})


def check(got: NDArray[Any], frame: Frame, wanted: Input) -> None:
    """Compare with the definition, to `LEVELS` and to the last bit of the tensor's own type."""
    assert is_same(got[None], to_tensor(frame, wanted)[0], wanted)


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("is_full_range", [False, True])
@pytest.mark.parametrize("layout", ["i420", "nv12"])
@pytest.mark.parametrize("size_wh", [(1920, 1080), (641, 479)])
def test_it_makes_the_tensor_the_definition_makes(
    kernel: Kernel, size_wh: tuple[int, int], layout: Layout, matrix: str, is_full_range: bool
) -> None:
    """Both layouts, each matrix and range, as a camera sends it and with odd sides."""
    frame = noise(size_wh, Colour(matrix, is_full_range))
    wanted = spec((416, 416))
    check(kernel(frame, wanted, layout, np.float32), frame, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    "changes",
    [
        {"letterbox": "stretch"},
        {"colour_order": "bgr"},
        {"scale": 1 / 255, "pad": 0},
        IMAGENET,
        {"mean": (104, 117, 123), "letterbox": "stretch"},
    ],
)
def test_it_does_what_a_card_says(kernel: Kernel, changes: dict[str, Any], dtype: type) -> None:
    """Order of colours, padding, scale, mean and deviation, in both precisions."""
    frame, wanted = noise((1280, 720), Colour()), spec((320, 256), **changes)
    check(kernel(frame, wanted, "nv12", dtype), frame, wanted)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from(["top_left", "stretch"]),
    st.sampled_from(["i420", "nv12"]),
)
def test_any_size_becomes_any_size(
    kernel: Kernel, size: tuple[int, int], network: tuple[int, int], fit: str, layout: Layout
) -> None:
    """Larger or smaller, down to one pixel; nothing is written beside the tensor."""
    frame, wanted = noise(size, Colour()), spec(network, letterbox=fit)
    expected = to_tensor(frame, wanted)[0][0]
    got = kernel(frame, wanted, layout, np.float32)
    assert np.abs(got - expected).max() <= LEVELS


def test_half_precision_is_rounded_as_numpy_rounds(kernel: Kernel) -> None:
    """The whole range a card can ask for: what is too small to be normal, and what is too large."""
    frame = noise((64, 64), Colour(is_full_range=True))
    for scale in (1e-9, 1e-7, 1e-5, 1, 250, 300, 1e4):
        wanted = spec((64, 64), scale=scale)
        full, half = (kernel(frame, wanted, "i420", kind) for kind in (np.float32, np.float16))
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(half, full.astype(np.float16))


@pytest.mark.parametrize("architecture", ["sm_87", "sm_90", "sm_110"])
def test_nvcc_takes_it(tmp_path: Path, architecture: str) -> None:
    """Orin, Hopper and Thor; a warning is an error."""
    if shutil.which("nvcc") is None:
        pytest.skip("needs NVIDIA's compiler: install the CUDA toolkit")
    cubin = tmp_path / "planes.cubin"
    done = subprocess.run(
        ["nvcc", "-cubin", f"-arch={architecture}", *FLAGS, "-Werror", "all-warnings",
         "-o", cubin, SOURCE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if f"'{architecture}'" in done.stderr:
        pytest.skip(f"this nvcc does not know {architecture}: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    for name in (b"planes_to_float", b"planes_to_half"):
        assert name in cubin.read_bytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_device_makes_the_same_tensor(tmp_path: Path, dtype: type) -> None:
    """The real thing, where there is one: upload, launch, download."""
    try:
        gpu()
    except MissingDependency as exc:
        pytest.skip(f"no GPU to run it on: {exc}")
    wanted = spec((416, 320), **IMAGENET)
    width, height = wanted.size_wh
    with on_gpu(ModelError, "test"):
        stream, tensor = Stream(), Buffer(3 * width * height, np.dtype(dtype))
        planes = PlaneKernel(wanted, tmp_path, is_half=dtype is np.float16)
        for size_wh in ((640, 480), (1920, 1080), (33, 17)):
            frame = noise(size_wh, Colour())
            planes.upload([frame], tensor.address, stream)
            got = tensor.download((3, height, width), stream)
            stream.wait()
            check(got, frame, wanted)
        planes.free()
        tensor.free()

"""Planes: what the CUDA kernel in `_planes.cu` is told about one frame. Pure.

The kernel does on the device what `_preprocess.to_tensor` does on the processor, with the same
weights and the same rounding, so that a box gives one answer whichever made the tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.detectors._card import Input
from edge.detectors._preprocess import Letterbox, Size, colour_matrix
from edge.frame import Colour, Frame, Stamp

SOURCE = Path(__file__).with_name("_planes.cu")

FLAGS = ("-fmad=false",)
"""A fused multiply-add rounds once where the processor rounds twice."""

BLOCK = (32, 8)
"""Threads of one block: a warp reads neighbours of one row. Not tuned on a Jetson."""

COLOUR_ONE = 1024
"""OpenCV makes 8-bit colour with weights of 10 bits; measured equal in every pixel (5.0, x86)."""

LEVELS = 1
"""Most by which a channel of 0..255 may differ. OpenCV 5.0 on x86: no pixel differs at all; a build
of OpenCV without the integer path for colour rounds 2 or 3 of a hundred pixels the other way."""

MOST_OFF = 0.05
"""Share of pixels that may differ at all."""

DTYPE = np.dtype(
    [
        ("y", np.uintp),
        ("u", np.uintp),
        ("v", np.uintp),
        ("tensor", np.uintp),
        ("luma_xy", np.float64, 2),
        ("chroma_xy", np.float64, 2),
        ("size_wh", np.int32, 2),
        ("y_pitch", np.int32),
        ("uv_pitch", np.int32),
        ("uv_step", np.int32),
        ("picture_wh", np.int32, 2),
        ("network_wh", np.int32, 2),
        ("colour", np.int32, (3, 4)),
        ("scale", np.float32, 3),
        ("shift", np.float32, 3),
        ("pad", np.float32),
    ],
    align=True,
)
"""`struct Job` of the kernel, field by field."""


@dataclass(frozen=True, slots=True)
class Planes:
    """Where the planes of one frame lie in the device's memory.

    Attributes:
        y: Address of the luma.
        u: Address of the first blue difference.
        v: Address of the first red difference.
        y_pitch: Bytes from one luma row to the next.
        uv_pitch: Bytes from one chroma row to the next.
        uv_step: Bytes from one chroma sample to the next: 1 for I420, 2 for NV12.
        size_wh: Luma width and height, in pixels.
        colour: Matrix and range.
    """

    y: int
    u: int
    v: int
    y_pitch: int
    uv_pitch: int
    uv_step: int
    size_wh: Size
    colour: Colour

    @classmethod
    def nv12(cls, y: int, uv: int, pitch: int, size_wh: Size, colour: Colour) -> Planes:
        """Luma, and one plane of blue and red in turn, as a hardware decoder leaves them."""
        return cls(y, uv, uv + 1, pitch, pitch, 2, size_wh, colour)

    @classmethod
    def i420(cls, start: int, size_wh: Size, colour: Colour) -> Planes:
        """Luma, blue and red one after the other without gaps, as a frame is uploaded."""
        (width, height), (wide, high) = size_wh, ((n + 1) // 2 for n in size_wh)
        u = start + width * height
        return cls(start, u, u + wide * high, width, wide, 1, size_wh, colour)


def job(planes: Planes, spec: Input, tensor: int) -> np.void:
    """Describe one launch of the kernel.

    Args:
        planes: The frame.
        spec: What the network wants.
        tensor: Address of a (3, H, W) float32 or float16 tensor in network size.

    Returns:
        One record of `DTYPE`, passed to the kernel by value.
    """
    picture_wh = Letterbox.fit(planes.size_wh, spec.size_wh, spec.letterbox).picture_wh
    chroma_wh = tuple((n + 1) // 2 for n in planes.size_wh)
    matrix = colour_matrix(planes.colour, spec.colour_order)
    std = np.array(spec.std, np.float32)
    record = np.zeros((), DTYPE)
    for name in ("y", "u", "v", "y_pitch", "uv_pitch", "uv_step", "size_wh"):
        record[name] = getattr(planes, name)
    record["tensor"] = tensor
    # Inverted twice, as OpenCV does: 1 / (416 / 1920) is not 1920 / 416 in the last bit.
    for name, source_wh in (("luma_xy", planes.size_wh), ("chroma_xy", chroma_wh)):
        record[name] = [1 / (to / of) for to, of in zip(picture_wh, source_wh, strict=True)]
    record["picture_wh"], record["network_wh"] = picture_wh, spec.size_wh
    record["colour"][:, :3] = np.rint(matrix[:, :3] * COLOUR_ONE)
    record["colour"][:, 3] = np.rint((matrix[:, 3] + 0.5) * COLOUR_ONE)
    record["scale"] = np.float32(spec.scale) / std
    record["shift"] = -np.array(spec.mean, np.float32) / std
    record["pad"] = spec.pad
    whole: Any = record[()]
    assert isinstance(whole, np.void)
    return whole


def is_same(got: NDArray[Any], expected: NDArray[np.float32], spec: Input) -> bool:
    """Whether the kernel's tensor is the definition's.

    Args:
        got: (N, 3, H, W) float32 or float16, as the kernel made it.
        expected: What `_preprocess.to_tensor` made of the same frames.
        spec: What the network wants.
    """
    level = LEVELS * spec.scale / np.array(spec.std, np.float64).reshape(3, 1, 1)
    rounding = np.spacing(np.abs(expected).astype(got.dtype)).astype(np.float64)
    off = np.abs(got.astype(np.float64) - expected) - rounding
    return bool((off <= level).all() and (off > 0).mean() < MOST_OFF)


def noise_frame(size_wh: Size) -> Frame:
    """A picture of noise, always the same, to compare what is made of it."""
    (width, height), numbers = size_wh, np.random.default_rng(0)
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (numbers.integers(0, 256, size, np.uint8) for size in ((height, width), half, half))
    return Frame(Stamp("none", 0, 0.0, datetime(2026, 1, 1, tzinfo=timezone.utc), 0), y, u, v)


def grid(spec: Input) -> Size:
    """Blocks across and down that cover the network's picture."""
    (width, height), (across, down) = spec.size_wh, BLOCK
    return -(-width // across), -(-height // down)

"""Heads: a family's output tensors to boxes. One file per family; the file's name is the family.

Boundary: the only place that knows how a family of networks writes its answer. Pure NumPy; a head
knows no backend and no frame: boxes are in pixels of the network's input.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

from numpy.typing import NDArray

from edge.detections import Boxes, Floats, Ints
from edge.errors import ModelMismatch

Shape: TypeAlias = tuple[int | str, ...]
"""Axes: a number is that size, a word any size that is the same wherever the word stands."""


class Candidates(NamedTuple):
    """What a head read; N may be 0.

    Attributes:
        xyxy: (N, 4) float32, pixels of the network's input; may reach outside it.
        confidence: (N,) float32 in [0, 1], highest first.
        class_id: (N,) int32.
    """

    xyxy: Boxes
    confidence: Floats
    class_id: Ints


class Head(Protocol):
    """Reads one model's outputs."""

    ROLES: ClassVar[tuple[str, ...]]
    """The parts its output tensors play; a card names the tensor of each."""

    def __init__(self, size_wh: tuple[int, int], n_labels: int) -> None:
        """Prepare for a network of this input size and number of classes."""

    @property
    def shapes(self) -> dict[str, Shape]:
        """What each part must look like."""

    def decode(self, outputs: Mapping[str, NDArray[Any]], min_confidence: float) -> Candidates:
        """Read the first picture of a batch.

        Args:
            outputs: By role, shaped as in `shapes`.
            min_confidence: Boxes below this are left out, in [0, 1].

        Raises:
            DetectorStalled: The network answered with something that is not a detection (NaN, or
                a class it has no label for): a broken engine, not an empty scene.
        """


@cache
def families() -> tuple[str, ...]:
    """Names of the families there is a head for, in alphabetical order."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__)))


def head_class(family: str) -> type[Head]:
    """The head of one family; `family` is one of `families()`."""
    found: type[Head] = importlib.import_module(f"{__name__}.{family}").Head
    return found


def roles(family: str) -> tuple[str, ...]:
    """The parts a family's output tensors play."""
    return head_class(family).ROLES


def check_shapes(wanted: Mapping[str, Shape], got: Mapping[str, tuple[int, ...]]) -> None:
    """Check output tensors against what a head reads.

    Args:
        wanted: Shape by role.
        got: Shape by role; a role may be absent.

    Raises:
        ModelMismatch: A tensor is absent or shaped otherwise; the text says expected and got.
    """
    sizes: dict[str, int] = {}
    for role, shape in wanted.items():
        actual = got.get(role, ())
        fits = len(actual) == len(shape) and all(
            size == (axis if isinstance(axis, int) else sizes.setdefault(axis, size))
            for axis, size in zip(shape, actual, strict=True)
        )
        if not fits:
            raise ModelMismatch(f"expected {_listed(wanted)}; got {_listed(got)}")


def _listed(shapes: Mapping[str, tuple[Any, ...]]) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, s))})" for name, s in shapes.items()) or "none"

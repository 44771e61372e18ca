"""Heads: a family's output tensors to boxes. One file per family; the file's name is the family.

A family may be exported in several layouts. Each is a class in the file's `LAYOUTS`, and a card
chooses one by the parts its output tensors play.

Boundary: the only place that knows how a family of networks writes its answer. Pure NumPy; a head
knows no backend and no frame: boxes are in pixels of the network's input.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.detections import Boxes, Floats, Ints
from edge.errors import DetectorStalled, ModelMismatch

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
    """Reads one model's outputs, in one layout."""

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


def layouts(family: str) -> tuple[type[Head], ...]:
    """The layouts one family is exported in; `family` is one of `families()`."""
    found: tuple[type[Head], ...] = importlib.import_module(f"{__name__}.{family}").LAYOUTS
    return found


def head_class(family: str, roles: Iterable[str]) -> type[Head]:
    """The head that reads a family's outputs.

    Args:
        family: One of `families()`.
        roles: The parts the output tensors play, in any order.

    Raises:
        ModelMismatch: The family has no such layout; the text names those it has.
    """
    got = sorted(roles)
    for layout in layouts(family):
        if sorted(layout.ROLES) == got:
            return layout
    wanted = " or ".join(", ".join(layout.ROLES) for layout in layouts(family))
    raise ModelMismatch(f"head {family} reads {wanted}; the card names {', '.join(got) or 'none'}")


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


def check_numbers(values: NDArray[Any], what: str) -> None:
    """See that a network answered with numbers.

    Raises:
        DetectorStalled: There is NaN or infinity among the values.
    """
    if not np.isfinite(values).all():
        raise DetectorStalled(f"the network answered with {what} that are not numbers")


def check_classes(class_id: NDArray[Any], n_labels: int) -> None:
    """See that there is a label for each class.

    Raises:
        DetectorStalled: There is none for one of them.
    """
    strange = class_id[(class_id < 0) | (class_id >= n_labels)]
    if len(strange):
        raise DetectorStalled(
            f"the network answered with class {strange[0]:g}, the card has {n_labels} labels"
        )

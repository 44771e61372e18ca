"""Delivery: how evidence leaves the box. One file per kind of other side.

Boundary: a kind brings one parcel to the other side whole, goes on where an earlier attempt was
cut, and proves by hash that what lies there is what was sent. It asks the other side how far it
got, so nothing need be remembered here. It tries once: `edge.evidence.courier` tries again.
"""

from __future__ import annotations

import hashlib
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from edge.errors import DeliveryFailed
from edge.evidence.sidecar import Media
from edge.options import Options


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file to send.

    Attributes:
        name: Its path on the other side, `/` between levels.
        size: Its length in bytes.
        sha256: Hex digest of its content.
        read: Gives its content from an offset on, in pieces of at most 64 KiB.
    """

    name: str
    size: int
    sha256: str
    read: Callable[[int], Iterator[bytes]]


class Pace:
    """Keeps a transfer below a rate; on average over a second.

    Args:
        bytes_per_s: The rate; None for as fast as it goes.
        now: Monotonic seconds.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        bytes_per_s: float | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_s
        self._now, self._sleep = now, sleep
        self._free_at = 0.0

    def take(self, n_bytes: int) -> None:
        """Wait until so many bytes may go."""
        if self._rate is None:
            return
        now = self._now()
        # What was not used in the last second is still there; more is not saved up.
        self._free_at = max(self._free_at, now - 1.0) + n_bytes / self._rate
        if self._free_at > now:
            self._sleep(self._free_at - now)


class Delivery(Protocol):
    """The way to one other side."""

    place: str
    """Where that is, for people; without a secret."""

    def send(self, parcel: Parcel, pace: Pace) -> None:
        """Bring a parcel there; at the end it lies there whole, under its name, hash compared.

        Raises:
            DeliveryFailed: It does not; what got there is gone on with the next time.
            MissingDependency: The library is not installed.
        """

    def close(self) -> None:
        """Let go of the link; safe to call twice."""


def read_back(
    place: str, parcel: Parcel, content: Iterable[bytes], remove: Callable[[], object]
) -> None:
    """Compare what lies on the other side with what was sent.

    Args:
        place: Where that is, for people.
        parcel: What was sent.
        content: What lies there.
        remove: Deletes it there.

    Raises:
        DeliveryFailed: It is another; it was deleted there.
    """
    digest = hashlib.sha256()
    for chunk in content:
        digest.update(chunk)
    if digest.hexdigest() != parcel.sha256:
        remove()
        raise DeliveryFailed(
            f"{place}: {parcel.name} arrived changed: SHA-256 {digest.hexdigest()}, "
            f"expected {parcel.sha256}; it was deleted there and is sent again"
        )


class DeliveryOptions(Options):
    """What all kinds of other side have in common."""

    kind: str
    when: Annotated[
        Literal["always", "held", "command"],
        Field(
            description="What goes by itself: all evidence, what is on legal hold, or nothing "
            "until `edge evidence send` says so.",
            examples=["always"],
        ),
    ] = "always"
    media: Annotated[
        tuple[Media, ...],
        Field(min_length=1, description="Kinds of evidence that go.", examples=[["clip"]]),
    ] = ("clip", "snapshot", "clean")
    max_mbit: Annotated[
        float | None,
        Field(
            gt=0,
            le=100_000,
            description="Most of the link it takes, in Mbit/s; events go beside it.",
            examples=[2],
        ),
    ] = None

    @abstractmethod
    def open(self) -> Delivery:
        """The way there; nothing is connected yet."""

    @property
    def pace(self) -> Pace:
        """A pace of its rate."""
        return Pace(self.max_mbit * 125_000 if self.max_mbit else None)

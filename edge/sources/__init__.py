"""Sources: where packets come from. One file per kind; a source never retries.

Boundary: everything network or file about video enters here, through PyAV. A source runs until
it fails and raises why; `edge.runtime.camera` is the one place that tries again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol

from edge.options import Options
from edge.packet import Packet, Stream


class Source(Protocol):
    """An opened stream."""

    @property
    def stream(self) -> Stream:
        """What the decoder must know; fixed for the life of the source."""

    @property
    def is_live(self) -> bool:
        """Packets arrive whether or not anyone is ready; a recording waits instead."""

    @property
    def clock_doubt(self) -> str:
        """Why the times of its packets are in doubt; empty where they are not."""

    def packets(self) -> Iterator[Packet]:
        """Yield packets in decoding order until the recording ends.

        Raises:
            SourceLost: The stream broke, stalled or (where it is live) ended.
            SourceUnsupported: What arrives cannot be used.
        """

    def close(self) -> None:
        """Let go of the connection; safe to call twice, and from another thread."""


class SourceOptions(Options):
    """What every kind of source can be told."""

    @abstractmethod
    def open(self, *, timeout_s: float = 5.0, not_before: float = 0.0) -> Source:
        """Connect and read the stream's description.

        Args:
            timeout_s: Longest wait for an answer, and later for each packet.
            not_before: Stream time that earlier connections reached; a live source goes on
                after it.

        Raises:
            SourceLost: No answer, or no such file.
            SourceRefused: The camera refused the credentials or the path.
            SourceUnsupported: No video in it, or a codec nothing here decodes.
        """

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it comes from, fit for a log: never holds a password."""

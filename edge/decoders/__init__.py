"""Decoders: packets to frames, on demand. One file per kind.

Boundary: the only room that turns coded bytes into pixels. A decoder is owned by one thread.

Damage never shows. A picture that is broken, or predicted from one that is broken or was lost, is
not handed on: the next one comes from the next keyframe. What that costs is counted.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from edge.frame import Colour, Frame, Plane, Stamp
from edge.options import Options
from edge.packet import Packet, Stream


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Decoded planes with their packet's times; becomes a frame once somebody wants it.

    Attributes:
        packet: Where it comes from.
        y: (H, W) uint8 luma.
        u: (ceil(H/2), ceil(W/2)) uint8.
        v: (ceil(H/2), ceil(W/2)) uint8.
        colour: Matrix and range.
    """

    packet: Packet
    y: Plane
    u: Plane
    v: Plane
    colour: Colour

    def frame(self, camera: str, index: int) -> Frame:
        """The frame a camera analyses as its number `index`."""
        stamp = Stamp(camera, index, self.packet.pts, self.packet.captured_at, self.packet.clock_ms)
        return Frame(stamp, self.y, self.u, self.v, self.colour)


class Decoder(Protocol):
    """Holds the state of one coded stream."""

    def decode(self, packet: Packet) -> list[Picture]:
        """Feed one packet.

        Args:
            packet: The next packet in decoding order, or a keyframe after `reset`.

        Returns:
            Pictures that became ready, in order of `pts`; often one, none while it waits for
            references, or for a keyframe after damage (counted in `n_corrupt`, `n_withheld`).

        Raises:
            SourceError, MissingDependency: A decoder that failed cannot be built again.
        """

    def flush(self) -> list[Picture]:
        """Give what is still inside, and forget references; the next packet is a keyframe."""

    def reset(self) -> None:
        """Forget references and what is inside, before jumping to another keyframe."""

    @property
    def n_corrupt(self) -> int:
        """Packets found damaged, and pictures found missing, since the start."""

    @property
    def n_withheld(self) -> int:
        """Packets, whole in themselves, that show nothing: what they are predicted from is broken.

        Includes those before the first keyframe; not those a `reset` forgot on purpose.
        """

    def close(self) -> None:
        """Release the codec; safe to call twice."""


class DecoderOptions(Options):
    """What every kind of decoder can be told."""

    @abstractmethod
    def open(self, stream: Stream) -> Decoder:
        """A decoder for one connection.

        Args:
            stream: What it will be fed.

        Raises:
            SourceUnsupported: This kind cannot decode such a stream.
            SourceLost: It could, and the hardware does not answer any more.
            MissingDependency: What this kind runs on is not installed.
        """

"""Decoders: packets to frames, on demand. One file per kind.

Boundary: the only room that turns coded bytes into pixels. A decoder is owned by one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.frame import Colour, Frame, Plane, Stamp
from edge.packet import Packet


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
            references or after a packet it had to discard (counted in `n_corrupt`).
        """

    def flush(self) -> list[Picture]:
        """Give what is still inside, at the end of a recording."""

    def reset(self) -> None:
        """Forget references, before jumping to another keyframe."""

    @property
    def n_corrupt(self) -> int:
        """Packets that could not be decoded since the start."""

    def close(self) -> None:
        """Release the codec; safe to call twice."""

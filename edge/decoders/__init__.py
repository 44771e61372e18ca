"""Decoders: packets to frames, on demand. One file per kind.

Boundary: the only room that turns coded bytes into pixels. A decoder is owned by one thread.
"""

from __future__ import annotations

from typing import Protocol

from edge.frame import Colour, Plane
from edge.packet import Packet


class Picture(Protocol):
    """Decoded planes that have no stamp yet; the pipeline gives one to those it wants."""

    pts: float
    y: Plane
    u: Plane
    v: Plane
    colour: Colour


class Decoder(Protocol):
    """Holds the state of one coded stream."""

    def decode(self, packet: Packet, *, want: bool = True) -> list[Picture]:
        """Feed one packet.

        Args:
            packet: The next packet in decoding order, or a keyframe to start anew from.
            want: Whether its picture will be looked at; False lets the decoder skip the copy.

        Returns:
            Pictures that became ready, in order of `pts`; often one, empty while it waits or
            after a packet it had to discard (counted in `corrupt`).
        """

    def flush(self) -> list[Picture]:
        """Give what is still inside, at the end of a recording."""

    def reset(self) -> None:
        """Forget references, before jumping to another keyframe."""

    @property
    def corrupt(self) -> int:
        """Packets that could not be decoded since the start."""

    def close(self) -> None:
        """Release the codec; safe to call twice."""

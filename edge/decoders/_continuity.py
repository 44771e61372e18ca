"""Continuity: which packets may be decoded, and which pictures are whole. Pure.

The rule every kind of decoder keeps: after damage or a loss no picture is handed on until the next
keyframe, because all of them would be predicted from what is broken. It also remembers which
packets are inside the decoder, so that each picture gets its packet's times back and each packet
that never became a picture is counted.
"""

from __future__ import annotations

from edge.decoders._frame_numbers import FrameNumbers
from edge.packet import Packet, Stream

MOST_INSIDE = 64
"""Packets that may wait for their picture: twice what 16 references and 16 threads can hold."""


class Continuity:
    """Bookkeeping of one decoder.

    Attributes:
        n_corrupt: Packets found damaged, and reference pictures found missing.
        n_withheld: Packets, whole in themselves, that show nothing: predicted from something
            damaged or missing, or before the first keyframe.
    """

    def __init__(self, stream: Stream) -> None:
        self.n_corrupt = 0
        self.n_withheld = 0
        self._numbers = FrameNumbers(stream.extradata) if stream.codec == "h264" else None
        self._inside: dict[int, tuple[int, Packet]] = {}  # by key: place in decoding order, packet
        self._n_fed = 0
        self._damaged_from: int | None = None  # place from which on nothing is whole
        self._keyframe = 0  # place of the newest one
        self._needs_keyframe = True

    @property
    def n_inside(self) -> int:
        """Packets fed that have not come out yet."""
        return len(self._inside)

    @property
    def is_damaged(self) -> bool:
        """Damage was found, no keyframe came since, and `break_off` was not yet called."""
        return self._damaged_from is not None and self._keyframe <= self._damaged_from

    def is_loss_before(self, packet: Packet) -> bool:
        """Whether pictures this packet is predicted from never came; they are counted.

        Ask once for each packet, before `admits`.
        """
        n_lost = self._numbers.n_lost_before(packet.data) if self._numbers else 0
        if self._needs_keyframe:
            return False
        self.n_corrupt += n_lost
        return n_lost > 0

    def admits(self, packet: Packet) -> bool:
        """Note a packet about to be decoded.

        Returns:
            False where it must not be: empty, or predicted from something broken.
        """
        if not packet.data:  # means "flush" to FFmpeg
            self.n_corrupt += 1
            return False
        if self._needs_keyframe and not packet.is_keyframe:
            self.n_withheld += 1
            return False
        if packet.is_keyframe:
            self._needs_keyframe, self._keyframe = False, self._n_fed
        self.n_withheld += key(packet) in self._inside  # two of the same time: one picture
        self._inside[key(packet)] = (self._n_fed, packet)
        self._n_fed += 1
        if len(self._inside) > MOST_INSIDE:
            self._inside.pop(min(self._inside))
            self.n_withheld += 1
        return True

    def take(self, number: int | None, *, is_corrupt: bool) -> Packet | None:
        """The packet of a picture that came out.

        Pictures come out in order of `pts`: packets inside with a smaller one never will, and
        are counted as withheld.

        Args:
            number: `key` of the packet, as the decoder carried it through.
            is_corrupt: The decoder itself doubts the picture.

        Returns:
            None where the picture is not to be shown.
        """
        if number is None or number not in self._inside:
            return None
        for passed in [inside for inside in self._inside if inside < number]:
            del self._inside[passed]
            self.n_withheld += 1
        place, packet = self._inside.pop(number)
        if self._is_broken(place):
            self.n_withheld += 1
            return None
        if is_corrupt:
            self.n_corrupt += 1
            self._damaged_from = place
            return None
        return packet if packet.is_shown else None

    def damaged(self, packet: Packet) -> None:
        """The decoder refused the packet just admitted."""
        self.n_corrupt += 1
        self._damaged_from = self._n_fed - 1
        self._inside.pop(key(packet), None)

    def _is_broken(self, place: int) -> bool:
        damaged = self._damaged_from
        return damaged is not None and damaged <= place and not damaged < self._keyframe <= place

    def break_off(self) -> None:
        """Nothing more can be predicted until a keyframe; what is still inside shows nothing."""
        self.n_withheld += len(self._inside)
        self.reset()

    def reset(self) -> None:
        """Forget everything on purpose: nothing of it is counted."""
        self._inside.clear()
        self._damaged_from = None
        self._needs_keyframe = True
        if self._numbers:
            self._numbers.forget()


def key(packet: Packet) -> int:
    """What a decoder carries through: microseconds, unique at any frame rate."""
    return round(packet.pts * 1e6)

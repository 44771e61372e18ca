"""Ring: the last seconds of a connection's packets, from which everything else draws.

One reader appends; the watcher takes packets in order at its own pace; evidence cuts clips from
the same packets. Bounded in seconds and in bytes, by whole GOPs, so that what is kept can always
be decoded from its first packet. One ring a connection: a new one may have another codec or size.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice

from edge.packet import Packet

LOSSLESS_AHEAD = 64
"""Packets a recording may be read ahead of its watcher: about two seconds of video."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Packets read without being taken.

    Attributes:
        packets: In decoding order; empty where none has come yet.
        n_missed: Packets before them that are not kept any more; if any, they begin at a keyframe.
        is_last: The ring is closed and nothing comes after them.
    """

    packets: tuple[Packet, ...]
    n_missed: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """One packet handed out.

    Attributes:
        packet: The packet.
        n_skipped: Packets passed over since the one before; if any, the decoder starts anew.
    """

    packet: Packet
    n_skipped: int


class Ring:
    """Thread-safe for one appending and one taking thread; any may read.

    Args:
        seconds: How much to keep; rounded up to whole GOPs.
        max_bytes: Upper bound of the coded bytes kept; wins over `seconds`.
        is_lossless: `append` waits for the taker instead of letting it fall behind, for
            recordings that are read faster than real time.
    """

    def __init__(self, *, seconds: float, max_bytes: int, is_lossless: bool = False) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._is_lossless = is_lossless
        self._packets: deque[Packet] = deque()
        self._keyframes: deque[int] = deque()  # numbers of the keyframes kept
        self._first = 0  # number of the packet at the left end; numbers never repeat
        self._next = 0  # number of the packet the taker gets next
        self._n_bytes = 0
        self._n_headless = 0
        self._is_closed = False
        self._wanted = 1  # packets the taker waits for
        self._is_handing_out = False  # what it has waited for
        self._changed = threading.Condition()

    def append(self, packet: Packet) -> None:
        """Add a packet; what comes before the first keyframe is dropped and counted."""
        with self._changed:
            if self._is_lossless:
                self._changed.wait_for(
                    lambda: self._is_closed or self._n_waiting() < LOSSLESS_AHEAD
                )
            if packet.is_keyframe:
                self._keyframes.append(self._first + len(self._packets))
            elif not self._packets:
                self._n_headless += 1
                return
            self._packets.append(packet)
            self._n_bytes += len(packet.data)
            self._trim()
            if self._is_due():  # to wake a taker for nothing costs more than the packet
                self._changed.notify_all()

    def take(self, timeout_s: float, *, at_least: int = 1) -> Taken | None:
        """Give the next packet, waiting for one if need be.

        Args:
            timeout_s: Longest wait.
            at_least: So many packets to wait for, or a keyframe, whichever comes first; all that
                wait by then are handed out without waiting again.

        Returns:
            The packet; None when none came in time or the ring is closed and read out. A taker
            that fell behind what is kept goes on at the oldest keyframe left.
        """
        with self._changed:
            self._wanted = 1 if self._is_handing_out else at_least
            self._changed.wait_for(self._is_due, timeout_s)
            n_waiting = self._n_waiting()
            self._is_handing_out = n_waiting > 1
            if n_waiting == 0:
                return None
            n_skipped = max(0, self._first - self._next)
            self._next += n_skipped
            taken = Taken(self._packets[self._next - self._first], n_skipped)
            self._next += 1
            if self._is_lossless:  # nobody else waits for the taker
                self._changed.notify_all()
            return taken

    def kept(self) -> tuple[Packet, ...]:
        """Everything there is now, from a keyframe on; empty before the first one."""
        with self._changed:
            return tuple(self._packets)

    def skip_to_newest_keyframe(self) -> int:
        """Let the taker go on at the newest keyframe not yet taken; newest wins.

        Returns:
            Packets passed over; 0 where no keyframe is waiting.
        """
        with self._changed:
            if not self._keyframes or self._keyframes[-1] <= self._next:
                return 0
            n_skipped = self._keyframes[-1] - self._next
            self._next = self._keyframes[-1]
            return n_skipped

    def rewind(self, n_keyframes: int) -> float:
        """Let the taker go back: to decode what it passed over.

        Args:
            n_keyframes: 1 goes to the newest keyframe taken, 2 to the one before it, or to the
                oldest that is kept.

        Returns:
            Stream time gone back over, in seconds; 0.0 where no keyframe taken is kept.
        """
        with self._changed:
            taken = [number for number in self._keyframes if number < self._next]
            if not taken:
                return 0.0
            last = self._packets[self._next - 1 - self._first]
            self._next = taken[-min(n_keyframes, len(taken))]
            return last.dts - self._packets[self._next - self._first].dts

    def keyframe_before(self, pts: float) -> int:
        """Number of the newest keyframe shown at or before a stream time, for `read`.

        Returns:
            The oldest kept where all are later; where none is kept, the next one to come.
        """
        with self._changed:
            found = self._keyframes[0] if self._keyframes else self._first
            for number in self._keyframes:
                if self._packets[number - self._first].pts <= pts:
                    found = number
            return found

    def read(self, number: int, most: int) -> Cut:
        """Read packets from a number on; nothing is taken, and nobody waits.

        Args:
            number: Of the first one wanted; the one after a cut is `number` + missed + read.
            most: So many at most.
        """
        with self._changed:
            n_missed = max(0, self._first - number)
            begin = number + n_missed - self._first
            packets = tuple(islice(self._packets, begin, begin + most))
            is_last = self._is_closed and begin + len(packets) >= len(self._packets)
            return Cut(packets, n_missed, is_last)

    @property
    def newest_dts(self) -> float | None:
        """Stream time of the newest packet; None where none is kept."""
        with self._changed:
            return self._packets[-1].dts if self._packets else None

    @property
    def lag_s(self) -> float:
        """Stream time from the next packet to take to the newest; 0.0 when none waits."""
        with self._changed:
            if self._n_waiting() == 0:
                return 0.0
            return self._packets[-1].dts - self._packets[max(0, self._next - self._first)].dts

    @property
    def gop_s(self) -> float | None:
        """Stream time between the two newest keyframes; None where fewer are kept."""
        with self._changed:
            if len(self._keyframes) < 2:
                return None
            before, newest = (
                self._packets[n - self._first].dts for n in list(self._keyframes)[-2:]
            )
            return newest - before

    @property
    def is_lossless(self) -> bool:
        """Nothing is skipped: the appender waits instead."""
        return self._is_lossless

    @property
    def n_bytes(self) -> int:
        """Coded bytes kept."""
        return self._n_bytes

    @property
    def n_headless(self) -> int:
        """Packets dropped for want of a keyframe before them."""
        return self._n_headless

    @property
    def is_read_out(self) -> bool:
        """Closed, and everything in it was taken."""
        with self._changed:
            return self._is_closed and self._n_waiting() == 0

    def close(self) -> None:
        """Nothing more will come; what is left can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _is_due(self) -> bool:
        """There is what the taker waits for."""
        has_keyframe = bool(self._keyframes) and self._keyframes[-1] >= self._next
        return self._is_closed or has_keyframe or self._n_waiting() >= self._wanted

    def _n_waiting(self) -> int:
        return self._first + len(self._packets) - max(self._next, self._first)

    def _trim(self) -> None:
        """Drop whole GOPs from the left while more than enough is kept."""
        while len(self._keyframes) > 1:
            second = self._keyframes[1]
            kept_s = self._packets[-1].dts - self._packets[second - self._first].dts
            if kept_s < self._seconds and self._n_bytes <= self._max_bytes:
                return
            if self._is_lossless and second > self._next:
                return  # not taken yet
            self._drop_left(second - self._first)
        if self._n_bytes > self._max_bytes and not self._is_lossless:
            self._drop_left(len(self._packets))  # one GOP alone is too much: wait for the next

    def _drop_left(self, n: int) -> None:
        for _ in range(n):
            self._n_bytes -= len(self._packets.popleft().data)
        self._first += n
        while self._keyframes and self._keyframes[0] < self._first:
            self._keyframes.popleft()

"""Clip: the packets around an event, from the ring to files; each file complete in itself.

Boundary: owned by one thread, which calls `advance` now and then. The ring is the buffer: nothing
is held here, and a disk that is slower than the camera for longer than the ring lasts leaves a gap,
after which a new file begins at a keyframe.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from edge.evidence._draft import Draft
from edge.evidence._masked import CODEC, MaskedMp4
from edge.evidence._mp4 import Mp4
from edge.evidence.case import Case, Footage, Written
from edge.evidence.sidecar import Sidecar, folder
from edge.packet import Packet

BATCH = 64
"""Packets written in one go: about two seconds, some milliseconds."""

PATIENCE_S = 10.0
"""Without a packet for this long a file is finished: the camera may never come back."""

Made = Callable[[Case, list[Sidecar], str, int], None]
"""Takes what has become a file, what is to be said of it, and how many packets are missing after
it; may raise `OSError`."""


class Writing(Protocol):
    """What puts packets into a file."""

    def write(self, packet: Packet) -> None:
        """Append one."""

    def close(self) -> None:
        """Finish."""


@dataclass
class _Chunk:
    """One file in the making."""

    draft: Draft
    file: Writing
    begin_pts: float
    begin: datetime
    end: datetime
    clock_ms: int
    codec: str


class Clip:
    """One event's clip.

    Args:
        case: The event.
        footage: Gives the camera's newest connection.
        pts: Stream time of the event.
        until: Stream time at which the clip ends; infinite while the incident is open.
        evidence: `storage.path/evidence`.
        made: Takes each file that is whole.
    """

    def __init__(
        self,
        case: Case,
        footage: Callable[[], Footage],
        pts: float,
        *,
        until: float,
        evidence: Path,
        made: Made,
    ) -> None:
        self.case = case
        self._newest = footage
        self._footage = footage()
        self._made = made
        self._evidence = evidence
        begin = pts - case.policy.pre_seconds
        self._next = self._footage.ring.keyframe_before(begin)
        self._until = until
        self._limit = begin + case.policy.most_seconds
        self._n_chunks = 0
        self._chunk: _Chunk | None = None
        self._last_dts = -math.inf
        self._moved_at: float | None = None

    def end(self, pts: float) -> None:
        """The incident is over: go on for the seconds after it."""
        self._until = min(self._until, pts + self.case.policy.post_seconds)

    def advance(self, now: float) -> bool:
        """Write what has come.

        Args:
            now: Monotonic seconds.

        Returns:
            It is over: all files are made.

        Raises:
            OSError: The disk failed, or the packets cannot be put into a file; what was finished
                before stays, the file in the making is gone.
        """
        try:
            return self._advance(now)
        except BaseException:
            if self._chunk is not None:
                self._chunk.draft.discard()
                self._chunk = None
            raise

    def finish(self) -> None:
        """End it here, with what there is.

        Raises:
            OSError: As `advance`.
        """
        self._until = -math.inf
        if self._chunk is not None:
            self.advance(0.0)

    def _advance(self, now: float) -> bool:
        cut = self._footage.ring.read(self._next, BATCH)
        self._next += cut.n_missed + len(cut.packets)
        if cut.n_missed and self._chunk is not None:
            said = f"{cut.n_missed} packets are missing after this file: the disk is slow"
            self._finish(said, cut.n_missed)
        for packet in cut.packets:
            if packet.dts > min(self._until, self._limit):
                self._finish(self._remark())
                return True
            self._take(packet)
            self._last_dts = packet.dts
        if self._last_dts >= self._until:
            self._finish()
            return True
        if cut.packets or self._moved_at is None:
            self._moved_at = now
        is_stale = now - self._moved_at > PATIENCE_S
        if not cut.is_last and not is_stale:
            return False
        self._finish()
        if cut.is_last and self._newest() is not self._footage:  # the camera came back
            self._footage, self._moved_at = self._newest(), now
            self._next = self._footage.ring.keyframe_before(-math.inf)
            return False
        return math.isfinite(self._until)

    def _take(self, packet: Packet) -> None:
        chunk = self._chunk
        most_s = self.case.policy.chunk_seconds
        if chunk is not None and packet.is_keyframe and packet.pts - chunk.begin_pts >= most_s:
            self._finish()
            chunk = None
        if chunk is None:
            if not packet.is_keyframe:
                return
            chunk = self._begin(packet)
        chunk.file.write(packet)
        if packet.is_shown:
            chunk.end = max(chunk.end, packet.captured_at)
            chunk.clock_ms = max(chunk.clock_ms, packet.clock_ms)

    def _begin(self, packet: Packet) -> _Chunk:
        self._n_chunks += 1
        case, stream = self.case, self._footage.stream
        number = f"-{self._n_chunks}" if self._n_chunks > 1 else ""
        place = folder(self._evidence, packet.captured_at, case.camera)
        draft = Draft(place / f"{case.event}{number}.mp4")
        try:
            file: Writing = (
                MaskedMp4(draft, stream, packet, case.masks)
                if case.masks
                else Mp4(draft, stream, packet)
            )
        except BaseException:
            draft.discard()
            raise
        self._chunk = _Chunk(
            draft,
            file,
            packet.pts,
            packet.captured_at,
            packet.captured_at,
            packet.clock_ms,
            CODEC if case.masks else stream.codec,
        )
        return self._chunk

    def _finish(self, remark: str = "", n_missed: int = 0) -> None:
        """Make an item of the file in the making."""
        chunk = self._chunk
        if chunk is None:
            return
        chunk.file.close()
        chunk.draft.keep()
        self._chunk = None
        draft = chunk.draft
        sidecar = self.case.sidecar(
            "clip",
            Written(draft.path.name, draft.sha256, draft.n_bytes),
            chunk.begin,
            chunk.end,
            chunk.clock_ms,
            codec=chunk.codec,
            masking="reencoded" if self.case.masks else "none",
            redaction="none",
        )
        self._made(self.case, [sidecar], remark, n_missed)

    def _remark(self) -> str:
        if self._limit < self._until:
            return (
                f"the incident goes on and its clip ends here, after "
                f"{self.case.policy.most_seconds} s (most_seconds)"
            )
        return ""

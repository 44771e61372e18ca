"""Remembered: who was followed in the last minutes, so that a rule can be tried on them at once.

No picture and nothing on the disk: boxes, classes and times of one camera, packed, about 300 bytes
for each picture in which somebody was followed. Ten minutes at eight pictures a second in which
three are always there are 2.4 MiB.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np

from edge.detections import ModelRef
from edge.frame import Stamp
from edge.pipeline import Step
from edge.tracks import Tracks

KEEP_S = 600.0
MAX_BYTES = 8 * 2**20

_OF_ONE = np.dtype(
    [
        ("xyxy", np.float32, 4),
        ("confidence", np.float32),
        ("class_id", np.int32),
        ("track_id", np.int64),
        ("age", np.float32),
        ("velocity", np.float32, 2),
    ]
)
_APART = 400  # bytes a picture takes beside its packed columns: objects, and its place in the row


@dataclass(frozen=True, slots=True)
class _Packed:
    """One analysed picture's tracks.

    Attributes:
        at: The box's monotonic clock when it was analysed.
        turn: The camera's how-many-th start: ids and stream time begin anew with each.
        rows: `_OF_ONE`, one after the other.
        removed: int64, one after the other.
    """

    at: float
    turn: int
    stamp: Stamp
    size_wh: tuple[int, int]
    model: ModelRef
    rows: bytes
    removed: bytes

    @property
    def n_bytes(self) -> int:
        """What it takes."""
        return len(self.rows) + len(self.removed) + _APART


class Remembered:
    """Of one camera, over a restart of its threads. `add` from the watcher's thread.

    Args:
        keep_s: How long.
        max_bytes: And no more than this; the oldest goes first.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        keep_s: float = KEEP_S,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._packed: deque[_Packed] = deque()
        self._n_bytes = 0
        self._turn = 0
        self._what: object = None
        self._since = clock()

    @property
    def n_bytes(self) -> int:
        """What it takes, about."""
        return self._n_bytes

    @property
    def seconds(self) -> float:
        """How far it goes back; all of it was watched, whether anybody was followed or not."""
        with self._lock:
            return min(self._clock() - self._since, self._keep_s)

    def begin(self, what: object) -> None:
        """The camera begins to be watched.

        Args:
            what: Differs where what is followed from now on is not comparable with what was, as
                with other masks or another detector: then all is forgotten.
        """
        with self._lock:
            self._turn += 1
            if what != self._what:
                self._packed.clear()
                self._n_bytes = 0
                self._what, self._since = what, self._clock()

    def add(self, step: Step) -> None:
        """Remember who was followed in a picture; nothing where the gate was closed."""
        tracks = step.tracks
        if tracks is None:
            return
        rows = np.empty(len(tracks), _OF_ONE)
        for name in _OF_ONE.names or ():
            rows[name] = getattr(tracks, name)
        one = _Packed(
            self._clock(),
            self._turn,
            tracks.stamp,
            tracks.size_wh,
            tracks.model,
            rows.tobytes(),
            tracks.removed.tobytes(),
        )
        with self._lock:
            self._packed.append(one)
            self._n_bytes += one.n_bytes
            while self._n_bytes > self._max_bytes:
                self._n_bytes -= self._packed.popleft().n_bytes
                self._since = self._packed[0].at if self._packed else one.at
            self._forget_old()

    def turns(self, seconds: float) -> Iterator[Iterator[Tracks]]:
        """The tracks of the last seconds, in order; those of each start of the camera apart."""
        with self._lock:
            self._forget_old()
            begin = self._clock() - seconds
            kept = [one for one in self._packed if one.at >= begin]
        for _, turn in groupby(kept, attrgetter("turn")):
            yield map(_unpacked, turn)

    def _forget_old(self) -> None:
        oldest = self._clock() - self._keep_s
        while self._packed and self._packed[0].at < oldest:
            self._n_bytes -= self._packed.popleft().n_bytes


def _unpacked(one: _Packed) -> Tracks:
    rows = np.frombuffer(one.rows, _OF_ONE)
    columns = {name: np.ascontiguousarray(rows[name]) for name in _OF_ONE.names or ()}
    removed = np.frombuffer(one.removed, np.int64)
    return Tracks(one.stamp, one.size_wh, one.model, **columns, removed=removed)

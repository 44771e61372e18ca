"""A square with people and cars, seen by a calibrated camera: boxes whose true identity is known.

They walk to and fro over flat ground, alone and in pairs; cars pass along two lanes. Each is an
upright box of its own size, projected. Who stands behind another is hidden as far as the other
covers them: a detector then sees the whole box or only what shows of it, is less sure, or misses
them. No tracker was tuned to what comes out, and it is not a street: there is no turning, bending
or posing in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge.calibration import from_points
from edge.demo._raster import Camera
from edge.detections import Detections, Ids, ModelRef
from edge.ground import Ground
from edge.trackers import Tracker
from tests.tracks_builder import stamp

_F = NDArray[np.float64]

MODEL = ModelRef("drawn", "0" * 64, ("person", "car"))
NOISE = 0.025
"""Standard deviation of each edge in sizes of the box, as measured for ADR 0007."""
MISSED = 0.05
"""Share of boxes a detector misses although nothing hides them."""
HIDDEN = 0.8
"""From this share on, who is covered by others is not seen."""
CELLS = (8, 16)
"""How finely it is judged what shows of a box."""


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is, and how many are on the square.

    Attributes:
        camera: A pinhole over flat ground.
        n_people: On the square all the time.
        near: Where the square begins, metres from the camera.
        far: Where it ends.
    """

    camera: Camera
    n_people: int
    near: float
    far: float

    @property
    def size_wh(self) -> tuple[int, int]:
        """Size of the picture in pixels."""
        return self.camera.width, self.camera.height

    def ground(self, click_px: float = 2.0, seed: int = 0) -> Ground:
        """The calibration of somebody who clicks on six places and is off by so many pixels."""
        deep = np.linspace(self.near, self.far, 3)
        metres = np.array([[side * 0.3 * y, y] for y in deep for side in (-1.0, 1.0)])
        pixels = _projected(self.camera, metres, np.zeros(6))
        pixels += np.random.default_rng(seed).normal(0, click_px, pixels.shape)
        return from_points(pixels / self.size_wh, metres, self.size_wh)


VIEWS = {
    "3.5 m, level": View(Camera(pole=3.5, pitch=0.15), 14, 9.0, 30.0),
    "6 m, tilted": View(Camera(pole=6.0, pitch=0.3), 14, 9.0, 30.0),
    "9 m, from above": View(Camera(pole=9.0, pitch=0.5), 18, 10.0, 28.0),
}


def square(
    view: View, seed: int, *, seconds: float = 60.0, fps: float = 8.0, n_cars: int = 2
) -> Iterator[tuple[Detections, Ids]]:
    """What a detector sees, frame by frame.

    Args:
        view: The camera and the crowd.
        seed: Of everything that is random.
        seconds: How long.
        fps: Frames a second.
        n_cars: On the lanes at a time.

    Yields:
        N boxes, N may be 0; and (N,) who each of them is.
    """
    rng = np.random.default_rng(seed)
    walkers = [_Walker(view, rng) for _ in range(view.n_people - view.n_people // 3)]
    # One in three walks beside another, half a metre to two metres off.
    beside = [(k, rng.uniform(-2, 2, 2)) for k in range(view.n_people // 3)]
    n = view.n_people + n_cars
    wide = np.concatenate([rng.uniform(0.5, 0.7, view.n_people), rng.uniform(3.5, 4.8, n_cars)])
    high = np.concatenate([rng.uniform(1.5, 1.9, view.n_people), rng.uniform(1.4, 1.7, n_cars)])
    lanes = np.linspace(view.near, view.far, n_cars + 2)[1:-1]
    pace, offset = rng.uniform(4, 10, n_cars), rng.uniform(0, 60, n_cars)
    for index in range(round(seconds * fps)):
        now = index / fps
        places = [walker.at(now) for walker in walkers]
        places += [places[k] + apart for k, apart in beside]
        # A car that left comes again after a while, as another.
        lap, along = np.divmod(offset + pace * now, 60.0)
        places += list(np.column_stack([along - 30.0, lanes]))
        who = np.arange(1, n + 1)
        who[view.n_people :] += 1000 * (1 + lap.astype(int))
        yield _seen(view, rng, now, _Actors(np.array(places), wide, high, who))


@dataclass(frozen=True, slots=True)
class Identities:
    """How well identities were kept.

    Attributes:
        n_switches: How often somebody was shown under another number than the last time.
        n_mixed: Numbers under which more than one was shown.
        idf1: 2 IDTP / (2 IDTP + IDFP + IDFN) of Ristani et al. (arXiv 1609.01775), in [0, 1].
    """

    n_switches: int
    n_mixed: int
    idf1: float


def identities(tracker: Tracker, frames: Iterable[tuple[Detections, Ids]]) -> Identities:
    """Follow a scene and count; who a track's box is needs no matching, it is one of the boxes."""
    last: dict[int, int] = {}
    shown: Counter[tuple[int, int]] = Counter()
    n_switches = n_seen = 0
    for detections, who in frames:
        tracks = tracker.update(detections)
        n_seen += len(who)
        whose = dict(zip(map(tuple, detections.xyxy.tolist()), who.tolist(), strict=True))
        for box, number in zip(tracks.xyxy.tolist(), tracks.track_id.tolist(), strict=True):
            one = whose[tuple(box)]
            n_switches += last.get(one, number) != number
            last[one] = number
            shown[one, number] += 1
    people, numbers = (sorted({pair[side] for pair in shown}) for side in (0, 1))
    table = np.array([[shown[one, number] for number in numbers] for one in people])
    best = int(table[linear_sum_assignment(table, maximize=True)].sum())
    n_mixed = int(((table > 0).sum(axis=0) > 1).sum())
    return Identities(n_switches, n_mixed, 2 * best / (n_seen + shown.total()))


class _Walker:
    """Somebody who walks from place to place, and stands for a while at some."""

    def __init__(self, view: View, rng: np.random.Generator) -> None:
        self._view, self._rng = view, rng
        self._from = self._to = self._place()
        self._left = self._arrives = self._goes = 0.0

    def at(self, now: float) -> _F:
        """Where, in metres; times must not run backwards."""
        while now >= self._goes:
            self._from, self._to = self._to, self._place()
            self._left = self._goes
            way = float(np.hypot(*(self._to - self._from)))
            self._arrives = self._left + way / self._rng.uniform(0.9, 1.7)
            self._goes = self._arrives + self._rng.choice([0.0, self._rng.uniform(1, 8)])
        share = min(1.0, (now - self._left) / max(self._arrives - self._left, 1e-6))
        return self._from + share * (self._to - self._from)

    def _place(self) -> _F:
        y = self._rng.uniform(self._view.near, self._view.far)
        return np.array([self._rng.uniform(-0.35, 0.35) * y, y])


@dataclass(frozen=True, slots=True)
class _Actors:
    """(N, 2) places, (N,) widths and heights, all in metres, and (N,) who they are."""

    places: _F
    wide: _F
    high: _F
    who: Ids


def _seen(
    view: View, rng: np.random.Generator, now: float, actors: _Actors
) -> tuple[Detections, Ids]:
    """What a detector sees of them, nearest first."""
    places, who = actors.places, actors.who
    width, height = view.size_wh
    feet = _projected(view.camera, places, np.zeros(len(places)))
    heads = _projected(view.camera, places, actors.high)
    side = np.column_stack([places[:, 0] + actors.wide / 2, places[:, 1]])
    half_px = _projected(view.camera, side, np.zeros(len(places)))[:, 0] - feet[:, 0]
    boxes = np.column_stack([feet[:, 0] - half_px, heads[:, 1], feet[:, 0] + half_px, feet[:, 1]])
    shown = np.clip(boxes, 0, [width, height, width, height])
    is_in = np.all((shown[:, 2:] - shown[:, :2]) > 8, axis=1)
    order = np.argsort(places[:, 1])  # the nearest first
    rows, given, sure = [], [], []
    for k, row in enumerate(order):
        nearer = shown[[other for other in order[:k] if is_in[other]]]
        # Drawn for each, seen or not, so that one more in the picture changes nobody's chance.
        dice, noise = rng.random(3), rng.normal(0, NOISE, 4)
        if not is_in[row]:
            continue
        box, hidden, part = shown[row], *_covered(shown[row], nearer)
        if hidden >= HIDDEN or dice[0] < MISSED + hidden * hidden:
            continue
        if hidden > 0.2 and dice[1] < 0.5:
            box = part
        size = np.tile(box[2:] - box[:2], 2)
        given.append(box + noise * size)
        sure.append(float(np.clip(0.9 - 0.6 * hidden + 0.15 * (dice[2] - 0.5), 0.3, 0.95)))
        rows.append(row)
    found = np.array(rows, np.intp)
    is_car = who[found] > 1000
    detections = Detections(
        stamp(now),
        view.size_wh,
        MODEL,
        np.array(given, np.float32).reshape(-1, 4),
        np.array(sure, np.float32),
        is_car.astype(np.int32),
    )
    return detections, who[found]


def _covered(box: _F, nearer: _F) -> tuple[float, _F]:
    """What share of a box others cover, and the box around the rest."""
    if not len(nearer):
        return 0.0, box
    x = np.linspace(box[0], box[2], 2 * CELLS[0] + 1)[1::2]
    y = np.linspace(box[1], box[3], 2 * CELLS[1] + 1)[1::2]
    # A figure fills about the middle four fifths of its box.
    slim = 0.1 * (nearer[:, 2] - nearer[:, 0])
    covers_x = (x >= (nearer[:, 0] + slim)[:, None]) & (x <= (nearer[:, 2] - slim)[:, None])
    covers_y = (y >= nearer[:, 1, None]) & (y <= nearer[:, 3, None])
    is_open = ~np.any(covers_x[:, None, :] & covers_y[:, :, None], axis=0)
    if not is_open.any():
        return 1.0, box
    ys, xs = np.nonzero(is_open.any(axis=1))[0], np.nonzero(is_open.any(axis=0))[0]
    step = (box[2:] - box[:2]) / CELLS
    part = np.array(
        [
            box[0] + xs[0] * step[0],
            box[1] + ys[0] * step[1],
            box[0] + (xs[-1] + 1) * step[0],
            box[1] + (ys[-1] + 1) * step[1],
        ]
    )
    return float(1 - is_open.mean()), part


def _projected(camera: Camera, metres: _F, z: _F) -> _F:
    """(N, 2) pixels of (N, 2) places on the ground at some heights."""
    pixels, _ = camera.project(np.column_stack([metres, z]).astype(np.float32))
    return pixels.astype(np.float64)

"""ByteTrack: sure boxes first, then doubtful ones for the tracks still unmatched.

Pure. All times are seconds of stream time, so gaps and changing rates need no setting. A track
is *tentative* until enough was seen of it, then *confirmed*; unseen it is *lost*, and removed
after `lost_seconds`.

Source:
    Zhang et al., "ByteTrack", ECCV 2022 (arXiv 2110.06864). Differs: times in seconds; a track is
    confirmed by the sum of its confidences; and boxes that overlap nothing are matched by
    distance, after the idea of larger matching space in Yang et al., "C-BIoU", WACV 2023 (arXiv
    2211.14317), because at 8 frames a second a car moves its own length between two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge.detections import Boxes, Detections, Floats, Ids, Mask
from edge.ground import Ground
from edge.options import Fraction
from edge.trackers import TrackerOptions
from edge.trackers._assign import assign
from edge.trackers._doubles import SAME_IOU, without_doubles
from edge.trackers._kalman import Motion
from edge.trackers._likeness import fit
from edge.trackers._over_ground import OverGround
from edge.tracks import Tracks

_Rows = NDArray[np.intp]
_Seconds = NDArray[np.float64]
_Likeness = NDArray[np.float64]
_Stage: TypeAlias = tuple[
    "_Likeness | Callable[[Detections, _Rows, _Rows], _Likeness]", float, Mask, Mask
]
"""How alike tracks and boxes are, what a pair needs, and which tracks and boxes take part."""

# A tentative track may go unseen this long: one missed frame at 8 a second.
TENTATIVE_S = 0.2
# A track seen once has no speed yet, and a fast object's second box need not overlap the first.
# It may be this far away, in mean sizes of the two boxes (each axis by its own): no object moves
# more of its own sizes in a second, and beyond the limit it could be anything.
REACH_PER_S = 12.0
REACH_MAX = 1.5
# ... and only when width and height agree within this factor.
SIZE_RATIO = 1.6
# A box of another class than the track's counts half, unless it is so nearly where the track should
# be that only the same object can be: a lorry may be called a car for a frame, but a rider's track
# must not go on with the bicycle when the rider is missed.
OTHER_CLASS = 0.5
# Doubtful boxes must overlap by this much. They may revive lost tracks, unlike in the paper: a
# small network is never surer than 0.4 of some people, and each frame it misses one would make
# another track of them.
SURE_IOU = 0.5
# What has stood for this long need not be watched at every frame: a car that is parked would keep
# its camera from resting all night. Longer than rules commonly wait (60 s for a parked vehicle), so
# that none of them is late; when it drives off, that is movement, and the gate opens.
REST_S = 120.0
# It stands while its box overlaps the first one it stood in by this much. Boxes of what stands
# overlap by 0.75 to 0.98 from frame to frame; a step of a walker's own width is below 0.6.
REST_IOU = 0.7


class Options(TrackerOptions):
    """`bytetrack` in YAML."""

    kind: Literal["bytetrack"] = "bytetrack"
    high: Annotated[
        Fraction,
        Field(
            description="Boxes at or above this confidence are matched first. Higher keeps "
            "doubtful boxes from stealing a track; lower helps detectors that are never sure."
        ),
    ] = 0.5
    low: Annotated[
        Fraction,
        Field(
            description="Boxes below this confidence are not used at all. Only matters where "
            "the detector's own `confidence` is lower."
        ),
    ] = 0.1
    start: Annotated[
        Fraction,
        Field(
            description="Least confidence of a box that may start a track. Above the detector's "
            "`confidence`, objects it is never surer of stay silent; below it, the detector's "
            "own threshold decides and `confirm` holds back flicker."
        ),
    ] = 0.1
    confirm: Annotated[
        float,
        Field(
            gt=0.0,
            le=20.0,
            description="Sum of confidences, over at least two frames, from which a track is "
            "believed: at 1.0 two frames of 0.5 or three of 0.35. Higher reports later and "
            "suppresses flicker.",
        ),
    ] = 1.0
    min_iou: Annotated[
        Fraction,
        Field(
            description="Least overlap of a box with a track's predicted place. Higher splits "
            "tracks at low frame rates; lower swaps identities in crowds."
        ),
    ] = 0.2
    lost_seconds: Annotated[
        float,
        Field(
            ge=0.5,
            le=30.0,
            description="A track unseen for longer is removed. Longer survives longer occlusion "
            "and may revive on another object. Frames further apart than this are not linked.",
        ),
    ] = 2.0

    def build(self, ground: Ground | None = None) -> ByteTrack:
        """A tracker with no tracks, numbering from 1."""
        return ByteTrack(self, ground)


class ByteTrack:
    """Follows the objects of one camera; see the module's text.

    Args:
        options: Thresholds.
        ground: Of the camera, where it is calibrated.
    """

    def __init__(self, options: Options, ground: Ground | None = None) -> None:
        self._options = options
        self._over_ground = OverGround(ground) if ground is not None else None
        self._motion = Motion()
        self._pts = 0.0
        self._labels: tuple[str, ...] = ()
        self._next_id = 1
        # One row a track, beside those of the motion filter; id 0 while tentative.
        self._id: Ids = np.empty(0, np.int64)
        self._born: _Seconds = np.empty(0)
        self._seen: _Seconds = np.empty(0)
        self._hits: Ids = np.empty(0, np.int64)
        self._belief: NDArray[np.float64] = np.empty(0)
        self._votes: Floats = np.empty((0, 1), np.float32)
        self._stood_in: Boxes = np.empty((0, 4), np.float32)
        self._stood_since: _Seconds = np.empty(0)
        self._missed: _Seconds = np.empty(0)  # first look without it; infinite where it was seen

    @property
    def is_following(self) -> bool:
        """Whether any track is alive that has to be watched.

        Tentative and lost ones have to be; one that has stood for two minutes, and was there at
        the last look, only has to be looked at now and then.
        """
        if not len(self._id):  # asked for every packet of an idle camera
            return False
        return not (self._is_at_rest() & (self._seen == self._pts)).all()

    def _is_at_rest(self) -> Mask:
        """(N,) which tracks had stood for long when last seen."""
        is_long: Mask = (self._id > 0) & (self._seen - self._stood_since >= REST_S)
        return is_long

    def update(self, detections: Detections) -> Tracks:
        """Give identities to one frame's boxes.

        Args:
            detections: N boxes in frame pixels, N may be 0; `stamp.pts` not before the last one.

        Returns:
            The confirmed tracks seen in this frame, in order of the boxes, each with the box and
            confidence it was seen with; and the ids of confirmed tracks that ended with it.

        Raises:
            ValueError: `stamp.pts` runs backwards.
        """
        pts = detections.stamp.pts
        elapsed = pts - self._pts if len(self._id) else 0.0
        if elapsed < 0:
            raise ValueError(
                f"camera {detections.stamp.camera}: expected pts at or after {self._pts:.3f}, "
                f"got {pts:.3f}; build a new tracker for a new stream"
            )
        self._set_labels(detections.model.labels)
        detections = without_doubles(detections)
        removed = self._drop(self._is_over(pts))
        self._motion.stop(self._is_at_rest())
        self._motion.predict(elapsed, self._seen == self._pts)
        rows, columns = self._associate(detections)
        self._motion.correct(rows, detections.xyxy[columns], detections.confidence[columns])
        self._missed[np.isinf(self._missed)] = pts
        self._missed[rows] = np.inf
        self._seen[rows] = pts
        self._stand(rows, detections.xyxy[columns], pts)
        self._hits[rows] += 1
        self._belief[rows] += detections.confidence[columns]
        self._votes[rows, detections.class_id[columns]] += detections.confidence[columns]
        self._confirm(rows)
        is_forgotten = (self._id == 0) & (pts - self._seen > TENTATIVE_S) & (self._seen < pts)

        order = np.argsort(columns)
        order = order[self._id[rows[order]] > 0]
        shown, boxes = rows[order], columns[order]
        tracks = Tracks(
            detections.stamp,
            detections.size_wh,
            detections.model,
            detections.xyxy[boxes],
            detections.confidence[boxes],
            self._votes[shown].argmax(axis=1).astype(np.int32),
            self._id[shown],
            (pts - self._born[shown]).astype(np.float32),
            self._motion.speed[shown, :2].astype(np.float32),
            removed,
        )
        self._drop(is_forgotten)
        is_free = detections.confidence >= max(self._options.start, self._options.low)
        is_free[columns] = False
        self._start(detections, is_free)
        self._pts = pts
        return tracks

    def _associate(self, detections: Detections) -> tuple[_Rows, _Rows]:
        """Pair tracks with boxes.

        Returns:
            (K,) rows of tracks and (K,) indices of boxes.
        """
        confidence = detections.confidence
        is_high = confidence >= self._options.high
        is_open_box = confidence >= self._options.low
        is_open_track = np.ones(len(self._id), np.bool_)
        is_confirmed = self._id > 0
        is_recent = self._seen == self._pts
        pairs_rows, pairs_boxes = [], []
        is_same_class = self._votes.argmax(axis=1)[:, None] == detections.class_id
        # Height tells people apart in a crowd. It must not turn away doubtful and new boxes: a car
        # that drives in grows, and a crossing of a recorded clip was missed for it.
        overlap, alike = fit(self._motion.xyxy, detections.xyxy)
        class_weight = np.where(is_same_class | (overlap > SAME_IOU), 1.0, OTHER_CLASS)
        overlap *= class_weight
        # Sure boxes count by their confidence as well, so that of two that fit, the surer wins.
        weighted = alike * class_weight * confidence
        least = self._options.min_iou
        stages: list[_Stage] = [
            (weighted, least, is_confirmed, is_high),
            (overlap, max(SURE_IOU, least), is_confirmed, ~is_high),
            (overlap, least, ~is_confirmed, is_open_box),
            (self._nearness, 0.0, is_recent & (self._hits == 1), is_open_box),
        ]
        if self._over_ground is not None:
            stages.insert(2, (self._near_on_ground, 0.0, is_confirmed & ~is_recent, is_high))
        for likeness, floor, tracks, boxes in stages:
            rows = (tracks & is_open_track).nonzero()[0]
            columns = (boxes & is_open_box).nonzero()[0]
            if not len(rows) or not len(columns):
                continue
            if callable(likeness):
                open_pairs = likeness(detections, rows, columns)
            else:
                open_pairs = likeness[rows[:, None], columns]
            row, column = assign(open_pairs, floor)
            is_open_track[rows[row]] = False
            is_open_box[columns[column]] = False
            pairs_rows.append(rows[row])
            pairs_boxes.append(columns[column])
        none = np.empty(0, np.intp)
        return np.concatenate([none, *pairs_rows]), np.concatenate([none, *pairs_boxes])

    def _nearness(self, detections: Detections, rows: _Rows, columns: _Rows) -> NDArray[np.float64]:
        """How near some boxes are to some tracks, for pairs of like size.

        Returns:
            (rows, columns) float64: 1 at the same place, 0 and below from the reach outwards.
        """
        place = self._motion.place[rows, None]
        box = detections.xyxy[columns].astype(np.float64)
        size = np.maximum(box[:, 2:] - box[:, :2], 1.0)
        apart = (box[:, :2] + box[:, 2:]) / 2 - place[..., :2]
        in_boxes = 2 * apart / (size + place[..., 2:])
        ratio = size / place[..., 2:]
        is_alike = (np.maximum(ratio, 1 / ratio) <= SIZE_RATIO).all(axis=-1)
        waited = detections.stamp.pts - self._seen[rows]
        reach = np.clip(REACH_PER_S * waited, 1e-9, REACH_MAX)[:, None]
        return np.where(is_alike, 1 - np.hypot(in_boxes[..., 0], in_boxes[..., 1]) / reach, 0.0)

    def _near_on_ground(
        self, detections: Detections, rows: _Rows, columns: _Rows
    ) -> NDArray[np.float64]:
        """How near some boxes stand to where lost tracks may be, for pairs of one class.

        Returns:
            (rows, columns) float64: 1 at the same place, 0 and below out of reach.
        """
        assert self._over_ground is not None
        is_same_class = self._votes[rows].argmax(axis=1)[:, None] == detections.class_id[columns]
        near = self._over_ground.nearness(
            self._motion.xyxy[rows],
            detections.xyxy[columns],
            detections.stamp.pts - self._seen[rows],
            detections.size_wh,
        )
        return np.where(is_same_class, near, 0.0)

    def _is_over(self, pts: float) -> Mask:
        """(N,) which tracks were not seen for too long.

        Nobody may have looked meanwhile. What moved may be anywhere then. What stands is waited
        for, as long as it had stood at most, and its time begins with the first look without it.
        """
        lost_s = self._options.lost_seconds
        has_stood_s = self._seen - self._stood_since
        is_missed = pts - self._missed > lost_s
        is_waited_for = self._is_at_rest() & (pts - self._seen <= has_stood_s) & ~is_missed
        is_over: Mask = (pts - self._seen > lost_s) & ~is_waited_for
        return is_over

    def _stand(self, rows: _Rows, xyxy: Boxes, pts: float) -> None:
        """Note which of the matched tracks have moved from where they stood."""
        a, b = self._stood_in[rows], xyxy
        shared = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
        common = np.maximum(shared, 0.0).prod(axis=1)
        union = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - common
        has_moved = common < REST_IOU * union
        self._stood_in[rows[has_moved]] = b[has_moved]
        self._stood_since[rows[has_moved]] = pts

    def _confirm(self, rows: _Rows) -> None:
        """Number the matched tracks that are believed now, the oldest first."""
        rows = np.sort(rows)
        is_new = (self._id[rows] == 0) & (self._hits[rows] > 1)
        new = rows[is_new & (self._belief[rows] >= self._options.confirm)]
        self._id[new] = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)

    def _start(self, detections: Detections, boxes: Mask) -> None:
        """Begin a tentative track at each of the boxes under a (N,) mask."""
        n = int(boxes.sum())
        if not n:
            return
        pts, confidence = detections.stamp.pts, detections.confidence[boxes]
        votes = np.zeros((n, self._votes.shape[1]), np.float32)
        votes[np.arange(n), detections.class_id[boxes]] = confidence
        self._motion.add(detections.xyxy[boxes])
        self._id = np.append(self._id, np.zeros(n, np.int64))
        self._born = np.append(self._born, np.full(n, pts))
        self._seen = np.append(self._seen, np.full(n, pts))
        self._hits = np.append(self._hits, np.ones(n, np.int64))
        self._belief = np.append(self._belief, confidence)
        self._votes = np.concatenate([self._votes, votes])
        self._stood_in = np.concatenate([self._stood_in, detections.xyxy[boxes]])
        self._stood_since = np.append(self._stood_since, np.full(n, pts))
        self._missed = np.append(self._missed, np.full(n, np.inf))

    def _drop(self, mask: Mask) -> Ids:
        """Remove tracks under a mask and return the ids that were ever shown."""
        gone = self._id[mask & (self._id > 0)]
        if mask.any():
            keep = ~mask
            self._motion.keep(keep)
            self._id, self._born, self._seen = self._id[keep], self._born[keep], self._seen[keep]
            self._hits, self._belief = self._hits[keep], self._belief[keep]
            self._votes = self._votes[keep]
            self._stood_in, self._stood_since = self._stood_in[keep], self._stood_since[keep]
            self._missed = self._missed[keep]
        return gone

    def _set_labels(self, labels: tuple[str, ...]) -> None:
        """Start the vote anew when another model, with other classes, looks from now on."""
        if labels != self._labels:
            self._labels = labels
            self._votes = np.zeros((len(self._id), max(1, len(labels))), np.float32)

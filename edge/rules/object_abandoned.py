"""Object abandoned: a bag stands still, and whoever it belongs to is gone. Pure.

A bag belongs to whoever was nearest when it was put down. People who merely pass by are not with
it; so in a busy place a bag is missed no longer than in an empty one. Nobody is known by their
looks: an owner who left the picture comes back as somebody new, and somebody who stays beside a
reported bag for a while is taken to be with it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.detections import Mask
from edge.event import Kind, Phase
from edge.rules import Scene
from edge.rules._judge import Qualify, Rows, Ruling
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions

PUT_DOWN_S = 3.0
"""Until a bag has stood for this long, whoever is nearest is its owner."""

STAYS_S = 10.0
"""Somebody who is beside a reported bag for this long is with it: who passes by at 1 m/s is within
three metres for six seconds at most."""

BLINK_S = 1.0
"""Somebody beside it may be unseen for this long and has still stayed."""

# A person's box in metres, and what a step away from the camera is foreshortened by at the 30
# degrees of a camera on a lamp post: good for "beside" and "gone", not for measuring.
PERSON_M = (0.6, 1.7)
FORESHORTENED = 2.0


class Options(ZoneOptions):
    """`object_abandoned` in YAML."""

    reports: ClassVar[Kind] = "object_abandoned"
    class_lists: ClassVar[tuple[str, ...]] = ("classes", "owners")
    kind: Literal["object_abandoned"] = "object_abandoned"
    classes: Annotated[
        tuple[str, ...],
        Field(
            strict=False,
            description="Classes it applies to, from the model's labels; empty means all.",
            examples=[["suitcase"]],
        ),
    ] = ("backpack", "handbag", "suitcase")
    owners: Annotated[
        tuple[str, ...],
        Field(
            strict=False,
            min_length=1,
            description="Classes of those something may belong to.",
            examples=[["person"]],
        ),
    ] = ("person",)
    seconds: Annotated[
        float,
        Field(
            ge=2.0,
            le=86400.0,
            description="How long it stands still with its owner gone before it counts.",
            examples=[60],
        ),
    ] = 60.0
    owner_metres: Annotated[
        float,
        Field(
            gt=0.0,
            le=100.0,
            description="An owner this near is with it. Without calibration it is estimated from "
            "the size of people.",
        ),
    ] = 3.0

    def judge(self, scene: Scene) -> Abandoned:
        """The kind at work."""
        return Abandoned(self, scene)


class Abandoned(ZoneJudge):
    """Says which objects were left behind; see the module's text.

    Args:
        options: What is watched.
        scene: Holds the zone, and the ground where it is known.
    """

    def __init__(self, options: Options, scene: Scene) -> None:
        # `owner` and `visitor` are numbers of people, 0 for nobody; `minded` is when the owner was
        # last beside it, `came` and `stood` since when and until when the visitor is.
        super().__init__(
            options,
            scene,
            [
                ("is_known", "?"), ("holds", "?"), ("owner", "i8"), ("minded", "f8"),
                ("visitor", "i8"), ("came", "f8"), ("stood", "f8"), ("is_back", "?"),
            ],
        )  # fmt: skip
        self._options = options
        self._ground = scene.ground

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:
        """Which bags stand still and are minded by nobody."""
        notes, holds = self.notes(seen), np.zeros(len(seen.slots), np.bool_)
        rows = ((self.inside(seen) & qualify()) | notes["holds"][seen.slots]).nonzero()[0]
        if len(rows):
            holds[rows] = self._judge_some(notes, seen, rows)
        notes["holds"][seen.slots] = holds
        return Ruling(holds)

    def reason(self, slot: int, phase: Phase) -> str:
        """Whether an owner was seen, when it begins; whether one is back, when it ends."""
        notes = self._notes[slot]
        if phase == "begin":
            return "its owner has gone" if notes["owner"] else "nobody was seen to leave it"
        return "somebody is with it" if notes["is_back"] else "it was moved"

    def _judge_some(self, notes: np.ndarray, seen: Seen, rows: Rows) -> Mask:
        """Which objects of some rows are abandoned."""
        now, slots, still_s = seen.now, seen.slots[rows], seen.still_s()[rows]
        owners = np.array([label in self._options.owners for label in seen.tracks.model.labels])
        people = owners[seen.tracks.class_id].nonzero()[0]
        people = people[np.argsort(seen.numbers[people])]  # of two as near, the one seen first
        numbers = seen.numbers[people]
        apart = self._metres(seen, rows, people)
        apart[rows[:, None] == people] = np.inf
        near = apart <= self._options.owner_metres
        is_minded = near.any(axis=1)
        one = notes[slots]  # a copy, written back below
        # It is carried, or has just been put down: whoever is nearest has it.
        is_carried = (still_s < PUT_DOWN_S) | ~one["is_known"]
        if len(people):
            taken = is_carried & is_minded
            one["owner"][taken] = numbers[apart.argmin(axis=1)][taken]
        is_owned = (near & (numbers == one["owner"][:, None])).any(axis=1)
        one["minded"][is_owned] = now
        put_down = is_carried & ~is_minded
        one["minded"][put_down] = now - still_s[put_down]
        one["is_known"], one["holds"] = True, one["holds"] & ~is_carried
        one["is_back"] &= ~is_carried
        for i in (is_minded & ~is_owned & ~is_carried).nonzero()[0].tolist():
            nearest_first = np.argsort(apart[i], kind="stable")[: np.count_nonzero(near[i])]
            self._mind(one[i : i + 1], numbers[nearest_first].tolist(), numbers.tolist(), now)
        is_left = now - one["minded"] >= self._options.seconds
        is_left &= ~is_carried
        one["is_back"] = np.where(one["holds"], ~is_left, one["is_back"] & ~is_left)
        notes[slots] = one
        is_there = seen.at_rest()[rows] & (still_s >= self._options.seconds)
        abandoned: Mask = is_left & (one["holds"] | is_there)
        return abandoned

    @staticmethod
    def _mind(one: np.ndarray, beside: list[int], present: list[int], now: float) -> None:
        """Judge an object whose owner is not beside it, while somebody else is.

        Args:
            one: (1,) what is remembered of it; changed.
            beside: Numbers of people near it, the nearest first.
            present: Numbers of all people in the frame.
            now: Stream time.
        """
        if now - one["minded"][0] <= BLINK_S and one["owner"][0] not in present:
            # The owner went out of sight beside it, and somebody stands there: the same person,
            # as far as anybody can tell.
            one["owner"], one["minded"] = beside[0], now
        elif one["holds"][0] and one["visitor"][0] in beside and now - one["stood"][0] <= BLINK_S:
            one["stood"] = now
            if now - one["came"][0] >= STAYS_S:
                one["owner"], one["minded"] = one["visitor"], now
        elif one["holds"][0] and now - one["stood"][0] > BLINK_S:
            one["visitor"], one["came"], one["stood"] = beside[0], now, now

    def _metres(self, seen: Seen, rows: Rows, people: Rows) -> np.ndarray:
        """(rows, people) how far they are apart, about; infinite where nobody can tell."""
        places = seen.places("bottom_center")
        if self._ground is not None:
            metres = self._ground.to_metres(places)
            apart = metres[rows][:, None] - metres[people]
        else:
            boxes = seen.boxes[people]
            size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
            scale = np.array(PERSON_M) * (1.0, FORESHORTENED)
            apart = (places[rows][:, None] - places[people]) / size * scale
        distance = np.hypot(apart[..., 0], apart[..., 1])
        return np.where(np.isfinite(distance), distance, np.inf)

"""Object abandoned: a bag stands still, and whoever it belongs to is gone. Pure.

A bag belongs to whoever was nearest when it was put down. People who merely pass by are not with
it; so in a busy place a bag is missed no longer than in an empty one. Nobody is known by their
looks: an owner who left the picture comes back as somebody new, and somebody who stays beside a
reported bag for a while is taken to be with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.detections import Mask, ModelRef
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


@dataclass(slots=True)
class Bag:
    """What is remembered of one object; there are few, and they are judged one by one.

    Attributes:
        owner: Number of the person it belongs to, 0 for nobody.
        minded: When the owner was last beside it.
        visitor: Number of somebody who stays beside it though it is not theirs.
        came: Since when.
        stood: Until when.
        is_back: It ended because somebody is with it.
    """

    owner: int = 0
    minded: float = 0.0
    visitor: int = 0
    came: float = 0.0
    stood: float = 0.0
    is_back: bool = False


class Abandoned(ZoneJudge):
    """Says which objects were left behind; see the module's text.

    Args:
        options: What is watched.
        scene: Holds the zone, and the ground where it is known.
    """

    def __init__(self, options: Options, scene: Scene) -> None:
        super().__init__(options, scene, [("holds", "?")])
        self._options = options
        self._ground = scene.ground
        self._bags: dict[int, Bag] = {}  # by slot
        self._model: ModelRef | None = None
        self._owners: Mask = np.empty(0, np.bool_)

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:
        """Which bags stand still and are minded by nobody."""
        notes = self.notes(seen)
        for slot in seen.fresh:
            self._bags.pop(slot, None)
        held = notes["holds"][seen.slots]
        holds = np.zeros(len(seen.slots), np.bool_)
        rows = ((self.inside(seen) & qualify()) | held).nonzero()[0]
        if len(rows):
            holds[rows] = self._judge_some(seen, rows, held[rows].tolist())
        notes["holds"][seen.slots] = holds
        return Ruling(holds)

    def reason(self, slot: int, phase: Phase) -> str:
        """Whether an owner was seen, when it begins; whether one is back, when it ends."""
        bag = self._bags.get(slot, Bag())
        if phase == "begin":
            return "its owner has gone" if bag.owner else "nobody was seen to leave it"
        return "somebody is with it" if bag.is_back else "it was moved"

    def forget(self) -> None:
        """Forget all objects."""
        super().forget()
        self._bags.clear()

    def _judge_some(self, seen: Seen, rows: Rows, held: list[bool]) -> list[bool]:
        """Which objects of some rows are abandoned.

        Args:
            seen: The frame.
            rows: (K,) of it.
            held: Whether each was abandoned when it was last seen.
        """
        people = self._people(seen)
        numbers = seen.numbers[people].tolist()
        apart = self._metres(seen, rows, people)
        apart[rows[:, None] == people] = np.inf
        is_near = apart <= self._options.owner_metres
        slots, still_s = seen.slots[rows].tolist(), seen.still_s()[rows].tolist()
        is_there = seen.at_rest()[rows].tolist()
        abandoned = []
        for i, slot in enumerate(slots):
            near = is_near[i].nonzero()[0]
            beside = [numbers[j] for j in near[np.argsort(apart[i, near], kind="stable")].tolist()]
            is_left = self._is_left(slot, beside, numbers, seen.now, still_s[i], holds=held[i])
            is_still = is_there[i] and still_s[i] >= self._options.seconds
            abandoned.append(is_left and (held[i] or is_still))
        return abandoned

    def _is_left(
        self,
        slot: int,
        beside: list[int],
        present: list[int],
        now: float,
        still_s: float,
        *,
        holds: bool,
    ) -> bool:
        """Whether one object is minded by nobody.

        Args:
            slot: Which.
            beside: Numbers of people near it, the nearest first.
            present: Numbers of all people in the frame.
            now: Stream time.
            still_s: For how long it has stood still.
            holds: It was abandoned when it was last seen.
        """
        bag = self._bags.get(slot)
        # It is carried, or has just been put down: whoever is nearest has it.
        is_carried = bag is None or still_s < PUT_DOWN_S
        if bag is None:
            bag = self._bags[slot] = Bag()
        if is_carried:
            bag.is_back = False
            if beside:
                bag.owner, bag.minded = beside[0], now
            else:
                bag.minded = now - still_s
            return False
        if bag.owner in beside:
            bag.minded = now
        elif beside:
            self._mind(bag, beside, present, now, holds=holds)
        is_left = now - bag.minded >= self._options.seconds
        bag.is_back = not is_left and (holds or bag.is_back)
        return is_left

    @staticmethod
    def _mind(bag: Bag, beside: list[int], present: list[int], now: float, *, holds: bool) -> None:
        """Judge an object whose owner is not beside it, while somebody else is; see `_is_left`."""
        if now - bag.minded <= BLINK_S and bag.owner not in present:
            # The owner went out of sight beside it, and somebody stands there: the same person,
            # as far as anybody can tell.
            bag.owner, bag.minded = beside[0], now
        elif holds and bag.visitor in beside and now - bag.stood <= BLINK_S:
            bag.stood = now
            if now - bag.came >= STAYS_S:
                bag.owner, bag.minded = bag.visitor, now
        elif holds and now - bag.stood > BLINK_S:
            bag.visitor, bag.came, bag.stood = beside[0], now, now

    def _people(self, seen: Seen) -> Rows:
        """Rows of those something may belong to; of two as near, the one seen first counts."""
        if seen.tracks.model is not self._model:
            self._model = seen.tracks.model
            owners = self._options.owners
            self._owners = np.array([label in owners for label in self._model.labels])
        people = self._owners[seen.tracks.class_id].nonzero()[0]
        return people[np.argsort(seen.numbers[people])]

    def _metres(self, seen: Seen, rows: Rows, people: Rows) -> np.ndarray:
        """(rows, people) how far they are apart, about; infinite where nobody can tell."""
        if self._ground is not None:
            metres = seen.metres(self._ground, "bottom_center")
            apart = metres[rows][:, None] - metres[people]
        else:
            places, size = seen.places("bottom_center"), np.maximum(seen.sizes()[people], 1e-6)
            scale = np.array(PERSON_M) * (1.0, FORESHORTENED)
            apart = (places[rows][:, None] - places[people]) / size * scale
        distance: np.ndarray = np.hypot(apart[..., 0], apart[..., 1])
        distance[~np.isfinite(distance)] = np.inf
        return distance

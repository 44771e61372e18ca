"""Crowding: people stand too close together somewhere in a zone. Pure; calibrated cameras only.

More than occupancy: twenty people on a square are no crowd until they are at one corner of it. So
people are counted around each of them, in metres, and the densest place counts.
"""

from __future__ import annotations

from math import pi
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from edge.event import Kind, Phase
from edge.rules import Scene
from edge.rules._judge import Qualify, Ruling
from edge.rules._lasting import Lasting
from edge.rules._objects import Seen
from edge.rules._zone import ZoneJudge, ZoneOptions, ground_of


class Options(ZoneOptions):
    """`crowding` in YAML."""

    reports: ClassVar[Kind] = "crowding"
    needs_ground: ClassVar[bool] = True
    kind: Literal["crowding"] = "crowding"
    classes: Annotated[
        tuple[str, ...],
        Field(
            strict=False,
            description="Classes it applies to, from the model's labels; empty means all.",
            examples=[["person"]],
        ),
    ] = ("person",)
    people: Annotated[
        int,
        Field(
            ge=2,
            le=1000,
            description="So many within `metres` of one of them are a crowd, that one included.",
            examples=[12],
        ),
    ]
    metres: Annotated[
        float,
        Field(
            gt=0.0, le=100.0, description="Radius around each of them, on the ground.", examples=[2]
        ),
    ] = 2.0
    seconds: Annotated[
        float,
        Field(ge=0.0, le=86400.0, description="How long before it begins.", examples=[10]),
    ] = 10.0
    grace_seconds: Annotated[
        float,
        Field(
            ge=0.0,
            le=600.0,
            description="A shorter lapse interrupts nothing; one at least this long ends it.",
        ),
    ] = 3.0

    def judge(self, scene: Scene) -> Crowding:
        """The kind at work."""
        return Crowding(self, scene)


class Crowding(ZoneJudge):
    """Says whether there is a crowd in a zone.

    Args:
        options: What is watched.
        scene: Holds the zone, and the ground.

    Raises:
        ValueError: The camera is not calibrated; `edge check` says so before.
    """

    def __init__(self, options: Options, scene: Scene) -> None:
        super().__init__(options, scene, [])
        self._ground = ground_of(options, scene)
        self._people, self._metres = options.people, options.metres
        self._crowd = Lasting(options.seconds, options.grace_seconds)
        self._most = 0

    def update(self, seen: Seen, qualify: Qualify) -> Ruling:
        """Whether there is a crowd; who is part of it at its densest place."""
        is_there = self.inside(seen) & qualify() & seen.on_ground(self._ground, self._anchor)
        rows = is_there.nonzero()[0]
        is_near = around = None
        self._most = 0
        if len(rows) >= self._people:
            x, y = seen.metres(self._ground, self._anchor)[rows].T
            # As many as stand around each: each way is the same.
            is_near = np.hypot(x[:, None] - x, y[:, None] - y) <= self._metres
            around = np.add.reduce(is_near, axis=0, dtype=np.intp)
            self._most = int(around.max())
        whole = self._crowd.update(seen.now, is_so=self._most >= self._people)
        is_part = np.zeros(len(seen.slots), np.bool_)
        if whole and is_near is not None:
            is_part[rows[is_near[around == self._most].any(axis=0)]] = True
        return Ruling(is_part, whole=whole)

    def reason(self, slot: int, phase: Phase) -> str:  # noqa: ARG002 - there is only the whole
        """How dense, when it begins."""
        if phase != "begin":
            return ""
        density = self._most / (pi * self._metres**2)
        return f"{self._most} within {self._metres:g} m: {density:.1f} a square metre"

    def forget(self) -> None:
        """Nobody is there."""
        super().forget()
        self._crowd.forget()

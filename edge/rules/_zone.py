"""Zone: what every rule about a zone can be told, and the zone itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field

from edge.detections import Mask
from edge.geometry import contains
from edge.ground import Ground
from edge.options import Identifier, Point
from edge.rules import RuleOptions, Scene
from edge.rules._judge import Judge
from edge.rules._objects import Seen, Zone
from edge.tracks import Points


class ZoneOptions(RuleOptions):
    """What every rule about a zone can be told."""

    zone: Annotated[
        Identifier,
        Field(description="Name of the zone that is watched.", examples=["yard"]),
    ]

    @property
    def where(self) -> str:
        """The zone."""
        return self.zone


def ground_of(options: ZoneOptions, scene: Scene) -> Ground:
    """The ground of a rule that cannot do without.

    Raises:
        ValueError: The camera is not calibrated; `edge check` says so before.
    """
    if scene.ground is None:
        raise ValueError(f"rule {options.name}: expected a calibrated camera, got none")
    return scene.ground


class ZoneJudge(Judge):
    """A judge of what happens in a zone.

    Args:
        options: Which zone, and which point of a box is the place.
        scene: Holds the zone.
        notes: As for `Judge`.
    """

    def __init__(
        self, options: ZoneOptions, scene: Scene, notes: Sequence[tuple[Any, ...]]
    ) -> None:
        super().__init__(notes)
        self._anchor = options.anchor
        self._zone = _zone(tuple(scene.zones[options.zone]))

    def inside(self, seen: Seen) -> Mask:
        """(N,) who is in the zone; read-only."""
        return seen.inside(self._zone, self._anchor)

    def contains(self, place: Points) -> bool:
        """Whether one place, (2,) in fractions of the picture, lies in the zone."""
        return bool(contains(self._zone.corners, place)[0])


@lru_cache(maxsize=256)
def _zone(corners: tuple[Point, ...]) -> Zone:
    """One for all rules that watch the same zone, so that they can share its answer."""
    return Zone(corners)

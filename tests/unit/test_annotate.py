"""A drawn step shows which line or zone fires, by whom, and for how long."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edge.annotate import FLASH_S, ORANGE, SKY, VERMILION, YELLOW, Annotator, Image, bgr
from edge.detections import ModelRef
from edge.event import Event, Phase, Sighting
from edge.frame import Colour, Frame, Stamp
from edge.pipeline import Step
from edge.rules import Scene
from edge.tracks import Tracks
from tests.unit.coloured import RGB, seen_as

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
ZONE = ((0.6, 0.2), (0.9, 0.2), (0.9, 0.8), (0.6, 0.8))
SCENE = Scene(zones={"yard": ZONE}, lines={"gate": ((0.1, 0.5), (0.5, 0.5))})
ON_LINE, ON_EDGE, IN_ZONE, ON_BOX = (180, 100), (72, 480), (144, 480), (130, 32)
"""Row and column of places that nothing else is drawn on, in 640 x 360."""


def step(pts: float, *events: Event) -> Step:
    grey = np.full((360, 640), 128, np.uint8), np.full((180, 320), 128, np.uint8)
    stamp = Stamp("gate", 0, pts, AT, 0)
    tracks = Tracks(
        stamp,
        (640, 360),
        ModelRef("m", "0" * 64, ("car",)),
        np.array([[32, 110, 60, 150]], np.float32),
        np.array([0.9], np.float32),
        np.zeros(1, np.int32),
        np.array([7]),
        np.zeros(1, np.float32),
        np.zeros((1, 2), np.float32),
        np.empty(0, np.int64),
    )
    return Step(Frame(stamp, grey[0], grey[1], grey[1].copy()), None, tracks, list(events))


def event(phase: Phase, where: str) -> Event:
    who = (Sighting(7, "car", 0.9, (0.05, 0.3, 0.04, 0.1)),)
    return Event("gate", "zone_entered", phase, AT, 0, rule="r", where=where, objects=who)


def colour(image: Image, place: tuple[int, int]) -> tuple[int, ...]:
    return tuple(image[place].tolist())


def test_a_line_and_who_crossed_it_stand_out_for_a_while() -> None:
    """Then they look as before."""
    annotator = Annotator(SCENE)
    before = annotator.draw(step(0.0))
    assert (colour(before, ON_LINE), colour(before, ON_BOX)) == (VERMILION, SKY)
    fired = annotator.draw(step(1.0, event("pulse", "gate")))
    assert (colour(fired, ON_LINE), colour(fired, ON_BOX)) == (YELLOW, YELLOW)
    after = annotator.draw(step(1.01 + FLASH_S))
    assert (colour(after, ON_LINE), colour(after, ON_BOX)) == (VERMILION, SKY)


def test_a_zone_is_tinted_while_an_incident_is_open() -> None:
    """From begin to end, however long."""
    annotator = Annotator(SCENE)
    plain = colour(annotator.draw(step(0.0)), IN_ZONE)
    begun = annotator.draw(step(1.0, event("begin", "yard")))
    assert colour(begun, ON_EDGE) == YELLOW
    assert colour(begun, IN_ZONE) != plain
    lasting = annotator.draw(step(60.0))
    assert colour(lasting, ON_EDGE) == ORANGE
    assert colour(lasting, IN_ZONE) != plain
    assert colour(annotator.draw(step(61.0, event("end", "yard"))), IN_ZONE) == plain


@pytest.mark.parametrize("is_full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("rgb", RGB)
def test_colours_are_the_camera_s(
    rgb: tuple[int, int, int], matrix: str, is_full_range: bool
) -> None:
    """As in its snapshots; an odd size loses its last row and column."""
    image = bgr(seen_as(rgb, Colour(matrix, is_full_range), (67, 35)))
    assert image.shape == (34, 66, 3)
    assert np.abs(image.astype(int) - rgb[::-1]).max() <= 5

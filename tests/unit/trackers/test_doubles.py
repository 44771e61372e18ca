"""A detector that names one object twice does not make two of it."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edge.detections import Detections, ModelRef
from edge.frame import Stamp
from edge.trackers._doubles import without_doubles
from edge.trackers.bytetrack import Options

MODEL = ModelRef("test", "0" * 64, ("person", "bicycle", "truck", "bus"))
PERSON, BICYCLE, TRUCK, BUS = range(4)
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def seen(*rows: tuple[float, float, float, float, float, int], pts: float = 0.0) -> Detections:
    """Boxes of (left, top, right, bottom, confidence, class)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    stamp = Stamp("gate", 0, pts, START, 0)
    return Detections(
        stamp,
        (640, 360),
        MODEL,
        table[:, :4].copy(),
        table[:, 4].copy(),
        table[:, 5].astype(np.int32),
    )


LORRY = (100.0, 100.0, 200.0, 200.0)
ALMOST = (102.0, 101.0, 201.0, 203.0)


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        pytest.param([(*LORRY, 0.5, TRUCK), (*ALMOST, 0.7, BUS)], [BUS], id="the surer stays"),
        pytest.param(
            [(*LORRY, 0.7, TRUCK), (*ALMOST, 0.7, BUS)], [TRUCK], id="of equals the first"
        ),
        pytest.param(
            [(*LORRY, 0.5, TRUCK), (*ALMOST, 0.7, TRUCK)],
            [TRUCK, TRUCK],
            id="one class is the detector's business",
        ),
        pytest.param(
            [(100, 100, 140, 200, 0.8, PERSON), (90, 140, 160, 210, 0.7, BICYCLE)],
            [PERSON, BICYCLE],
            id="a rider and the bicycle are two",
        ),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_box_that_a_surer_one_of_another_class_covers_goes(
    rows: list[tuple[float, float, float, float, float, int]], kept: list[int]
) -> None:
    """Only nearly the same box, and only of another class."""
    assert without_doubles(seen(*rows)).class_id.tolist() == kept


def test_a_lorry_seen_as_truck_and_bus_is_one_track() -> None:
    """Followed over ten frames it has one number."""
    tracker = Options().build()
    numbers: set[int] = set()
    for frame in range(10):
        shift = 8.0 * frame
        box, other = (
            (left + shift, top, right + shift, bottom)
            for left, top, right, bottom in (LORRY, ALMOST)
        )
        tracks = tracker.update(seen((*box, 0.6, TRUCK), (*other, 0.55, BUS), pts=frame / 8))
        numbers |= set(tracks.track_id.tolist())
    assert numbers == {1}


def test_a_lorry_whose_class_flips_stays_one_track_although_the_network_is_never_sure() -> None:
    """Truck in one frame and bus in the next, at 0.4: the place tells that it is the same."""
    tracker = Options().build()
    numbers: set[int] = set()
    for frame in range(16):
        left, top, right, bottom = LORRY
        shift = 8.0 * frame
        label = TRUCK if frame // 4 % 2 else BUS
        tracks = tracker.update(
            seen((left + shift, top, right + shift, bottom, 0.4, label), pts=frame / 8)
        )
        numbers |= set(tracks.track_id.tolist())
        assert frame < 3 or len(tracks) == 1
    assert numbers == {1}

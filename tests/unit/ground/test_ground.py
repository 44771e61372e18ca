"""The ground plane: metres and back, pixels a metre, speed and direction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.calibration import CalibrationError, from_distances, from_heights, from_points
from edge.demo._raster import Camera
from edge.detail import classes, density
from edge.ground import Ground, course
from edge.tracks import Points

SIZE_WH = (1280, 720)
PLACES = np.array([[-6.0, 14.0], [5.0, 13.0], [7.0, 31.0], [-8.0, 28.0], [0.0, 20.0]])
"""On the ground, metres, all in the picture of every camera tried here."""
CAMERAS = [Camera(), Camera(pole=6.0, pitch=0.3), Camera(pole=9.0, pitch=0.42)]
each_camera = pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: f"{c.pole:g} m")


def seen(camera: Camera, metres: Points, z: float = 0.0) -> Points:
    """Where the drawn street's camera shows places, in fractions: an independent projection."""
    world = np.column_stack([metres, np.full(len(metres), z)]).astype(np.float32)
    pixels, _ = camera.project(world)
    return pixels.astype(np.float64) / (camera.width, camera.height)


def measured(camera: Camera, way: str, click_px: float = 0.0, n: int = 5) -> Ground:
    """A calibration done by somebody whose hand shakes."""
    shake = np.random.default_rng(4).normal(size=(2, n, 2)) * click_px / SIZE_WH
    feet, metres = seen(camera, PLACES[:n]) + shake[0], PLACES[:n]
    if way == "points":
        return from_points(feet, metres, SIZE_WH)
    if way == "heights":
        heads = seen(camera, PLACES[:n], 1.7) + shake[1]
        return from_heights(feet, heads, np.full(n, 1.7), SIZE_WH)
    pairs = list(combinations(range(n), 2))
    far = [float(np.hypot(*(metres[i] - metres[j]))) for i, j in pairs]
    return from_distances(feet, pairs, far, SIZE_WH)


WAYS = ["points", "distances", "heights"]


@each_camera
@pytest.mark.parametrize("way", WAYS)
def test_true_measurements_give_the_true_ground(camera: Camera, way: str) -> None:
    """Distances, speed and pixels a metre of a known camera, from each way of measuring."""
    ground = measured(camera, way)
    place = ground.to_metres(seen(camera, PLACES))
    far, true = place[1:] - place[:-1], PLACES[1:] - PLACES[:-1]
    assert np.hypot(*far.T) == pytest.approx(np.hypot(*true.T), rel=1e-3)
    depth = PLACES[:, 1] * np.cos(camera.pitch) + camera.pole * np.sin(camera.pitch)
    given_ = ground.pixels_per_metre(seen(camera, PLACES), SIZE_WH)
    assert given_ == pytest.approx(camera.focal / depth, rel=1e-3)
    assert ground.error_m < 0.01


@each_camera
@pytest.mark.parametrize("way", WAYS)
def test_two_pixels_of_click_are_a_few_percent(camera: Camera, way: str) -> None:
    """The error is shown, and the figures stay usable."""
    ground, true = measured(camera, way, click_px=2.0), measured(camera, way)
    there = seen(camera, PLACES)
    ratio = ground.pixels_per_metre(there, SIZE_WH) / true.pixels_per_metre(there, SIZE_WH)
    assert np.abs(ratio - 1).max() < 0.08
    assert 0.005 < ground.error_m < 1.0
    assert ground.n_spare > 0


def test_four_points_have_no_error_to_show() -> None:
    """They fit exactly, and it is said that nothing is left to check them with."""
    ground = measured(CAMERAS[0], "points", click_px=5.0, n=4)
    assert ground.error_m == pytest.approx(0.0, abs=1e-6)
    assert ground.n_spare == 0


def test_above_the_horizon_there_is_no_ground() -> None:
    """The sky has no metres, and nothing raises."""
    ground = measured(CAMERAS[0], "points")
    sky = np.array([[0.5, 0.1], [0.2, 0.0]])
    assert np.isnan(ground.to_metres(sky)).all()
    assert np.isnan(ground.pixels_per_metre(sky, SIZE_WH)).all()
    assert np.isnan(ground.velocity(sky, sky)).all()
    assert np.isnan(ground.to_picture(np.array([[0.0, -50.0]]))).all()


def test_nothing_in_gives_nothing_out() -> None:
    """An empty frame has shapes too."""
    ground, none = measured(CAMERAS[0], "points"), np.empty((0, 2))
    assert ground.to_metres(none).shape == ground.to_picture(none).shape == (0, 2)
    assert ground.velocity(none, none).shape == (0, 2)
    assert ground.pixels_per_metre(none, SIZE_WH).shape == (0,)


@given(st.floats(-8, 8), st.floats(10, 40), st.floats(-15, 15), st.floats(-15, 15))
def test_to_the_ground_and_back(x: float, y: float, vx: float, vy: float) -> None:
    """The two directions are inverse, and velocity is the limit of a small step."""
    ground = measured(CAMERAS[0], "points")
    there = ground.to_picture(np.array([[x, y]]))
    assert ground.to_metres(there) == pytest.approx(np.array([[x, y]]), abs=1e-6)
    step = (ground.to_picture(np.array([[x + vx * 1e-4, y + vy * 1e-4]])) - there) / 1e-4
    assert ground.velocity(there, step) == pytest.approx(np.array([[vx, vy]]), abs=2e-2)


def test_a_course_is_a_fit_not_a_sum_of_jitter() -> None:
    """North-east at 1.4 m/s, seen with 0.3 m of jitter; the error says how sure it is."""
    seconds = np.arange(0, 5, 0.125)
    way = np.outer(seconds, [1.0, 1.0]) + np.random.default_rng(1).normal(0, 0.3, (40, 2))
    found = course(seconds, way)
    assert found.speed == pytest.approx(np.sqrt(2), abs=3 * found.error)
    assert found.direction == pytest.approx(45, abs=5)
    assert 0.01 < found.error < 0.1
    assert np.hypot(*np.diff(way, axis=0).T).sum() / 5 > 3


def test_a_course_needs_two_places() -> None:
    """One place, no time, or sky: not a number, rather than a wrong one."""
    assert np.isnan(course([1.0], [[0, 0]]).speed)
    assert np.isnan(course([1.0, 1.0], [[0, 0], [1, 0]]).speed)
    assert np.isnan(course([1.0, 2.0], np.array([[0, 0], [np.nan, 0]])).speed)
    assert course([0.0, 2.0], [[0, 0], [-3, 0]]).direction == pytest.approx(270)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        pytest.param(
            lambda c: from_points(seen(c, PLACES[:3]), PLACES[:3], SIZE_WH),
            "3 points give no ground plane; it takes 4",
            id="three points",
        ),
        pytest.param(
            lambda c: from_points(
                seen(c, on := np.array([[k, 15.0 + k] for k in range(6)])), on, SIZE_WH
            ),
            "lie on one line",
            id="on a line",
        ),
        pytest.param(
            lambda c: from_points(
                seen(c, on := np.array([[0.0, 15], [2, 16], [4, 17.0], [0, 30]])), on, SIZE_WH
            ),
            "or all but one do",
            id="three of four on a line",
        ),
        pytest.param(
            lambda c: from_points(seen(c, PLACES[:4]), PLACES[[0, 2, 1, 3]], SIZE_WH),
            "the horizon would run between them",
            id="two swapped",
        ),
        pytest.param(
            lambda c: from_points(seen(c, PLACES), PLACES * [1, -1], SIZE_WH),
            "mirror image",
            id="a plan whose y runs down",
        ),
        pytest.param(
            lambda c: from_distances(seen(c, PLACES), [(0, 1)] * 4, [11.0] * 4, SIZE_WH),
            "4 distances give no ground plane; it takes 5",
            id="four distances",
        ),
        pytest.param(
            lambda c: from_distances(seen(c, PLACES), [(0, 1)] * 6, [11.0] * 6, SIZE_WH),
            "too alike",
            id="one distance six times",
        ),
        pytest.param(
            lambda c: from_heights(
                seen(c, PLACES[:2]), seen(c, PLACES[:2], 1.7), [1.7, 1.7], SIZE_WH
            ),
            "2 heights give no ground plane; it takes 3",
            id="two heights",
        ),
        pytest.param(
            lambda c: from_heights(
                seen(c, on := np.array([[x, 15.0] for x in (-1.0, -0.5, 0.0)])),
                seen(c, on, 1.7),
                [1.7] * 3,
                SIZE_WH,
            ),
            "too alike",
            id="heights side by side",
        ),
    ],
)
def test_what_gives_no_ground_is_an_error_with_a_remedy(
    build: Callable[[Camera], Ground], said: str
) -> None:
    """Never a plane out of nothing."""
    with pytest.raises(CalibrationError, match=said) as caught:
        build(CAMERAS[0])
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (10.0, (None, None)),
        (12.5, ("monitor", None)),
        (62.4, ("detect", "outline")),
        (62.5, ("observe", "outline")),
        (125.0, ("recognise", "perceive")),
        (249.9, ("recognise", "perceive")),
        (2000.0, ("identify", "scrutinise")),
        (float("nan"), (None, None)),
    ],
)
def test_detail_classes_of_both_editions(
    figure: float, expected: tuple[str | None, str | None]
) -> None:
    """The finest class that is reached, boundaries included."""
    assert classes(figure) == expected


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [(55.6, 116.0, "55.6 to 116"), (62.2, 62.2000001, "62.2"), (0.0, 40.0, "0 to 40")],
)
def test_what_reads_alike_is_said_once(least: float, most: float, said: str) -> None:
    """The last bits are another processor's; a technician reads three figures."""
    assert density(least, most) == said

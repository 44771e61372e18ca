"""Gates look where something moves, and never close on what is followed."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.detectors import Models, unbatched
from edge.detectors.motion import Options as MotionDetectorOptions
from edge.frame import Frame, Plane, Stamp
from edge.gates import Rate
from edge.gates.motion import Motion, Options
from edge.masks import Masks
from edge.pipeline import Pipeline
from edge.trackers.bytetrack import Options as TrackerOptions
from tests.scenes.disturbances import PASSING, QUIET, Picture, tree, yard
from tests.scenes.quiet import Quiet, remembered, watch

RANDOM = np.random.default_rng(7)


def frame(pts: float, luma: Plane) -> Frame:
    stamp = Stamp("c", 0, pts, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)
    half = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return Frame(stamp, luma, half, half.copy())


@cache
def noises(sigma: float) -> list[NDArray[np.float64]]:
    return [RANDOM.normal(0, sigma, (360, 640)) for _ in range(16)]


def scene(*, noise: float = 0.0, box_at: int | None = None) -> Plane:
    luma = np.full((360, 640), 90.0)
    if noise:
        luma += noises(noise)[RANDOM.integers(16)]
    if box_at is not None:
        luma[200:260, box_at : box_at + 24] = 180
    return luma.clip(0, 255).astype(np.uint8)


def opened(gate: Motion, lumas: list[Plane], *, start: float = 0.0, fps: float = 8) -> list[bool]:
    return [
        gate.is_open(frame(start + index / fps, luma), is_following=False)
        for index, luma in enumerate(lumas)
    ]


@pytest.mark.parametrize("noise", [0.0, 4.0, 10.0])
def test_a_still_scene_is_looked_at_less_and_less(noise: float) -> None:
    """Sensor noise does not open it; looks are due at twice the quiet, at last every 10 s."""
    gate = Options().build()
    lumas = [scene(noise=noise) for _ in range(8 * 60)]
    looked = [i / 8 for i, is_open in enumerate(opened(gate, lumas)) if is_open]
    gaps = np.diff([at for at in looked if at >= 2.0])
    np.testing.assert_allclose(gaps, [2, 4, 8, 10, 10, 10, 10], atol=0.26)


def test_looks_are_as_often_as_was_asked_for() -> None:
    """`look_seconds: 1` is a look a second, however long it has been quiet."""
    gate = Options(look_seconds=1).build()
    still = opened(gate, [scene(noise=3) for _ in range(8 * 20)])
    assert sum(still[8 * 10 :]) == 10


def test_after_something_was_followed_it_looks_often_again() -> None:
    """Who was lost where he stands is asked for at once, not in ten seconds."""
    gate = Options().build()
    opened(gate, [scene(noise=3) for _ in range(8 * 40)])
    gate.is_open(frame(40.0, scene(noise=3)), is_following=True)
    after = opened(gate, [scene(noise=3) for _ in range(8 * 8)], start=40.125)
    assert sum(after) >= 4


def test_a_small_mover_opens_it_at_once() -> None:
    """The first frame with something new in it is looked at."""
    gate = Options().build()
    opened(gate, [scene(noise=3) for _ in range(40)])
    moving = opened(gate, [scene(noise=3, box_at=50 + 8 * i) for i in range(16)], start=5.0)
    assert all(moving)


def test_it_stays_open_while_something_is_followed() -> None:
    """A track is never left alone."""
    gate = Options().build()
    assert all(gate.is_open(frame(i / 8, scene()), is_following=True) for i in range(60))


@pytest.mark.parametrize("name", sorted(QUIET.keys() - {"snow"}))
def test_weather_does_not_keep_it_awake_and_hides_nobody(name: str) -> None:
    """After half a minute it rests most of the time; who then walks in is looked at throughout.

    Snow is left out: near flakes are as large as people, and it stays open.
    """
    luma = remembered(Quiet(yard(320, 180), QUIET[name], walk_at=60.3))
    looks = watch(Options().build(), luma, 66.0)
    assert looks.awake_share(25.0, 60.0) < 0.25
    walking = looks.looks(60.3, 66.0)
    assert walking[0] - 60.3 < 0.3
    assert len(walking) >= 0.95 * 5.7 * 8


@pytest.mark.parametrize("name", sorted(PASSING))
def test_what_passes_the_lens_leaves_it_sharp(name: str) -> None:
    """Headlights and insects may open it; they teach it nothing that hides a walker."""
    looks = watch(
        Options().build(), remembered(Quiet(yard(320, 180), PASSING[name], walk_at=43.3)), 45.0
    )
    assert looks.awake_share(10.0, 43.0) < 0.7
    assert len(looks.looks(43.3, 45.0)) >= 0.9 * 1.7 * 8


def test_wind_that_rises_is_got_used_to() -> None:
    """A tree still at first opens it when it begins to sway, and no more half a minute later."""

    def rising(picture: Picture, at_s: float) -> Picture:
        return tree(picture, max(0.0, at_s - 20.0), sway=0.06)

    looks = watch(Options().build(), remembered(Quiet(yard(320, 180), rising)), 75.0)
    assert looks.awake_share(20.0, 30.0) > 0.5
    assert looks.awake_share(55.0, 75.0) < 0.4


def test_who_is_followed_is_not_learnt_as_unrest() -> None:
    """A sentry sways for a minute: followed, the next one in his place opens it; else not."""
    opens = []
    sentry, nobody = scene(box_at=300), scene()
    for is_following in (True, False):
        gate = Options(linger_seconds=0, look_seconds=60).build()
        opened(gate, [nobody] * 80)
        for i in range(8 * 60):
            luma = sentry if i % 8 < 4 else nobody
            gate.is_open(frame(10 + i / 8, luma), is_following=is_following)
        opened(gate, [nobody] * 80, start=70.0)
        faint = scene()
        faint[200:260, 300:324] += 40
        opens.append(gate.is_open(frame(80.0, faint), is_following=False))
    assert opens == [True, False]


def test_another_picture_is_looked_at_and_learnt_anew() -> None:
    """A lamp, an infrared filter, a turned camera: open for `linger_seconds`, then at rest."""
    gate = Options().build()
    opened(gate, [scene(noise=3) for _ in range(80)])
    other = np.ascontiguousarray(yard(640, 360)).clip(0, 255).astype(np.uint8)
    after = opened(gate, [other] * 40, start=10.0)
    assert after[0]
    assert gate.is_idle
    assert not any(after[8 * 2 + 2 : 8 * 4 - 2])


def test_a_bus_before_the_lens_opens_it() -> None:
    """What fills most of the picture is no change of light."""
    gate = Options().build()
    opened(gate, [scene(noise=3) for _ in range(8 * 30)])
    bus = scene(noise=3)
    bus[40:, 100:] = 200
    assert gate.is_open(frame(30.0, bus), is_following=False)


def test_light_that_changes_slowly_does_not_open_it() -> None:
    """A tenth more in five seconds, as clouds do, over a picture that is half white sky."""
    gate = Options(look_seconds=60).build()
    still = yard(640, 360)
    still[:180] = 255
    lit = [still * (1 + 0.1 * min(1.0, max(0, i - 80) / 40)) for i in range(200)]
    is_open = opened(gate, [luma.clip(0, 255).astype(np.uint8) for luma in lit])
    assert sum(is_open[8 * 8 :]) <= 2


def test_what_moves_under_a_mask_never_counts() -> None:
    """Nor does the black of the mask when the light around it changes."""
    mask = [[(0.0, 0.55), (1.0, 0.55), (1.0, 1.0), (0.0, 1.0)]]
    for masks, opens in ((Masks(mask), False), (Masks(), True)):
        gate = Options().build()
        detector = MotionDetectorOptions(kind="motion").engine(Models([]), unbatched).detector()
        tracker = TrackerOptions(kind="bytetrack").build()
        pipeline = Pipeline(masks, gate, detector, tracker, [])
        for i in range(80):
            pipeline.step(frame(i / 8, scene(noise=2)))
        assert pipeline.is_idle
        walker = scene(noise=2, box_at=300)  # from y = 200 of 360 on
        assert pipeline.stirs(frame(10.0, walker)) is opens
        lighter = scene(noise=2) + np.uint8(20)  # of 12 that count
        assert not pipeline.stirs(frame(10.125, lighter))


def test_a_keyframe_that_stirs_teaches_nothing() -> None:
    """It comes again after those before it; else its object would be half background by then."""
    gate = Options().build()
    opened(gate, [scene() for _ in range(80)])
    for i in range(20):
        assert gate.stirs(frame(12.0 + i, scene(box_at=300)))


@pytest.mark.parametrize(
    ("stream_fps", "wanted", "expected"),
    [(25, 8, 80), (12.5, 8, 80), (10, 8, 80), (5, 8, 50), (8, 8, 80)],
)
def test_the_rate_is_kept_on_average(stream_fps: float, wanted: float, expected: int) -> None:
    """Ten seconds of stream give the wanted number of frames, or all of a slower stream."""
    rate = Rate(wanted)
    n = sum(rate.is_due(i / stream_fps) for i in range(int(10 * stream_fps)))
    assert abs(n - expected) <= 2


def test_after_a_gap_the_rate_does_not_catch_up() -> None:
    """A reconnection is not followed by a burst."""
    rate = Rate(2)
    assert rate.is_due(0)
    assert [rate.is_due(100 + i / 10) for i in range(6)] == [True] + [False] * 3 + [True, False]

"""Motion sees what moves, keeps quiet about the rest, and counts in seconds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.detections import ANY_LABEL, Detections
from edge.detectors import Models, unbatched
from edge.detectors.motion import MotionDetector, Options
from tests.unit.detectors.tiny_model import frame

WIDTH, HEIGHT = 640, 360
Luma = NDArray[np.uint8]


def detector(**told: object) -> MotionDetector:
    options = Options.model_validate({"kind": "motion", **told})
    return options.engine(Models([]), unbatched).detector()


@cache
def street(seed: int, brightness: int = 90) -> Luma:
    """A textured, noisy picture without anything in it."""
    texture = np.random.default_rng(1).integers(-30, 30, (HEIGHT // 8, WIDTH // 8))
    noise = np.random.default_rng(seed).normal(0, 2, (HEIGHT, WIDTH))
    picture = brightness + np.kron(texture, np.ones((8, 8))) + noise
    return picture.clip(0, 255).astype(np.uint8)


def with_person(picture: Luma, left: int) -> Luma:
    """Something bright, 40 x 100, standing at y = 200..300."""
    picture = picture.copy()
    picture[200:300, left : left + 40] = 250
    return picture


def watch(
    looking: MotionDetector, seconds: float, *, start: float = 0.0, fps: float = 8, left: int | None
) -> list[Detections]:
    """Show an empty street, or one with a person who stands at `left`."""
    seen = []
    for number in range(round(seconds * fps)):
        picture = street(number % 20)
        if left is not None:
            picture = with_person(picture, left)
        seen.append(looking.detect(frame(picture, start + number / fps)))
    return seen


def test_a_walker_is_boxed_as_object() -> None:
    """In frame pixels, to within a few, surely, and as the class that matches every filter."""
    looking = detector()
    watch(looking, 3, left=None)
    for step in range(20):
        left = 100 + 16 * step
        seen = looking.detect(frame(with_person(street(step), left), 3 + step / 8))
        assert len(seen) >= 1
        best = int(np.argmax(seen.confidence))
        np.testing.assert_allclose(seen.xyxy[best, 1::2], [200, 300], atol=8)
        assert seen.xyxy[best, 0] <= left + 8
        assert seen.xyxy[best, 2] >= left + 32
        assert seen.confidence[best] > 0.5
        assert seen.model.labels[seen.class_id[best]] == ANY_LABEL


def test_noise_is_not_motion() -> None:
    """Ten seconds of an empty street give no box at all."""
    assert sum(map(len, watch(detector(), 10, left=None))) == 0


def test_nothing_is_said_before_the_background_is_learnt() -> None:
    """Not in the first two seconds, whoever walks."""
    looking = detector()
    for step in range(16):
        picture = with_person(street(step), 20 * step)
        assert len(looking.detect(frame(picture, step / 8))) == 0


@pytest.mark.parametrize("fps", [4, 15])
@pytest.mark.parametrize("still_seconds", [1.0, 3.0])
def test_what_stands_still_becomes_background(fps: float, still_seconds: float) -> None:
    """After the time that was set, at any rate of looking."""
    looking = detector(still_seconds=still_seconds)
    # Long enough to be past the first frames, which are learnt faster.
    watch(looking, 10 * still_seconds, fps=fps, left=None)
    seen = watch(looking, 3 * still_seconds, start=10 * still_seconds, fps=fps, left=300)
    visible = [len(d) > 0 for d in seen]
    assert all(visible[: round(0.6 * still_seconds * fps)])
    assert not any(visible[round(1.6 * still_seconds * fps) :])


def test_a_light_switch_is_no_giant_object() -> None:
    """The whole picture changing is learnt anew and counted; then it watches again."""
    looking = detector()
    watch(looking, 3, left=None)
    for step in range(24):
        assert len(looking.detect(frame(street(step, brightness=170), 3 + step / 8))) == 0
    assert looking.n_relearnt == 1
    assert len(looking.detect(frame(with_person(street(0, brightness=170), 300), 6.0))) == 1


def test_small_changes_are_below_the_limit() -> None:
    """`min_area` is a share of the picture: 40 x 100 pixels are 1.7 % of this one."""
    for min_area, count in ((0.01, 1), (0.03, 0)):
        looking = detector(min_area=min_area)
        watch(looking, 3, left=None)
        seen = looking.detect(frame(with_person(street(0), 300), 3.0))
        assert len(seen) == count


def test_doubtful_boxes_stay_out() -> None:
    """A thin diagonal fills little of its box, and little is its confidence."""
    line = np.eye(HEIGHT, WIDTH, dtype=bool) | np.eye(HEIGHT, WIDTH, 1, dtype=bool)
    line |= np.eye(HEIGHT, WIDTH, 2, dtype=bool) | np.eye(HEIGHT, WIDTH, 3, dtype=bool)
    for confidence, count in ((0.01, 1), (0.35, 0)):
        looking = detector(confidence=confidence)
        watch(looking, 3, left=None)
        seen = looking.detect(frame(np.where(line, np.uint8(255), street(0)), 3.0))
        assert len(seen) == count


def test_cameras_do_not_share_a_background() -> None:
    """Each detector of one engine learns for itself."""
    engine = Options(kind="motion").engine(Models([]), unbatched)
    one, other = engine.detector(), engine.detector()
    watch(one, 3, left=None)
    assert len(one.detect(frame(with_person(street(0), 300), 3.0))) == 1
    assert len(other.detect(frame(with_person(street(0), 300), 3.0))) == 0


def test_a_new_size_starts_anew() -> None:
    """A camera that changes its resolution is learnt again, without an error."""
    looking = detector()
    watch(looking, 3, left=None)
    small = street(0)[::2, ::2]
    assert len(looking.detect(frame(small, 3.0))) == 0
    assert len(looking.detect(frame(small, 5.5))) == 0


@settings(max_examples=20)
@given(st.integers(1, 900), st.integers(1, 300))
def test_any_size_of_frame_is_taken(width: int, height: int) -> None:
    """One pixel wide, odd, tall: boxes stay inside the frame."""
    looking = detector(min_area=0.0, confidence=0.01)
    picture = np.full((height, width), 90, np.uint8)
    for number in range(20):
        looking.detect(frame(picture, number / 8))
    changed = picture.copy()
    changed[: height // 2 + 1, : width // 2 + 1] = 250
    seen = looking.detect(frame(changed, 2.5))
    assert (seen.xyxy >= 0).all()
    assert (seen.xyxy <= np.array((width, height) * 2) + 1e-3).all()


def test_the_reference_names_the_parameters() -> None:
    """Another setting is another model in the record; the same setting is the same."""
    references = {detector(**told).model.sha256 for told in ({}, {}, {"min_area": 0.02})}
    assert len(references) == 2
    assert all(len(sha256) == 64 for sha256 in references)

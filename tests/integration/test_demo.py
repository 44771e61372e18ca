"""The demo does the main job on a machine with nothing: no weights, no camera, no broker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.demo.street import DEMO_LINE, Truth, cached
from tests.clips import encode
from tests.rtsp_camera import RtspCamera

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = 16


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the street in it, as the second demo finds it."""
    folder = tmp_path_factory.mktemp("cache")
    cached(folder / "edge")
    return folder


def demo(
    cache: Path, *arguments: str, models: Path | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=cache,  # where there is no folder `models`
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "EDGE_MODELS": str(models or "")},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_without_weights_the_chain_runs_and_says_what_is_missing(cache: Path) -> None:
    """Crossings come back from the broker, seen by the motion detector, said so plainly."""
    done = demo(cache, "--offline", "--seconds", str(SECONDS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "edge model pull yolox-nano" in done.stdout
    assert "line_crossed" in done.stdout
    assert "analysis_degraded begin" in done.stdout
    assert "object" in done.stdout
    assert re.search(r"the device page is at http://127\.0\.0\.1:\d+/", done.stdout)


def test_with_weights_people_and_cars_cross_as_the_truth_has_it(cache: Path, shared: Path) -> None:
    """What comes back is what the street's own truth says, one for one, in order."""
    done = demo(cache, "--seconds", str(SECONDS), models=shared / "models")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = [
        line.split()[5:7] for line in done.stdout.splitlines() if "line_crossed" in line
    ]  # such as ["right", "car"]
    clip, truth = cached(cache / "edge")
    wanted = [[c.direction, c.name] for c in truth.crossings(DEMO_LINE)]
    assert clip.is_file()
    assert isinstance(truth, Truth)
    assert len(seen) >= 4
    assert seen == wanted[: len(seen)]


def test_nothing_seen_is_a_failure(cache: Path, tmp_path: Path) -> None:
    """A picture in which nothing moves brings no event, and the exit code says so."""
    still = encode(tmp_path / "still.mp4", n_frames=30, is_steady=True, has_box=False)
    done = demo(cache, str(still), "--offline", "--seconds", "6")
    assert done.returncode == 1
    assert "0 events" in done.stdout


@pytest.mark.network
def test_a_real_camera_in_place_of_the_street(cache: Path) -> None:
    """`edge demo rtsp://user:password@...` watches it, and never shows the password."""
    clip, _ = cached(cache / "edge")
    with RtspCamera(clip, "viewer", "s3cret-demo") as camera:
        done = demo(cache, camera.url, "--offline", "--seconds", str(SECONDS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "line_crossed" in done.stdout
    assert "s3cret-demo" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "url", ["http://viewer:s3cret@camera/stream", "rtsp://viewer:s3cret/x@camera/stream"]
)
def test_an_address_that_is_no_camera_is_exit_2(cache: Path, url: str) -> None:
    """A mistyped argument is the user's to mend."""
    done = demo(cache, url, "--offline")
    assert done.returncode == 2
    assert "expected rtsp://" in done.stderr
    assert "s3cret" not in done.stderr

"""The RTSP camera that other tests rely on behaves as a camera does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import encode
from tests.rtsp_camera import RtspCamera

pytestmark = pytest.mark.network

FPS = 25
PICTURES = 10  # 0.4 s: a test that wants a second round need not wait long for it
ROUNDS = 2 * PICTURES + PICTURES // 2
PATIENCE_S = 5.0
OPTIONS = {
    "rtsp_transport": "tcp",
    "analyzeduration": "200000",  # microseconds; by default FFmpeg watches for seconds first
}


def record(path: Path, b_frames: int) -> Path:
    return encode(path, n_frames=PICTURES, fps=FPS, gop=PICTURES // 2, b_frames=b_frames)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groups of pictures of H.264, without B-frames: as cameras encode."""
    return record(tmp_path_factory.mktemp("rtsp") / "clip.mp4", b_frames=0)


def pictures(url: str, patience_s: float = PATIENCE_S) -> Iterator[tuple[float | None, bytes]]:
    """Presentation time in seconds, and bytes. FFmpeg gives the very first picture no time."""
    with av.open(url, options=OPTIONS, timeout=patience_s) as container:
        for packet in container.demux(video=0):
            time_s = None if packet.pts is None else float(packet.pts * packet.time_base)
            yield time_s, bytes(packet)


def times_s(url: str, count: int) -> list[float]:
    return list(islice((time_s for time_s, _ in pictures(url) if time_s is not None), count))


def last_nal_unit(picture: bytes) -> bytes:
    """The slice of a picture as MP4 holds it: each NAL unit after its length in four bytes."""
    while True:
        end = 4 + int.from_bytes(picture[:4], "big")
        if end == len(picture):
            return picture[4:]
        picture = picture[end:]


def test_rounds_join_into_one_stream(clip: Path) -> None:
    """Over more than two rounds of the clip, times rise by one picture's duration each."""
    with RtspCamera(clip) as camera:
        times = times_s(camera.url, ROUNDS)
    assert np.diff(times) == pytest.approx(1 / FPS, abs=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_reordered_pictures_join_too(tmp_path: Path, suffix: str) -> None:
    """B-frames leave no gap at a join, whether or not the container holds decoding times."""
    with RtspCamera(record(tmp_path / f"clip{suffix}", b_frames=2)) as camera:
        times = times_s(camera.url, ROUNDS)
    # Of the last few, one that is shown earlier may be yet to come.
    assert np.diff(sorted(times)[:-3]) == pytest.approx(1 / FPS, abs=1e-3)


def test_pictures_come_in_real_time(clip: Path) -> None:
    """A round of the clip does not arrive faster than it plays."""
    with RtspCamera(clip) as camera:
        stream = pictures(camera.url)
        next(stream)
        started = time.monotonic()
        for _ in range(2 * PICTURES):  # some of the first were held back while FFmpeg probed
            next(stream)
        took_s = time.monotonic() - started
    assert took_s > PICTURES / FPS


def test_the_bits_are_the_clips_own(clip: Path) -> None:
    """Slices arrive as the clip holds them: nothing is encoded again on the way."""
    with av.open(str(clip)) as container:
        sent = [last_nal_unit(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    with RtspCamera(clip) as camera:
        received = [picture for _, picture in islice(pictures(camera.url), PICTURES)]
    assert [picture[-len(nal) :] for picture, nal in zip(received, sent, strict=True)] == sent


def test_the_right_password_opens(clip: Path) -> None:
    """Credentials with characters that an address must escape are accepted."""
    with RtspCamera(clip, "viewer", "p@ss/word:1") as camera:
        assert len(times_s(camera.url, 2)) == 2


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("viewer", "wrong", id="wrong password"),
        pytest.param("nobody", "right", id="unknown user"),
        pytest.param(None, None, id="no credentials"),
    ],
)
def test_anyone_else_is_refused(clip: Path, user: str | None, password: str | None) -> None:
    """Whoever has not the camera's own credentials gets 401."""
    with (
        RtspCamera(clip, "viewer", "right") as camera,
        pytest.raises(av.error.HTTPUnauthorizedError),
    ):
        next(pictures(camera.url_as(user, password)))


def test_clients_share_a_stream_when_told_to(clip: Path) -> None:
    """A second client of a shared stream joins where the first one is, not at the clip's start."""
    with RtspCamera(clip, shared=True) as camera:
        first = pictures(camera.url)
        _, start = next(first)
        for _ in range(PICTURES // 2 + 2):
            next(first)
        # One may chance to join where the clip begins again; three in a row do not.
        joined = {next(pictures(camera.url))[1] for _ in range(3)}
    assert joined != {start}


def test_it_comes_back_at_the_same_address(clip: Path) -> None:
    """Off, it refuses connections; on again, the address from before serves."""
    with RtspCamera(clip) as camera:
        url = camera.url
        assert next(pictures(url))
        camera.stop()
        with pytest.raises(ConnectionRefusedError):
            next(pictures(url))
        camera.start()
        assert next(pictures(url))
        camera.restart()
        assert next(pictures(url))


def test_a_killed_camera_ends_the_stream(clip: Path) -> None:
    """A client sees its stream end at once, without waiting for its own time limit."""
    with RtspCamera(clip) as camera:
        stream = pictures(camera.url)
        next(stream)
        started = time.monotonic()
        camera.kill()
        with contextlib.suppress(av.FFmpegError):
            for _ in stream:
                pass
    assert time.monotonic() - started < PATIENCE_S / 2


def test_a_frozen_camera_says_nothing_until_thawed(clip: Path) -> None:
    """A hung camera keeps its client waiting until the client gives up; thawed, it serves again."""
    with RtspCamera(clip) as camera:
        stream = pictures(camera.url, patience_s=1.0)
        next(stream)
        camera.freeze()
        with pytest.raises(av.error.ExitError):
            list(stream)
        camera.thaw()
        assert next(pictures(camera.url))

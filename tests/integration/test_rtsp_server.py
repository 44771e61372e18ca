"""The RTSP camera that other tests rely on behaves as a camera does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from tests.rtsp_camera import RtspCamera

pytestmark = pytest.mark.network

FPS = 10
PICTURES = 10  # one second: a test that wants a second round need not wait long for it
OPTIONS = {
    "rtsp_transport": "tcp",
    "analyzeduration": "200000",  # microseconds; by default FFmpeg watches for seconds first
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of H.264: a keyframe every half second, no B-frames, as cameras encode."""
    path = tmp_path_factory.mktemp("rtsp") / "clip.mp4"
    encode(path, bf="0")
    return path


def encode(path: Path, **options: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"preset": "veryfast", **options}
        )
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.gop_size = FPS // 2
        for index in range(PICTURES):
            grey = np.full((48, 64, 3), 20 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def packets(url: str, patience_s: float = 5.0) -> Iterator[av.Packet]:
    with av.open(url, options=OPTIONS, timeout=patience_s) as container:
        yield from container.demux(video=0)


def times_s(url: str, count: int) -> list[float]:
    """Presentation times of the first `count` packets that have one, in seconds.

    FFmpeg gives the very first packet of an RTSP stream none, whatever the camera.
    """
    timed = (packet for packet in packets(url) if packet.pts is not None)
    return [float(packet.pts * packet.time_base) for packet in itertools.islice(timed, count)]


def test_rounds_join_into_one_stream(clip: Path) -> None:
    """Over more than two rounds of the clip, times rise by one picture's duration each."""
    with RtspCamera(clip) as camera:
        times = times_s(camera.url, 2 * PICTURES + 5)
    assert np.diff(times) == pytest.approx(1 / FPS, abs=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_reordered_pictures_join_too(tmp_path: Path, suffix: str) -> None:
    """A clip with B-frames, with and without decoding times in its container, has no gap at a join."""
    path = tmp_path / f"clip{suffix}"
    encode(path, bf="2")
    with RtspCamera(path) as camera:
        times = times_s(camera.url, 2 * PICTURES + 5)
    # The last few may still wait for one that is shown earlier and sent later.
    assert np.diff(sorted(times)[:-3]) == pytest.approx(1 / FPS, abs=1e-3)


def test_pictures_come_in_real_time(clip: Path) -> None:
    """A second of the clip takes a second to arrive."""
    with RtspCamera(clip) as camera:
        stream = packets(camera.url)
        for _ in range(PICTURES):  # what FFmpeg held back while it opened the stream
            next(stream)
        started = time.monotonic()
        for _ in range(PICTURES):
            next(stream)
        took_s = time.monotonic() - started
        stream.close()
    assert took_s == pytest.approx(PICTURES / FPS, abs=0.5)


def test_the_bits_are_the_clips_own(clip: Path) -> None:
    """Slices arrive as the clip holds them: nothing is encoded again on the way."""
    with av.open(str(clip)) as container:
        sent = [slice_of_mp4(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    with RtspCamera(clip) as camera:
        received = [bytes(packet) for packet in itertools.islice(packets(camera.url), PICTURES)]
    assert [picture.endswith(slice_) for picture, slice_ in zip(received, sent, strict=True)] == [
        True
    ] * PICTURES


def slice_of_mp4(unit: bytes) -> bytes:
    """The last NAL unit of an access unit, each of which MP4 precedes by its length (4 bytes)."""
    while True:
        length = int.from_bytes(unit[:4], "big")
        if len(unit) == 4 + length:
            return unit[4:]
        unit = unit[4 + length :]


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
    """Whoever has not the camera's own credentials gets 401, as from a camera."""
    with (
        RtspCamera(clip, "viewer", "right") as camera,
        pytest.raises(av.error.HTTPUnauthorizedError),
    ):
        times_s(camera.url_as(user, password), 1)


def test_clients_share_a_stream_when_told_to(clip: Path) -> None:
    """A second client of a shared stream joins where the first one is, not at the clip's start."""
    with RtspCamera(clip, shared=True) as camera:
        first, second = packets(camera.url), packets(camera.url)
        ahead = [bytes(next(first)) for _ in range(PICTURES // 2 + 3)]
        joined = bytes(next(second))
        first.close()
        second.close()
    assert joined != ahead[0]


def test_it_comes_back_at_the_same_address(clip: Path) -> None:
    """Off, it refuses connections; on again, the address from before serves."""
    with RtspCamera(clip) as camera:
        url = camera.url
        assert len(times_s(url, 2)) == 2
        camera.stop()
        with pytest.raises(ConnectionRefusedError):
            times_s(url, 1)
        camera.start()
        assert camera.url == url
        assert len(times_s(url, 2)) == 2
        camera.restart()
        assert len(times_s(url, 2)) == 2


def test_a_killed_camera_ends_the_stream(clip: Path) -> None:
    """A client in the middle of the stream sees it end or fail when the camera loses power."""
    with RtspCamera(clip) as camera:
        stream = packets(camera.url)
        next(stream)
        camera.kill()
        with pytest.raises((av.FFmpegError, StopIteration)):
            for _ in range(10 * PICTURES):
                next(stream)


def test_a_frozen_camera_says_nothing_until_thawed(clip: Path) -> None:
    """A hung camera still accepts nothing and sends nothing; thawed, it serves again."""
    with RtspCamera(clip) as camera:
        stream = packets(camera.url, patience_s=1.0)
        next(stream)
        camera.freeze()
        with pytest.raises(av.FFmpegError):
            for _ in range(10 * PICTURES):
                next(stream)
        camera.thaw()
        assert len(times_s(camera.url, 2)) == 2

"""Streams as cameras send them: codecs, transports, certificates, clocks and ways to fail."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from datetime import datetime, timedelta, timezone
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from pydantic import ValidationError

from edge.errors import SourceLost, SourceRefused, SourceUnsupported
from edge.packet import Packet
from edge.ring import Ring
from edge.sources import Source, SourceOptions
from edge.sources._wrap import MPEG_TS_S
from edge.sources.http import Options as Http
from edge.sources.rtsp import Options as Rtsp
from tests.clips import HEIGHT, WIDTH, encode
from tests.http_camera import HttpCamera
from tests.rtsp_camera import RtspCamera

pytestmark = pytest.mark.network

FPS = 20
GOP = 10
SECRET = "p@ss/word:1"  # noqa: S105 - of no camera


def some(options: SourceOptions, n: int, timeout_s: float = 3.0) -> list[Packet]:
    """The first packets of a connection, which is then closed."""
    source = options.open(timeout_s=timeout_s)
    packets = source.packets()
    try:
        return list(islice(packets, n))
    finally:
        source.close()
        packets.close()  # type: ignore[attr-defined]


def read_out(source: Source) -> list[Packet]:
    """All packets of a stream that ends, which it may do in one way only."""
    packets = []
    try:
        for packet in source.packets():
            packets.append(packet)  # noqa: PERF402 - what came before the error counts
    except SourceLost as lost:
        assert "/live: " in str(lost)  # noqa: PT017 - both are wanted
        return packets
    raise AssertionError("a live stream ended without being lost")


def rtsp(url: str, **more: Any) -> Rtsp:
    return Rtsp(kind="rtsp", url=url, **more)  # type: ignore[arg-type]


def http(url: str, **more: Any) -> Http:
    return Http(kind="http", url=url, **more)  # type: ignore[arg-type]


def steps_s(packets: list[Packet]) -> list[float]:
    shown = sorted(packet.pts for packet in packets)
    return [round(after - before, 3) for before, after in pairwise(shown)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ingest")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return encode(folder / "clip.mp4", n_frames=60, fps=FPS, gop=GOP)


@pytest.fixture(scope="module")
def transport_stream(folder: Path) -> Path:
    return encode(folder / "clip.ts", n_frames=30, fps=FPS, gop=GOP)


@pytest.fixture(scope="module")
def certificates(folder: Path) -> dict[str, Path]:
    """Self-signed, as cameras have: `own` names 127.0.0.1, `other` is another's."""
    if shutil.which("openssl") is None:
        pytest.skip("no certificate for the camera; run: apt-get install openssl")
    made = {}
    for name, place in {
        "own": "IP:127.0.0.1",
        "other": "IP:127.0.0.1",
        "moved": "DNS:elsewhere.example",
    }.items():
        made[name], made[f"{name} key"] = folder / f"{name}.pem", folder / f"{name}.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=camera"]
        command += ["-addext", f"subjectAltName={place}"]
        command += ["-keyout", str(made[f"{name} key"]), "-out", str(made[name])]
        subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("encoder", "codec"), [("libx264", "h264"), ("libx265", "hevc"), ("mjpeg", "mjpeg")]
)
def test_every_codec_comes_over_tcp_and_udp(
    folder: Path, encoder: str, codec: str, transport: str
) -> None:
    """From the first keyframe on, each packet a picture's duration after the last."""
    recording = encode(folder / f"{codec}.mkv", n_frames=20, fps=FPS, gop=GOP, codec=encoder)
    with RtspCamera(recording) as camera:
        source = rtsp(camera.url, transport=transport).open()
        packets = list(islice(source.packets(), 6))
        source.close()
    assert source.stream.codec == codec
    assert packets[0].is_keyframe
    assert steps_s(packets) == [1 / FPS] * 5


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("begins_s", [0.0, MPEG_TS_S - 1.0], ids=["from zero", "over the wrap"])
def test_mpeg_ts_inside_rtsp_is_unpacked(folder: Path, transport: str, begins_s: float) -> None:
    """Encoders and older dome cameras send that; the SDP names no codec, the stream does."""
    clip = encode(
        folder / f"inside-{begins_s:.0f}.ts",
        n_frames=50,
        fps=FPS,
        gop=GOP,
        container_options={"output_ts_offset": f"{begins_s:.6f}"},
    )
    with RtspCamera(clip) as camera:
        source = rtsp(camera.url, transport=transport).open()
        packets = list(islice(source.packets(), 40))
        source.close()
    assert (source.stream.codec, source.stream.size_wh) == ("h264", (WIDTH, HEIGHT))
    assert packets[0].is_keyframe
    assert steps_s(packets) == [1 / FPS] * 39


def test_a_camera_that_describes_its_stream_poorly_is_read_all_the_same(clip: Path) -> None:
    """What the decoder must know comes in the stream, and opening it waits for nothing else."""
    with RtspCamera(clip, has_bare_sdp=True) as camera:
        source = rtsp(camera.url).open()
        packets = list(islice(source.packets(), 6))
        source.close()
    assert source.stream.codec == "h264"
    assert packets[0].is_keyframe
    assert steps_s(packets) == [1 / FPS] * 5


def test_b_frames_keep_the_order_they_are_shown_in_from_the_first_picture_on(folder: Path) -> None:
    """FFmpeg knows no decoding time for the first few; they are told from what follows."""
    recording = encode(folder / "b.mp4", n_frames=40, fps=FPS, gop=20, b_frames=2)
    with RtspCamera(recording) as camera:
        packets = some(rtsp(camera.url), 20)
    # Of the last few, one that is shown earlier is yet to come.
    assert steps_s(packets)[:-3] == pytest.approx([1 / FPS] * 16, abs=2e-3)
    assert all(a.dts <= b.dts for a, b in pairwise(packets))
    assert all(packet.pts >= packet.dts for packet in packets)
    assert packets[0].pts == min(packet.pts for packet in packets)


def test_a_variable_frame_rate_keeps_its_intervals(folder: Path) -> None:
    """50 ms and 200 ms in turn stay what they are."""
    ticks = [(index // 2) * 5 + (index % 2) for index in range(20)]
    recording = encode(folder / "vfr.mkv", n_frames=20, fps=FPS, gop=GOP, ticks=ticks)
    with RtspCamera(recording) as camera:
        packets = some(rtsp(camera.url), 10)
    assert steps_s(packets)[1:] == [0.2, 0.05, 0.2, 0.05, 0.2, 0.05, 0.2, 0.05]


def test_rtp_s_clock_wraps_without_a_step(clip: Path) -> None:
    """32 bits at 90 kHz are through after 13 hours; here half a second after the start."""
    with RtspCamera(clip, rtp_start=2**32 - 45_000) as camera:
        packets = some(rtsp(camera.url), 20)
    assert steps_s(packets) == [1 / FPS] * 19


def test_joining_in_mid_gop_waits_for_a_keyframe_and_counts_what_it_cannot_use(
    folder: Path,
) -> None:
    """A stream that others watch already begins anywhere."""
    recording = encode(folder / "long-gop.mp4", n_frames=60, fps=FPS, gop=20)
    ring = Ring(seconds=10, max_bytes=2**20)
    with RtspCamera(recording, shared=True) as camera:
        first = rtsp(camera.url).open()
        watched = first.packets()
        while not next(watched).is_keyframe:
            pass
        for _ in range(5):
            next(watched)
        for packet in some(rtsp(camera.url), 20):
            ring.append(packet)
        first.close()
    taken = ring.take(0.0)
    assert taken is not None
    assert taken.packet.is_keyframe
    assert ring.n_headless > 0


def test_a_change_of_resolution_leaves_the_source_running(folder: Path) -> None:
    """A technician changes the camera's settings: packets of both sizes come, in order."""
    halves = [
        encode(
            folder / f"{width}.ts",
            n_frames=20,
            fps=FPS,
            gop=GOP,
            size_wh=(width, height),
            container_options={"output_ts_offset": str(begin_s)},
        )
        for begin_s, width, height in ((0, WIDTH, HEIGHT), (1, 640, 360))
    ]
    whole = folder / "both.ts"
    whole.write_bytes(b"".join(half.read_bytes() for half in halves))
    with HttpCamera(whole, seconds=1.0) as camera:
        source = http(camera.url).open(timeout_s=3.0)
        packets = read_out(source)
    assert len(packets) == 40
    assert steps_s(packets) == [1 / FPS] * 39
    assert source.stream.size_wh == (WIDTH, HEIGHT)


def test_udp_survives_lost_packets(clip: Path) -> None:
    """Pictures go missing, time goes on; FFmpeg tells the loss to nobody but the decoder."""
    with RtspCamera(clip, loss=0.1) as camera:
        packets = some(rtsp(camera.url, transport="udp"), 20)
    assert all(a.dts <= b.dts for a, b in pairwise(packets))
    assert packets[-1].pts - packets[0].pts >= 19 / FPS - 1e-3


def test_the_sub_stream_is_the_one_opened(clip: Path) -> None:
    """Nothing listens at the main stream's address, and nobody asks."""
    with RtspCamera(clip, "viewer", SECRET) as camera:
        options = rtsp("rtsp://viewer:secret@127.0.0.1:9/main", sub_url=camera.url)
        assert len(some(options, 3)) == 3
    assert options.address == camera.url_as(None, None)
    assert SECRET not in repr(options)


def test_rtsps_without_a_ca_file_is_encrypted_and_takes_any_certificate(
    clip: Path, certificates: dict[str, Path]
) -> None:
    """As its description says: cameras sign their own."""
    with RtspCamera(
        clip, certificate=certificates["other"], key=certificates["other key"]
    ) as camera:
        assert camera.url.startswith("rtsps://")
        assert len(some(rtsp(camera.url), 3)) == 3


def test_rtsps_with_a_ca_file_takes_that_camera_and_no_other(
    clip: Path, certificates: dict[str, Path]
) -> None:
    """Somebody else's certificate, and the right one for another name, are refused."""
    answers = {}
    for name in ("own", "other", "moved"):
        with RtspCamera(
            clip, certificate=certificates[name], key=certificates[f"{name} key"]
        ) as camera:
            options = rtsp(camera.url, ca_file=certificates["moved" if name == "moved" else "own"])
            try:
                answers[name] = str(len(some(options, 3)))
            except SourceLost as lost:
                answers[name] = str(lost)
    assert answers["own"] == "3"
    assert "vouches for the certificate" in answers["other"]
    assert "vouches for the certificate" in answers["moved"]


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"url": "rtsp://10.0.0.1/live", "ca_file": "ca.pem"}, "no effect with rtsp://"),
        ({"url": "rtsps://10.0.0.1/live", "transport": "udp"}, "unencrypted; use tcp"),
        (
            {"url": "rtsp://10.0.0.1/live", "sub_url": f"rtsp://u:{SECRET}@10.0.0.1/sub"},
            "expected rtsp://host/path",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_explained(
    settings: dict[str, Any], cause: str
) -> None:
    """Before anything is opened."""
    with pytest.raises(ValidationError, match=cause):
        Rtsp.model_validate({"kind": "rtsp", **settings})


def test_utc_comes_from_sender_reports_once_there_are_any(clip: Path) -> None:
    """Before the first report arrival counts; after it the camera's own clock, and closer."""
    with RtspCamera(clip, report_s=0.4) as camera:
        packets = some(rtsp(camera.url), 30)
        now = datetime.now(timezone.utc)
    assert packets[0].clock_ms == 250 + 1000 // FPS
    assert packets[-1].clock_ms < 150
    assert all(a.captured_at <= b.captured_at for a, b in pairwise(packets))
    age = now - packets[-1].captured_at
    assert timedelta(0) < age < timedelta(milliseconds=packets[-1].clock_ms + 300)


def test_a_camera_whose_clock_is_wrong_is_doubted_and_not_followed(clip: Path) -> None:
    """Half a minute ahead: arrival is kept, and the doubt says by how much."""
    with RtspCamera(clip, report_s=0.4, clock_s=37.0) as camera:
        source = rtsp(camera.url).open()
        doubts, late = [], []
        for packet in islice(source.packets(), 30):
            doubts.append(source.clock_doubt)
            late.append(datetime.now(timezone.utc) - packet.captured_at)
        source.close()
    assert doubts[0] == ""
    assert doubts[-1].startswith("the camera's clock is 3")
    assert doubts[-1].endswith("s ahead of this box's")
    assert all(timedelta(0) <= delay < timedelta(seconds=1) for delay in late)


def test_http_ends_as_a_lost_camera(transport_stream: Path) -> None:
    """All that came is given first."""
    with HttpCamera(transport_stream, seconds=0.7) as camera:
        source: Source = http(camera.url).open(timeout_s=3.0)
        packets = read_out(source)
    assert source.is_live
    assert len(packets) == 30
    assert steps_s(packets) == [1 / FPS] * 29


def test_a_stalled_http_stream_is_lost_in_time(transport_stream: Path) -> None:
    """The connection is open and nothing comes."""
    with HttpCamera(transport_stream, seconds=0.5, is_stalling=True) as camera:
        source = http(camera.url).open(timeout_s=0.5)
        began = time.monotonic()
        with pytest.raises(SourceLost, match="nothing came in time"):
            list(source.packets())
    assert time.monotonic() - began < 3.0


def test_a_server_that_accepts_and_says_nothing_is_lost_in_time() -> None:
    """A hung camera costs the time-out, whatever the protocol."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        for options in (rtsp(f"rtsp://127.0.0.1:{port}/x"), http(f"http://127.0.0.1:{port}/x")):
            began = time.monotonic()
            with pytest.raises(SourceLost):
                options.open(timeout_s=0.5)
            assert time.monotonic() - began < 3.0


@pytest.mark.parametrize(
    ("user", "password", "path", "cause"),
    [
        pytest.param("viewer", "wrong-s3cret", "/live?key=s3cret", "401", id="wrong password"),
        pytest.param(None, "", "/live", "401", id="no password"),
        pytest.param("viewer", SECRET, "/nowhere", "404", id="wrong path"),
    ],
)
def test_http_refusals_are_told_without_the_password(
    transport_stream: Path, user: str | None, password: str, path: str, cause: str
) -> None:
    """Which answer, from where, and what to check."""
    with HttpCamera(transport_stream, 1.0, user="viewer", password=SECRET) as camera:
        assert len(some(http(camera.url), 3)) == 3
        with pytest.raises(SourceRefused, match=cause) as caught:
            http(camera.url_as(user, password, path)).open(timeout_s=3.0)
    assert "s3cret" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_https_is_checked_against_the_ca_file_where_there_is_one(
    transport_stream: Path, certificates: dict[str, Path]
) -> None:
    """The camera's own certificate opens; another's, and a file that is not there, do not."""
    with HttpCamera(
        transport_stream, 1.0, certificate=certificates["own"], key=certificates["own key"]
    ) as camera:
        assert len(some(http(camera.url), 3)) == 3
        assert len(some(http(camera.url, ca_file=certificates["own"]), 3)) == 3
        with pytest.raises(SourceLost, match="vouches for the certificate"):
            http(camera.url, ca_file=certificates["other"]).open()
        with pytest.raises(SourceLost, match=r"nowhere\.pem: no such file"):
            http(camera.url, ca_file=Path("/nowhere.pem")).open()


def test_multipart_mjpeg_has_no_clock_but_arrival(folder: Path) -> None:
    """FFmpeg would make up 25 pictures a second; these are 20."""
    recording = encode(folder / "parts.mkv", n_frames=20, fps=FPS, codec="mjpeg")
    with av.open(str(recording)) as container:
        pictures = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    parts = folder / "parts"
    parts.write_bytes(
        b"".join(
            b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(p), p)
            for p in pictures
        )
    )
    mime = "multipart/x-mixed-replace; boundary=x"
    with HttpCamera(parts, seconds=1.0, mime=mime) as camera:
        packets = some(http(camera.url), 19)
    assert all(packet.is_keyframe for packet in packets)
    assert packets[-1].pts - packets[0].pts == pytest.approx(18 / FPS, abs=0.1)


def test_a_playlist_cannot_lead_to_this_box_s_files(folder: Path, transport_stream: Path) -> None:
    """Whoever answers at a camera's address must not choose what is read."""
    playlist = folder / "playlist"
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", str(transport_stream)]
    playlist.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    with (
        HttpCamera(playlist, 0.1, mime="application/vnd.apple.mpegurl") as camera,
        pytest.raises(SourceUnsupported),
    ):
        http(camera.url).open(timeout_s=3.0)

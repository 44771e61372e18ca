"""A recording is read whole and in order, the same way every time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.decoders.software import SoftwareDecoder
from edge.errors import SourceLost, SourceUnsupported
from edge.sources.file import Options
from tests.clips import HEIGHT, WIDTH, background_number, encode


def recorded(path: Path, **more: bool) -> Options:
    return Options(kind="file", path=path, realtime=False, **more)


@pytest.mark.parametrize("b_frames", [0, 2], ids=["as cameras send", "with B-frames"])
def test_every_frame_comes_out_once_in_order_with_its_time(tmp_path: Path, b_frames: int) -> None:
    """Demux and decode give each picture with the time it is shown at."""
    clip = encode(tmp_path / "clip.mp4", b_frames=b_frames)
    source = recorded(clip).open()
    decoder = SoftwareDecoder(source.stream)
    pictures = [p for packet in source.packets() for p in decoder.decode(packet)]
    pictures += decoder.flush()
    assert [background_number(p.y) for p in pictures] == list(range(30))
    assert [round(p.packet.pts, 3) for p in pictures] == [round(i / 10, 3) for i in range(30)]
    assert pictures[0].y.shape == (HEIGHT, WIDTH)
    assert pictures[0].u.shape == (HEIGHT // 2, WIDTH // 2)
    assert decoder.n_corrupt == 0


CUT = {"output_ts_offset": "-0.5", "avoid_negative_ts": "disabled"}
"""What an editor does who cuts half a second off the start without encoding anew."""


def test_what_was_cut_off_the_start_is_not_seen_and_time_begins_after_it(tmp_path: Path) -> None:
    """A clip cut between keyframes starts, as in every player, with the first picture kept."""
    clip = encode(tmp_path / "clip.mp4", container_options=CUT)
    source = recorded(clip).open()
    decoder = SoftwareDecoder(source.stream)
    pictures = [p for packet in source.packets() for p in decoder.decode(packet)]
    pictures += decoder.flush()
    assert [background_number(p.y) for p in pictures] == list(range(5, 30))
    assert [round(p.packet.pts, 3) for p in pictures] == [round(i / 10, 3) for i in range(25)]
    assert decoder.n_corrupt == decoder.n_withheld == 0


def test_a_cut_recording_loops_without_a_step_back(tmp_path: Path) -> None:
    """The cut part is decoded anew in each round, after all that came before."""
    clip = encode(tmp_path / "clip.mp4", n_frames=10, container_options=CUT)
    packets = recorded(clip, loop=True).open().packets()
    pts = [next(packets).pts for _ in range(25)]
    packets.close()  # type: ignore[attr-defined]
    assert all(after > before for before, after in pairwise(pts))


def test_the_same_recording_gives_the_same_packets(tmp_path: Path) -> None:
    """Nothing of the wall clock gets into a replay."""
    clip = encode(tmp_path / "clip.mp4")
    assert list(recorded(clip).open().packets()) == list(recorded(clip).open().packets())


def test_a_loop_goes_on_in_stream_time(tmp_path: Path) -> None:
    """The second round follows the first without a step back or a gap."""
    clip = encode(tmp_path / "clip.mp4", n_frames=10)
    packets = recorded(clip, loop=True).open().packets()
    pts = [next(packets).pts for _ in range(25)]
    packets.close()  # type: ignore[attr-defined]
    assert [round(b - a, 3) for a, b in pairwise(pts)] == [0.1] * 24


def test_a_clip_cut_in_mid_file_gives_what_is_there(tmp_path: Path) -> None:
    """A truncated recording ends in what could be read, with the rest counted or refused."""
    clip = encode(tmp_path / "clip.ts")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    source = recorded(clip).open()
    decoder = SoftwareDecoder(source.stream)
    pictures = [p for packet in source.packets() for p in decoder.decode(packet)]
    assert 10 <= len(pictures) < 30
    assert [background_number(p.y) for p in pictures] == list(range(len(pictures)))


def test_a_recording_without_its_index_is_refused_in_words(tmp_path: Path) -> None:
    """An mp4 that lost its end cannot be opened, and the error says which file."""
    clip = encode(tmp_path / "clip.mp4")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(SourceUnsupported, match=r"clip\.mp4: cannot open"):
        recorded(clip).open()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path is in the error."""
    with pytest.raises(SourceLost, match=r"absent\.mp4: no such file"):
        recorded(tmp_path / "absent.mp4").open()


def test_text_is_not_a_video(tmp_path: Path) -> None:
    """A file that is no video says so."""
    path = tmp_path / "notes.mp4"
    path.write_text("not a video\n" * 50)
    with pytest.raises(SourceUnsupported, match="expected a video"):
        recorded(path).open()


def test_an_unsupported_codec_is_named(tmp_path: Path) -> None:
    """The codec is in the error, and what to set instead."""
    clip = encode(tmp_path / "clip.mkv", codec="ffv1")
    with pytest.raises(SourceUnsupported, match=r"ffv1 .* set the camera to H\.264"):
        recorded(clip).open()


def test_damaged_packets_are_counted_and_decoding_resumes_at_a_keyframe(tmp_path: Path) -> None:
    """Corrupt data costs pictures, never the stream."""
    source = recorded(encode(tmp_path / "clip.mp4")).open()
    decoder = SoftwareDecoder(source.stream)
    shown = []
    for index, packet in enumerate(source.packets()):
        if 3 <= index < 6:
            continue  # lost on the way
        shown += [background_number(p.y) for p in decoder.decode(packet)]
    assert set(range(10, 30)) <= set(shown)


def test_rtsp_addresses_are_shown_without_credentials() -> None:
    """Neither user, password nor query ever reaches a log."""
    from edge.sources.rtsp import Options as Rtsp

    options = Rtsp(kind="rtsp", url="rtsp://admin:s3cret@10.0.0.2:554/live?token=s3cret")  # type: ignore[arg-type]
    assert options.address == "rtsp://10.0.0.2:554/live"
    assert "s3cret" not in repr(options)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.2/user=admin_password=s3cret_channel=1.sdp", "rtsp://10.0.0.2/..."),
        ("rtsp://admin:s3cret@[fe80::1]:554/live", "rtsp://[fe80::1]:554/live"),
        ("rtsp://10.0.0.2/live/token=s3cret", "rtsp://10.0.0.2/live/..."),
    ],
)
def test_passwords_are_hidden_wherever_cameras_put_them(url: str, shown: str) -> None:
    """Some cameras take them in the path."""
    from edge.sources.rtsp import Options as Rtsp

    assert Rtsp(kind="rtsp", url=url).address == shown  # type: ignore[arg-type]


@pytest.mark.parametrize("password", ["p@ss/s3cret", "1#s3cret", "1?s3cret", "a/s3cret"])
def test_a_password_that_was_not_escaped_is_explained_and_not_shown(password: str) -> None:
    """Part of it would be taken for the host, the port or the path, and shown."""
    from edge.sources.rtsp import Options as Rtsp

    with pytest.raises(ValidationError, match="in user name and password write @ as %40") as caught:
        Rtsp.model_validate({"kind": "rtsp", "url": f"rtsp://admin:{password}@10.0.0.2/live"})
    assert "s3cret" not in caught.value.errors()[0]["msg"]


def test_a_refused_connection_names_the_camera_and_not_the_password() -> None:
    """Nothing listens there: the error says what to check."""
    from edge.sources.rtsp import Options as Rtsp

    options = Rtsp(kind="rtsp", url="rtsp://admin:s3cret@127.0.0.1:9/live")  # type: ignore[arg-type]
    with pytest.raises(SourceLost, match=r"rtsp://127\.0\.0\.1:9/live: cannot open") as caught:
        options.open(timeout_s=2)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None

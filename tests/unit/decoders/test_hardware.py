"""The hardware decoder's pipeline, driven by GStreamer's software decoders."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.decoders import nvv4l2
from edge.decoders._gstreamer import Pipeline, caps_of, n_hung, require, within
from edge.decoders.auto import Options as AutoOptions
from edge.decoders.nvv4l2 import HardwareDecoder
from edge.decoders.software import SoftwareDecoder
from edge.errors import MissingDependency, SourceLost, SourceUnsupported
from edge.packet import Stream
from tests.unit.decoders.coded import GOP, HEVC, N_PACKETS, RTSP, coded, decoded, number_of
from tests.unit.decoders.gst_chain import CHAINS, TO_NV12, chain_or_skip
from tests.unit.decoders.test_frame_numbers import as_mp4


def same(stream: Stream, packets: Any, chain: str) -> bool:
    """Whether it makes of them what FFmpeg does."""
    decoder = HardwareDecoder(stream, chain=chain)
    pictures = decoded(decoder, packets)
    decoder.close()
    wanted = decoded(SoftwareDecoder(stream), packets)
    assert len(pictures) == len(wanted) == len(packets)
    return all(
        np.array_equal(a.y, b.y) and np.array_equal(a.u, b.u) and np.array_equal(a.v, b.v)
        for a, b in zip(pictures, wanted, strict=True)
    )


@pytest.mark.parametrize("layout", ["NV12", "I420"])
def test_rows_with_padding(layout: str) -> None:
    """322 pixels do not fill GStreamer's rows."""
    chain = chain_or_skip(chain=CHAINS["h264"].replace("NV12", layout))
    assert same(RTSP, coded(size_wh=(322, 194)), chain)


def test_another_decoder_element() -> None:
    """The chain is an argument: OpenH264 gives the same pictures."""
    chain = chain_or_skip(chain=f"openh264dec ! {TO_NV12}")
    assert same(RTSP, coded(profile="baseline"), chain)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_packets_of_an_mp4(codec: str) -> None:
    """Units with lengths, parameter sets in a record."""
    chain = chain_or_skip(codec)
    packets, record = as_mp4(coded(codec), codec)
    stream = Stream(codec, record, (320, 192), 25.0)
    assert ("avc" if codec == "h264" else "hvc1") in caps_of(stream)
    assert same(stream, packets, chain)


def test_parameter_sets_out_of_band() -> None:
    """RTSP may give them in its description, with start codes, and never again."""
    chain = chain_or_skip()
    packets = list(coded(n=GOP))
    at = packets[0].data.index(b"\x00\x00\x01\x65")
    head, picture = packets[0].data[:at], packets[0].data[at:]
    packets[0] = type(packets[0])(picture, 0.0, 0.0, True, packets[0].captured_at, 0)
    assert same(Stream("h264", head, (320, 192), 25.0), packets, chain)


def test_a_picture_does_not_wait_for_the_next_packet() -> None:
    """A decoder that answers at once is waited for."""
    decoder = HardwareDecoder(RTSP, chain=chain_or_skip())
    assert [len(decoder.decode(packet)) for packet in coded()] == [1] * N_PACKETS
    decoder.close()


def test_a_decoder_that_gives_nothing_is_built_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its time, counted, and said."""
    monkeypatch.setattr(nvv4l2, "ANSWER_S", 0.01)
    chain = chain_or_skip().replace(" ! ", " ! identity drop-probability=1 ! ", 1)
    decoder = HardwareDecoder(RTSP, chain=chain, stall_s=0.2)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        pictures = decoded(decoder, coded())
    assert time.monotonic() - began < 5.0
    assert pictures == []
    assert decoder.n_corrupt >= 1
    assert decoder.n_corrupt + decoder.n_withheld >= N_PACKETS
    assert "built again: no picture for 0.2 s" in caplog.text
    decoder.close()


def test_a_decoder_that_hangs_hangs_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread cannot be stopped; it is left behind, and a new pipeline shows pictures again."""
    monkeypatch.setattr("edge.decoders._gstreamer.CONTROL_S", 0.2)
    good = chain_or_skip()
    hung = good.replace(" ! ", " ! identity sleep-time=2500000 ! ", 1)
    decoder = HardwareDecoder(RTSP, chain=hung, stall_s=0.2)
    began = time.monotonic()
    for packet in coded()[: 2 * GOP]:
        assert decoder.decode(packet) == []
    assert "does not stop" in caplog.text
    decoder._chain = good
    pictures = [picture for packet in coded()[2 * GOP :] for picture in decoder.decode(packet)]
    assert [number_of(picture) for picture in pictures] == list(range(2 * GOP, N_PACKETS))
    assert time.monotonic() - began < 2.4
    decoder.close()
    while any(t.name == "gstreamer-control" for t in threading.enumerate()):
        time.sleep(0.05)  # the hung one ends by itself, two and a half seconds after it began


def test_an_element_s_complaint_builds_it_again(caplog: pytest.LogCaptureFixture) -> None:
    """An error on the bus ends a pipeline, not a camera."""
    chain = chain_or_skip().replace(" ! ", " ! identity error-after=7 ! ", 1)
    decoder = HardwareDecoder(RTSP, chain=chain, stall_s=0.2)
    pictures = decoded(decoder, coded())
    assert {number_of(picture) // GOP for picture in pictures} == {0, 1, 2}
    assert decoder.n_corrupt >= 2
    assert "built again" in caplog.text
    decoder.close()


def test_a_missing_element_is_named_with_the_remedy() -> None:
    """A person at the box can do something about it."""
    chain_or_skip()
    with pytest.raises(MissingDependency, match=r"no element nonesuch; run: apt-get install"):
        HardwareDecoder(RTSP, chain=f"nonesuch ! {TO_NV12}")


def test_no_bindings_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual case: an environment that does not see the system's packages."""
    from edge.decoders._gstreamer import _gst

    monkeypatch.setitem(__import__("sys").modules, "gi", None)
    _gst.cache_clear()
    with pytest.raises(MissingDependency, match="--system-site-packages"):
        require("h264", CHAINS["h264"])


def test_a_pipeline_that_does_not_start_says_why() -> None:
    """Refused when it is opened, not found out later."""
    beside = "identity name=i filesrc location=/nonesuch ! fakesink i."
    chain = chain_or_skip(chain=f"{beside} ! {CHAINS['h264']}")
    with pytest.raises(SourceUnsupported, match=r"does not start: (Resource|Could)"):
        Pipeline(RTSP, chain)


def test_mjpeg_is_refused() -> None:
    """It has no parser here; `auto` gives it to the CPU."""
    with pytest.raises(SourceUnsupported, match="mjpeg"):
        HardwareDecoder(Stream("mjpeg", b"", (0, 0), 0.0))


def test_auto_takes_the_hardware_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only for the codecs it has."""
    monkeypatch.setattr(nvv4l2, "CHAIN", chain_or_skip())
    decoder = AutoOptions().open(RTSP)
    assert isinstance(decoder, HardwareDecoder)
    decoder.close()
    assert isinstance(AutoOptions().open(Stream("mjpeg", b"", (0, 0), 0.0)), SoftwareDecoder)


@pytest.mark.parametrize("stream", [RTSP, HEVC], ids=lambda s: s.codec)
def test_nothing_is_left_open(stream: Stream) -> None:
    """Twenty connections later there are as many threads and file handles as after three."""
    chain = chain_or_skip(stream.codec)

    def connection() -> None:
        decoder = HardwareDecoder(stream, chain=chain)
        for packet in coded(stream.codec)[:5]:
            decoder.decode(packet)
        decoder.close()

    def held() -> tuple[int, int]:
        tasks = Path("/proc/self/task")
        return len(list(tasks.iterdir())), len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(3):  # GStreamer keeps a few idle threads for reuse
        connection()
    tasks, handles = held()
    for _ in range(20):
        connection()
    assert held()[1] <= handles
    assert held()[0] <= tasks + 2


def test_too_many_hung_pipelines_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds memory that never comes back: better to stop, and tell."""
    chain = chain_or_skip()
    monkeypatch.setattr("edge.decoders._gstreamer.MOST_HUNG", -1)
    with pytest.raises(SourceLost, match="restart the box"):
        HardwareDecoder(RTSP, chain=chain)


def test_within_tells_what_hangs() -> None:
    """A limit on what has none."""
    release = threading.Event()
    assert within(1.0, lambda: True)
    assert not within(1.0, lambda: False)
    n_before = n_hung()
    assert not within(0.05, lambda: release.wait(5.0))
    assert n_hung() == n_before + 1
    release.set()


def test_another_library_s_exception_does_not_end_the_process(tmp_path: Path) -> None:
    """GStreamer brings an unwinder that C++ libraries loaded after it must not find first.

    A damaged network then aborted the whole daemon instead of being refused.
    """
    chain_or_skip()
    script = tmp_path / "both.py"
    script.write_text(
        "from tests.unit.decoders.gst_chain import chain_or_skip\n"
        "chain_or_skip()\n"
        "import onnxruntime\n"
        "try:\n"
        "    onnxruntime.InferenceSession(b'no network', providers=['CPUExecutionProvider'])\n"
        "except Exception as error:\n"
        "    print('refused:', type(error).__name__)\n"
    )
    answer = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
    )
    assert answer.stdout.startswith("refused:"), answer.stderr[-500:]

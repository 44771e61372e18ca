"""Simulated network cameras: every slice arrives unchanged, in real time, over the joins."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from struct import unpack_from

import av
import av.error
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.demo._rtp import FRAMING, HEADER, MAX_PAYLOAD, Unit, _unit, nal_units, read_clip
from edge.demo.rtsp import RtspCameras
from edge.demo.street import Camera, Scene, render
from edge.errors import InputError
from edge.packet import Packet
from tests.clips import encode

FPS = 10
SCENE = Scene(camera=Camera(width=640, height=360), seconds=1.0, fps=FPS, walks=(), drives=())
"""Noise makes its keyframe far longer than a packet."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    render(path, SCENE)
    return path


@pytest.fixture(scope="module")
def cameras(clip: Path) -> Iterator[RtspCameras]:
    with RtspCameras(clip, 4) as running:
        yield running


def slices(data: bytes) -> bytes:
    """The coded slices of a picture in Annex B, whatever else comes with them."""
    nals = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return b"".join(nal for nal in nals if nal and nal[0] & 0x1F in (1, 5))


def received(url: str, transport: str = "tcp") -> Iterator[tuple[float | None, bool, bytes]]:
    """Time, whether it is a keyframe, and data of each picture."""
    options = {"rtsp_transport": transport, "analyzeduration": "100000"}
    with av.open(url, options=options, timeout=5.0) as container:
        for packet in container.demux(video=0):
            at = None if packet.pts is None else float(packet.pts * packet.time_base)
            yield at, packet.is_keyframe, bytes(packet)


@pytest.mark.network
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_slice_arrives_as_it_is_in_the_clip_in_real_time(
    cameras: RtspCameras, clip: Path, transport: str
) -> None:
    """From a keyframe on, over two joins: same slices, times one picture apart, no faster."""
    with av.open(str(clip)) as container:
        sent = [
            b"".join(n for n in nal_units(bytes(p), 4) if n[0] & 0x1F in (1, 5))
            for p in container.demux(video=0)
            if p.size
        ]
    stream = received(cameras.url(1), transport)
    got = [next(stream)]
    began = time.monotonic()
    got += islice(stream, 2 * len(sent) + 5)
    elapsed_s = time.monotonic() - began
    assert got[0][1], "a client begins with a keyframe"
    first = sent.index(slices(got[0][2]))
    assert [slices(data) for _, _, data in got] == [
        sent[(first + number) % len(sent)] for number in range(len(got))
    ]
    times = [at for at, _, _ in got[1:] if at is not None]
    assert np.diff(times) == pytest.approx(1 / FPS, abs=1e-3)
    assert elapsed_s > (len(got) - 1) / FPS - 1.0  # what FFmpeg read while it probed came at once


@pytest.mark.network
def test_cameras_are_at_different_places_of_the_clip(tmp_path: Path) -> None:
    """Keyframes of all cameras at once would be a load no street has."""
    clip = encode(tmp_path / "clip.mp4", n_frames=15, fps=FPS, gop=5)
    with RtspCameras(clip, 3) as cameras:
        streams = [received(cameras.url(number)) for number in range(3)]
        firsts = {slices(next(stream)[2]) for stream in streams}
    assert len(firsts) > 1


@pytest.mark.network
def test_forty_clients_are_served_at_once(cameras: RtspCameras) -> None:
    """Each gets its pictures in step with all others."""
    counts = [0] * 40
    until = time.monotonic() + 4.0

    def watch(index: int) -> None:
        for _ in received(cameras.url(index % 4)):
            counts[index] += 1
            if time.monotonic() > until:
                return

    threads = [threading.Thread(target=watch, args=(index,)) for index in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert min(counts) > FPS
    assert max(counts) - min(counts) < 2 * FPS  # they came up to a keyframe interval apart


def ask(connection: socket.socket, method: str, url: str, *fields: str) -> bytes:
    lines = (f"{method} {url} RTSP/1.0", "CSeq: 7", *fields)
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection.recv(4096)


@pytest.mark.network
def test_a_sender_report_tells_utc(cameras: RtspCameras) -> None:
    """The first packets of a stream: its time is the box's own, to a few milliseconds."""
    url = cameras.url(2)
    with socket.create_connection(("127.0.0.1", cameras.port), timeout=5.0) as connection:
        assert ask(connection, "GET_PARAMETER", url).startswith(b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n")
        assert b"sprop-parameter-sets=" in ask(connection, "DESCRIBE", url)
        agreed = ask(
            connection, "SETUP", f"{url}/trackID=0",
            "Transport: RTP/AVP/TCP;unicast;interleaved=4-5",
        )  # fmt: skip
        assert b"interleaved=4-5" in agreed
        connection.sendall(f"PLAY {url} RTSP/1.0\r\nCSeq: 8\r\n\r\n".encode())
        stream = connection.makefile("rb")
        while stream.readline().strip():
            pass
        _, channel, size = unpack_from(">cBH", stream.read(4))
        report = stream.read(size)
        _, video_channel, size = unpack_from(">cBH", stream.read(4))
        first = stream.read(size)
    assert (channel, video_channel, report[1]) == (5, 4, 200)
    ssrc, seconds, fraction, tick = unpack_from(">IIII", report, 4)
    at = datetime(1900, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds + fraction / 2**32)
    assert abs(datetime.now(timezone.utc) - at) < timedelta(seconds=0.5)
    assert unpack_from(">I", first, 8)[0] == ssrc
    behind_s = (tick - unpack_from(">I", first, 4)[0]) % 2**32 / 90_000
    assert behind_s < 0.2  # the report was made as the picture was sent


@pytest.mark.network
def test_what_is_not_there_is_refused(cameras: RtspCameras) -> None:
    """An unknown camera, method or transport."""
    with pytest.raises(av.error.HTTPNotFoundError):
        next(received(cameras.url(99)))
    with socket.create_connection(("127.0.0.1", cameras.port), timeout=5.0) as connection:
        assert b" 405 " in ask(connection, "RECORD", cameras.url(0))
        assert b" 461 " in ask(connection, "SETUP", cameras.url(0), "Transport: RAW/RAW/UDP")
        assert b" 461 " in ask(
            connection, "SETUP", cameras.url(0), "Transport: RTP/AVP;unicast;client_port=x"
        )


@pytest.mark.network
def test_cameras_end_with_the_process_that_started_them(clip: Path) -> None:
    """Also when that is killed: their standard input ends."""
    running = subprocess.Popen(
        [sys.executable, "-m", "edge.demo.rtsp", str(clip), "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stdin is not None
    assert running.stdout.readline().startswith(b"READY ")
    running.stdin.close()
    assert running.wait(5.0) == 0
    running.stdout.close()


@pytest.mark.parametrize("codec", ["mpeg4", "none"])
def test_a_clip_that_cannot_be_served_is_named(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clip.mp4"
    if codec != "none":
        encode(path, codec=codec, n_frames=5)
    with pytest.raises(InputError, match=r"clip\.mp4.*(expected H\.264|no such file)"):
        RtspCameras(path, 1)


def test_a_clip_with_reordered_pictures_says_by_how_much(tmp_path: Path) -> None:
    """Pictures are sent in decoding order, and their times tell when they are shown."""
    served = read_clip(encode(tmp_path / "b.mp4", n_frames=20, b_frames=2))
    assert served.reorder_s == pytest.approx(0.4)  # three pictures ahead, one already shown
    assert served.duration_s == pytest.approx(2.0)
    assert [unit.dts for unit in served.units] == sorted(unit.dts for unit in served.units)


NALS = st.lists(st.integers(1, 4 * MAX_PAYLOAD), min_size=1, max_size=4)


@given(sizes=NALS, sequence=st.integers(0, 70_000), tick=st.integers(-(2**40), 2**40))
def test_packets_put_together_are_the_picture(sizes: list[int], sequence: int, tick: int) -> None:
    """RFC 6184: whole NAL units or fragments, none too long, marker on the last alone."""
    nals = [bytes([0x65]) + bytes(n % 251 for n in range(size)) for size in sizes]
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    unit = _unit(Packet(data, 0.0, 0.0, is_keyframe=False, captured_at=moment, clock_ms=0), 4, ())
    packets = list(unit.datagrams(unit.stamped(6, sequence, tick, 0xABCDEF01)))
    assert len(packets) == len(unit.starts)
    assert max(map(len, packets)) <= HEADER + MAX_PAYLOAD
    got: list[bytes] = []
    for number, packet in enumerate(packets):
        kind, order, time_stamp, ssrc = unpack_from(">xBHII", packet)
        assert kind == (96 | 0x80 if number == len(packets) - 1 else 96)
        assert (order, time_stamp, ssrc) == (
            (sequence + number) % 2**16, tick % 2**32, 0xABCDEF01,
        )  # fmt: skip
        payload = bytes(packet[HEADER:])
        if payload[0] & 0x1F != 28:
            got.append(payload)
        elif payload[1] & 0x80:
            got.append(bytes([payload[0] & 0xE0 | payload[1] & 0x1F]) + payload[2:])
        else:
            got[-1] += payload[2:]
    assert got == nals
    assert unit.n_payload_bytes == sum(len(packet) - HEADER for packet in packets)


def test_packets_inside_tcp_carry_channel_and_length() -> None:
    unit = Unit(0.0, 0.0, is_keyframe=True, framed=b"$\0\0\x0e" + bytes(14), starts=(FRAMING,))
    assert bytes(unit.stamped(3, 1, 2, 3)[:FRAMING]) == b"$\x03\x00\x0e"

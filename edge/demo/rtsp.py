"""Simulated network cameras: RTSP for any number of them, from one clip, in a process of its own.

`python -m edge.demo.rtsp CLIP --cameras N` serves `/camera-0`, `/camera-1`, ... in real time and
for ever; `RtspCameras` runs that as a child. H.264 over TCP or UDP, without passwords, on
loopback. Each camera is at another place of the clip, its times go on over the joins, a client
begins with a keyframe, and sender reports tell UTC every five seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import ClassVar, TypeAlias

from edge.demo._rtp import CLOCK_HZ, Clip, Unit, framed, read_clip, sender_report
from edge.errors import EdgeError, InputError

REPORT_S = 5.0
"""Between sender reports: the shortest RFC 3550 recommends, and what cameras send."""

MOST_WAITING = 2**21
"""Bytes that may wait for a slow client, eight seconds at 2 Mbit/s; what comes then is dropped up
to the next keyframe, as cameras do."""

MOST_LATE_S = 1.0
"""Pictures overdue by more, after the process was stopped, are never sent: a camera has no past."""

_Answer: TypeAlias = tuple[list[str], str]
"""Status and headers, and the body."""


class RtspCameras:
    """Cameras in a process of their own; also a context manager.

    They end with this process, however that ends.

    Args:
        clip: H.264 in MP4 or Matroska, beginning with a keyframe.
        n_cameras: How many.
        port: TCP port on 127.0.0.1; 0 takes a free one.

    Attributes:
        port: Where they listen.
        mbit_s: Rate of one camera.
        keyframe_s: Time between keyframes.
        process: The child, for those who want to stop it or count what it costs.

    Raises:
        InputError: The clip cannot be served, or the port cannot be had.
    """

    def __init__(self, clip: Path, n_cameras: int, port: int = 0) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable, "-m", "edge.demo.rtsp", str(clip),
                "--cameras", str(n_cameras), "--port", str(port), "--until-eof",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        word, _, rest = self.process.stdout.readline().strip().partition(" ")
        if word != "READY":
            self.close()
            raise InputError(f"simulated cameras: {rest or 'no start'}")
        told = rest.split()
        self.port, self.mbit_s, self.keyframe_s = int(told[0]), float(told[1]), float(told[2])

    def url(self, number: int) -> str:
        """Address of a camera, from 0."""
        return f"rtsp://127.0.0.1:{self.port}/camera-{number}"

    def close(self) -> None:
        """Switch them off; safe to call twice."""
        self.process.kill()  # they keep nothing that could be lost
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> RtspCameras:  # noqa: PYI034 - typing.Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Camera:
    """One endless stream and who watches it."""

    def __init__(self, clip: Clip, behind_s: float) -> None:
        self.clip = clip
        self.viewers: set[_Client] = set()
        self._origin = time.monotonic() - behind_s
        self._first_tick = random.getrandbits(32)

    def tick_now(self) -> int:
        """RTP time of a picture taken now; a reordered one is shown later than it is sent."""
        shown_s = time.monotonic() - self._origin + self.clip.reorder_s
        return self._first_tick + round(shown_s * CLOCK_HZ)

    async def run(self) -> None:
        """Send each picture when it is due."""
        began_s = 0.0  # of the round, after the origin
        while True:
            for unit in self.clip.units:
                wait_s = self._origin + began_s + unit.dts - time.monotonic()
                if wait_s < -MOST_LATE_S:
                    for viewer in self.viewers:
                        viewer.has_begun = False
                    continue
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                tick = self._first_tick + round((began_s + unit.pts) * CLOCK_HZ)
                for viewer in tuple(self.viewers):
                    viewer.send(unit, tick)
            began_s += self.clip.duration_s
            # A round in which nothing was due must not keep everybody else waiting.
            await asyncio.sleep(0)


@dataclass(frozen=True)
class _Udp:
    """Where a client wants its datagrams."""

    host: str
    rtp_port: int
    rtcp_port: int


class _Server:
    """What all connections share."""

    def __init__(self, clip: Clip, n_cameras: int) -> None:
        self.clip = clip
        self.cameras = {
            f"camera-{number}": _Camera(clip, clip.duration_s * number / n_cameras)
            for number in range(n_cameras)
        }
        self.rtp: asyncio.DatagramTransport
        self.rtcp: asyncio.DatagramTransport
        self.udp_port = 0

    async def serve(self, port: int, *, until_eof: bool) -> None:
        """Serve until a signal, or until standard input ends."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, done.set)
        if until_eof:
            loop.add_reader(sys.stdin, done.set)
        await self._open_udp()
        try:
            server = await loop.create_server(lambda: _Client(self), "127.0.0.1", port)
        except OSError as exc:
            raise InputError(f"port {port} cannot be had: {exc.strerror}; choose another") from exc
        tasks = [asyncio.create_task(camera.run()) for camera in self.cameras.values()]
        told = f"{self.clip.bits_per_second / 1e6:.3f} {self.clip.keyframe_s:.3f}"
        print("READY", server.sockets[0].getsockname()[1], told, flush=True)
        await asyncio.wait(
            [asyncio.create_task(done.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED
        )

    async def _open_udp(self) -> None:
        """A pair of sockets for the packets of all clients: RTCP on the port after RTP's."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self.rtp, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            self.udp_port = self.rtp.get_extra_info("sockname")[1]
            try:
                self.rtcp, _ = await loop.create_datagram_endpoint(
                    asyncio.DatagramProtocol, local_addr=("127.0.0.1", self.udp_port + 1)
                )
            except OSError:
                self.rtp.close()  # the next port is somebody else's: another pair
            else:
                return
        raise InputError("no two UDP ports in a row are free")


class _Client(asyncio.Protocol):
    """One RTSP connection: its requests, and the packets sent to it."""

    def __init__(self, server: _Server) -> None:
        self.has_begun = False
        self._server = server
        self._camera: _Camera | None = None
        self._received = bytearray()
        self._udp: _Udp | None = None
        self._channels = (0, 1)
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._n_packets = 0
        self._n_bytes = 0
        self._report_due = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """They left."""
        self._leave()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete; what a client says in RTCP is not needed."""
        self._received += data
        while self._received:
            if self._received[:1] == b"$":
                size = 4 + int.from_bytes(self._received[2:4], "big")
                if len(self._received) < max(4, size):
                    return
                del self._received[:size]
                continue
            head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not end:
                return
            lines = head.decode(errors="replace").split("\r\n")
            fields = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines[1:])
            }
            size = int(fields.get("content-length") or 0)
            if len(rest) < size:
                return
            self._received = bytearray(rest[size:])
            self._answer(lines[0], fields)

    def send(self, unit: Unit, tick: int) -> None:
        """Send one picture, once a keyframe has come."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MOST_WAITING:
            self.has_begun = False
        if not self.has_begun and not unit.is_keyframe:
            return
        self.has_begun = True
        self._report()
        stamped = unit.stamped(self._channels[0], self._sequence, tick, self._ssrc)
        if self._udp is None:
            self._transport.write(stamped)
        else:
            for datagram in unit.datagrams(stamped):
                self._server.rtp.sendto(datagram, (self._udp.host, self._udp.rtp_port))
        self._sequence += len(unit.starts)
        self._n_packets += len(unit.starts)
        self._n_bytes += unit.n_payload_bytes

    def _report(self) -> None:
        if time.monotonic() < self._report_due or self._camera is None:
            return
        self._report_due = time.monotonic() + REPORT_S
        report = sender_report(
            self._ssrc,
            datetime.now(timezone.utc),
            self._camera.tick_now(),
            self._n_packets,
            self._n_bytes,
        )
        if self._udp is None:
            self._transport.write(framed(self._channels[1], report))
        else:
            self._server.rtcp.sendto(report, (self._udp.host, self._udp.rtcp_port))

    def _answer(self, request: str, fields: dict[str, str]) -> None:
        method, _, target = request.partition(" ")
        url = target.partition(" ")[0]
        name = url.removeprefix("rtsp://").partition("/")[2].partition("/")[0]
        camera = self._server.cameras.get(name)
        answer = self._METHODS.get(method)
        if answer is None:
            head, body = ["405 Method Not Allowed"], ""
        elif camera is None and method != "OPTIONS":
            head, body = ["404 Not Found"], ""
        else:
            head, body = answer(self, camera, url, fields)
        head.insert(1, f"CSeq: {fields.get('cseq', '0')}")
        if body:
            head.append(f"Content-Length: {len(body)}")
        lines = "".join(f"{line}\r\n" for line in head)
        self._transport.write(f"RTSP/1.0 {lines}\r\n{body}".encode())

    def _options(self, _camera: object, _url: str, _fields: object) -> _Answer:
        return ["200 OK", f"Public: {', '.join(self._METHODS)}"], ""

    def _describe(self, _camera: object, url: str, _fields: object) -> _Answer:
        base = f"Content-Base: {url.rstrip('/')}/"
        return ["200 OK", base, "Content-Type: application/sdp"], self._server.clip.sdp

    def _setup(self, _camera: object, _url: str, fields: dict[str, str]) -> _Answer:
        transport = self._agreed(fields.get("transport", ""))
        if not transport:
            return ["461 Unsupported Transport"], ""
        return ["200 OK", f"Transport: {transport}", self._session], ""

    def _play(self, camera: _Camera, _url: str, _fields: object) -> _Answer:
        self._camera = camera
        camera.viewers.add(self)
        return ["200 OK", "Range: npt=now-", self._session], ""

    def _get_parameter(self, _camera: object, _url: str, _fields: object) -> _Answer:
        return ["200 OK", self._session], ""

    def _teardown(self, _camera: object, _url: str, _fields: object) -> _Answer:
        self._leave()
        return ["200 OK", self._session], ""

    _METHODS: ClassVar[dict[str, Callable[..., _Answer]]] = {
        "OPTIONS": _options,
        "DESCRIBE": _describe,
        "SETUP": _setup,
        "PLAY": _play,
        "GET_PARAMETER": _get_parameter,
        "TEARDOWN": _teardown,
    }

    @property
    def _session(self) -> str:
        return f"Session: {self._ssrc:08x};timeout=60"

    def _agreed(self, wanted: str) -> str:
        """The transport as agreed; empty where it cannot be had."""
        words = wanted.split(";")
        told = {name: value for name, _, value in (word.partition("=") for word in words)}
        try:
            if words[0] == "RTP/AVP/TCP":
                first, last = told.get("interleaved", "0-1").split("-")
                self._udp, self._channels = None, (int(first) & 0xFF, int(last) & 0xFF)
                return f"RTP/AVP/TCP;unicast;interleaved={first}-{last};ssrc={self._ssrc:08X}"
            if words[0] in ("RTP/AVP", "RTP/AVP/UDP"):
                first, last = told["client_port"].split("-")
                host = self._transport.get_extra_info("peername")[0]
                self._udp = _Udp(host, int(first), int(last))
                ports = f"{self._server.udp_port}-{self._server.udp_port + 1}"
                return (
                    f"RTP/AVP;unicast;client_port={first}-{last};server_port={ports};"
                    f"ssrc={self._ssrc:08X}"
                )
        except (KeyError, ValueError):
            pass
        return ""

    def _leave(self) -> None:
        if self._camera is not None:
            self._camera.viewers.discard(self)
            self._camera = None
        self.has_begun = False


def main() -> int:
    """Serve a clip; the first line printed is `READY`, port, Mbit/s, keyframe interval."""
    parser = argparse.ArgumentParser(prog="python -m edge.demo.rtsp", description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="H.264 in MP4 or Matroska")
    parser.add_argument("--cameras", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument("--port", type=int, default=0, help="TCP port (default: a free one)")
    parser.add_argument(
        "--until-eof", action="store_true", help="end when standard input is closed"
    )
    args = parser.parse_args()
    try:
        server = _Server(read_clip(args.clip), args.cameras)
        asyncio.run(server.serve(args.port, until_eof=args.until_eof))
    except EdgeError as exc:
        print("FAILED", exc, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

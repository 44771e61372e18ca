"""A camera that tests can switch off: an RTSP server in a process of its own, on loopback.

Tests that use it carry the marker `network`. Where its Debian packages are not installed they
skip, and the reason names the command that installs them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import pytest

SERVER = Path(__file__).with_name("gst_rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the only one that sees Debian's GStreamer bindings
PACKAGES_MISSING = 3  # the server's exit status


class RtspCamera:
    """Serve a clip over RTSP, in real time and for ever, as one endless stream.

    Used as a context manager it is on from the start to the end of the block. It keeps its port
    while it is off, so that the same address comes back.

    Args:
        clip: H.264, H.265 or MJPEG in MP4 or Matroska, at least two pictures; or MPEG-TS, which is
            sent once, as MPEG-TS inside RTP.
        user: With `password`, who may look (digest authentication); None lets everyone in.
        password: See `user`.
        shared: All clients join one running stream, as with most cameras. Otherwise each gets
            the clip from its beginning, which makes a test repeatable.
        address: Where it listens; loopback unless another interface is to be tested.
        certificate: With `key`, both PEM files: it serves `rtsps://`.
        key: See `certificate`.
        loss: Fraction of its RTP packets that get lost on the way.
        is_transport_stream: Its video is wrapped in MPEG-TS inside RTP.
        has_bare_sdp: It describes its H.264 without the parameter sets; those are in the stream.
        rtp_start: RTP time of the first picture, 32 bits at 90 kHz; random if None.
        report_s: Between its RTCP sender reports.
        clock_s: How far its clock is ahead of this machine's.
    """

    def __init__(
        self,
        clip: Path,
        user: str | None = None,
        password: str | None = None,
        *,
        shared: bool = False,
        address: str = "127.0.0.1",
        certificate: Path | None = None,
        key: Path | None = None,
        loss: float = 0.0,
        is_transport_stream: bool = False,
        has_bare_sdp: bool = False,
        rtp_start: int | None = None,
        report_s: float = 5.0,
        clock_s: float = 0.0,
    ) -> None:
        self._scheme = "rtsp" if certificate is None else "rtsps"
        self._clock_s = clock_s
        self._arguments = [str(clip), "--address", address, *(["--shared"] if shared else [])]
        self._arguments += ["--loss", str(loss), "--report-s", str(report_s)]
        self._arguments += ["--bare-sdp"] if has_bare_sdp else []
        self._arguments += ["--transport-stream"] if is_transport_stream else []
        if rtp_start is not None:
            self._arguments += ["--rtp-start", str(rtp_start)]
        if certificate is not None and key is not None:
            self._arguments += ["--certificate", str(certificate), "--key", str(key)]
        if user is not None and password is not None:
            self._arguments += ["--user", user, "--password", password]
        self._credentials = (user, password)
        self._address = ""
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> RtspCamera:  # noqa: PYI034  # typing.Self came with Python 3.11
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address with this camera's own credentials; known once it was started."""
        return self.url_as(*self._credentials)

    def url_as(self, user: str | None, password: str | None) -> str:
        """Give the address with these credentials, or with none."""
        if user is None or password is None:
            return f"{self._scheme}://{self._address}"
        who = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"{self._scheme}://{who}@{self._address}"

    def start(self) -> None:
        """Switch it on, and return when it listens.

        Raises:
            RuntimeError: The server did not come up; carries what it said.
        """
        again = ["--port", self._address.partition("/")[0].rpartition(":")[2]]
        command = [SYSTEM_PYTHON, str(SERVER), *self._arguments, *(again if self._address else [])]
        with tempfile.TemporaryFile("w+") as complaints:
            try:
                self._server = subprocess.Popen(
                    command,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    text=True,
                    env=self._environment(),
                )
            except FileNotFoundError:
                pytest.skip(f"no {SYSTEM_PYTHON}; run: apt-get install python3")
            assert self._server.stdout is not None
            ready, _, url = self._server.stdout.readline().strip().partition(" ")
            if ready == "READY":
                self._address = url.partition("://")[2]
                return
            status = self._server.wait()
            self._forget()
            complaints.seek(0)
            complaint = complaints.read().strip()
        if status == PACKAGES_MISSING:
            pytest.skip(f"no RTSP server here: {complaint}")
        raise RuntimeError(f"the RTSP server ended with status {status}: {complaint}")

    def stop(self) -> None:
        """Switch it off in good order. Nothing happens when it is off already."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Cut its power: it says nothing more to anyone."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Switch it off and on again, at the same address."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Hang it: connections stay open and nothing arrives on them, until `thaw`."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen camera go on."""
        self._running().send_signal(signal.SIGCONT)

    def _environment(self) -> dict[str, str]:
        """The process's own; with another time of day where the camera's clock is wrong."""
        if not self._clock_s:
            return dict(os.environ)
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
        if library is None:
            pytest.skip("no way to put a clock wrong here; run: apt-get install faketime")
        return {
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAKETIME": f"{self._clock_s:+}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def _running(self) -> subprocess.Popen[str]:
        if self._server is None:
            raise RuntimeError("this camera is off: call start() first")
        return self._server

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        self._server.send_signal(how)
        self._server.send_signal(signal.SIGCONT)  # a frozen process would never see the other
        self._server.wait(timeout=10)
        self._forget()

    def _forget(self) -> None:
        if self._server is not None and self._server.stdout is not None:
            self._server.stdout.close()
        self._server = None

"""The other side of evidence: a real S3 server, a real sshd, a web server that takes PUT."""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest

from edge.evidence.delivery import DeliveryOptions
from edge.evidence.delivery.https import Options as HttpsOptions
from edge.evidence.delivery.s3 import Options as S3Options
from edge.evidence.delivery.sftp import Options as SftpOptions
from tests.servers import eventually, free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


class OtherSide(Protocol):
    """A server, and what lies on it."""

    port: int

    def options(self, port: int, **changes: Any) -> DeliveryOptions:
        """How to reach it through a port."""

    def read(self, name: str) -> bytes | None:
        """What lies there under a name; None where nothing does."""

    def spoil(self, name: str) -> bool:
        """Change a byte of what an attempt that was cut left; False where it can only be whole."""


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


class Moto:
    """An S3 server with one bucket."""

    def __init__(self, port: int) -> None:
        self.port = port
        import boto3

        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="ACCESS",
            aws_secret_access_key="SECRET-TEXT",  # noqa: S106 - the test server's
        )
        self.client.create_bucket(Bucket="evidence")

    def options(self, port: int, **changes: Any) -> S3Options:
        said = {
            "kind": "s3",
            "url": f"http://127.0.0.1:{port}",
            "bucket": "evidence",
            "prefix": "box-1",
            "access_key": "ACCESS",
            "secret_key": "SECRET-TEXT",
        }
        return S3Options.model_validate({**said, **changes})

    def read(self, name: str) -> bytes | None:
        try:
            answer = self.client.get_object(Bucket="evidence", Key=f"box-1/{name}")
        except self.client.exceptions.NoSuchKey:
            return None
        return bytes(answer["Body"].read())

    def spoil(self, name: str) -> bool:
        where = {"Bucket": "evidence", "Key": f"box-1/{name}"}
        (upload,) = self.client.list_multipart_uploads(Bucket="evidence")["Uploads"]
        self.client.upload_part(**where, UploadId=upload["UploadId"], PartNumber=1, Body=b"x")
        return True


@contextmanager
def moto() -> Iterator[Moto]:
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: is_listening(port), 30.0)
        yield Moto(port)
    finally:
        server.kill()
        server.wait()


class Sshd:
    """An OpenSSH server, for SFTP alone."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        (folder / "there").mkdir()

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    def options(self, port: int, **changes: Any) -> SftpOptions:
        said = {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": port,
            "host_key": self.host_key,
            "user": getpass.getuser(),
            "key_file": self.folder / "own",
            "path": str(self.folder / "there" / "evidence"),
        }
        return SftpOptions.model_validate({**said, **changes})

    def place(self, name: str) -> Path:
        return self.folder / "there" / "evidence" / name

    def read(self, name: str) -> bytes | None:
        place = self.place(name)
        return place.read_bytes() if place.exists() else None

    def spoil(self, name: str) -> bool:
        part = self.place(name + ".part")
        content = bytearray(part.read_bytes())
        content[0] ^= 1
        part.write_bytes(bytes(content))
        return True


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    if SSHD is None:
        pytest.skip("no sshd: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    for name in ("host", "own"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    shutil.copy(folder / "own.pub", folder / "authorized")
    (folder / "sshd.conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nPidFile none\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\n"
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd.conf")], stderr=log)
    try:
        assert eventually(lambda: is_listening(port)), (folder / "sshd.log").read_text()
        yield Sshd(folder, port)
    finally:
        server.terminate()
        server.wait()


class _Put(BaseHTTPRequestHandler):
    """Takes PUT, tells how far it got, and states digests where it is asked to."""

    protocol_version = "HTTP/1.1"
    server: WebServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_PUT(self) -> None:
        if self.headers.get("Authorization") != "Bearer SECRET-TEXT":
            self._answer(401)
            return
        with self.server.turn:  # the handler of a link that was cut may not have noticed yet
            self._take()

    def _take(self) -> None:
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", self.headers.get("Content-Range", ""))
        there = self.server.arrived.setdefault(self.path, bytearray())
        if span and span[1] is None:
            if self.server.resumes and there:
                self._answer(308, Range=f"bytes=0-{len(there) - 1}")
            else:
                self._answer(400)
            return
        del there[int(span[1]) if span else 0 :]
        left = int(self.headers["Content-Length"])
        while left:
            chunk = self.rfile.read1(min(left, 1 << 14))
            if not chunk:
                return
            there += chunk
            left -= len(chunk)
        self.server.whole[self.path] = bytes(there)
        self._answer(201, **self._digest())

    def do_HEAD(self) -> None:
        content = self.server.whole.get(self.path)
        self._answer(404 if content is None else 200, **self._digest())

    def do_GET(self) -> None:
        content = self.server.whole.get(self.path)
        if content is None or not self.server.is_readable:
            self._answer(403)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _digest(self) -> dict[str, str]:
        content = self.server.whole.get(self.path)
        if content is None or not self.server.states:
            return {}
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return {"Repr-Digest": f"sha-256=:{digest}:"}

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()


class WebServer(ThreadingHTTPServer):
    """A web server whose habits can be changed.

    Attributes:
        resumes: It tells how far an upload got.
        states: It states a digest.
        is_readable: It gives back what it has.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Put)
        self.port = int(self.server_address[1])
        self.arrived: dict[str, bytearray] = {}
        self.whole: dict[str, bytes] = {}
        self.turn = threading.Lock()
        self.resumes = self.states = self.is_readable = True

    def options(self, port: int, **changes: Any) -> HttpsOptions:
        said = {"kind": "https", "url": f"http://127.0.0.1:{port}/up", "token": "SECRET-TEXT"}
        return HttpsOptions.model_validate({**said, **changes})

    def read(self, name: str) -> bytes | None:
        return self.whole.get(f"/up/{name}")

    def spoil(self, name: str) -> bool:
        self.arrived[f"/up/{name}"][0] ^= 1
        return True


@contextmanager
def web_server() -> Iterator[WebServer]:
    server = WebServer()
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

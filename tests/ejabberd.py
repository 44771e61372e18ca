"""A second, independent MQTT 5 broker for tests: ejabberd's, written in Erlang."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import eventually, free_port

CONFIGURATION = """\
hosts: [localhost]
loglevel: error
listen:
  - {{port: {port}, ip: "127.0.0.1", module: mod_mqtt}}
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
modules:
  mod_mqtt: {{match_retained_limit: 1000}}
"""

LOGIN = ("edge", "any")
"""It wants a name; every password will do."""


class Ejabberd:
    """One that can be killed and started again on the same port.

    Args:
        folder: For its configuration, database and log.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        (folder / "ejabberd.yml").write_text(CONFIGURATION.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it accepts connections: some three seconds."""
        library = next(Path("/usr/lib").glob("*/ejabberd-*")).parent
        environment = {
            **os.environ,
            "HOME": str(self._folder),
            "ERL_LIBS": str(library),
            "EJABBERD_CONFIG_PATH": str(self._folder / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self._folder / "ejabberd.log"),
        }
        # Without a node name it is not part of any cluster, and needs no port mapper.
        command = ["erl", "-noinput", "-mnesia", "dir", f'"{self._folder}/spool"', "-s", "ejabberd"]
        with (self._folder / "out.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        if not eventually(self._accepts, 30.0):
            self.kill()
            pytest.fail(f"ejabberd did not start: {(self._folder / 'out.log').read_text()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(5)
            self._process = None

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def ejabberd(folder: Path) -> Iterator[Ejabberd]:
    """A running one; skips the test where it is not installed."""
    if shutil.which("erl") is None or not any(Path("/usr/lib").glob("*/ejabberd-*")):
        pytest.skip("ejabberd is not installed; run: apt-get install ejabberd")
    broker = Ejabberd(folder)
    try:
        yield broker
    finally:
        broker.kill()

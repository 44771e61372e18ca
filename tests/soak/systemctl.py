"""The other end of NOTIFY_SOCKET for tests/soak/systemctl: keeps what the daemon says."""

import socket
import sys
from pathlib import Path

run = Path(sys.argv[1])
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
    channel.bind(str(run / "notify"))
    while True:
        said = channel.recv(4096).decode()
        if said.startswith(("READY=1", "WATCHDOG=1")):
            (run / "status").write_text(said.partition("STATUS=")[2] + "\n")

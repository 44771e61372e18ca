"""Bell: any thread wakes the sender, which waits on sockets."""

from __future__ import annotations

import socket
from contextlib import suppress


class Bell:
    """Rung from any thread, answered by one. What was rung for must be done before."""

    def __init__(self) -> None:
        self._ear, self._button = socket.socketpair()
        self._ear.setblocking(False)
        self._button.setblocking(False)
        self._is_ringing = False

    def ring(self) -> None:
        """Wake who waits; costs nothing while it rings already."""
        if not self._is_ringing:
            self._is_ringing = True
            with suppress(OSError):  # closed
                self._button.send(b"\0")

    def fileno(self) -> int:
        """Readable while it rings."""
        return self._ear.fileno()

    def answer(self) -> None:
        """Stop it; look for what there is to do after this, not before."""
        self._ear.recv(4096)
        self._is_ringing = False

    def close(self) -> None:
        """Let go of the sockets; safe to call twice."""
        self._ear.close()
        self._button.close()

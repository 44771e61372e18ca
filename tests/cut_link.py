"""A link between a client and a server that can be cut in the middle of a transfer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutLink:
    """Passes TCP on to a port of this machine.

    Attributes:
        port: Where to connect.
        n_up: Bytes the client has sent so far.
        cut_at: All connections are cut when `n_up` gets there; None for never.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.n_up = 0
        self.cut_at: int | None = None
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut what is connected now."""
        ends, self._open = self._open, []  # a client that comes back at once is not among them
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Take no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # else a waiting accept keeps it open
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    args = (source, sink, source is client)
                    threading.Thread(target=self._pass_on, args=args, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 14):
                if is_up:
                    self.n_up += len(chunk)
                    if self.cut_at is not None and self.n_up >= self.cut_at:
                        self.cut()
                        return
                sink.sendall(chunk)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
            source.close()


@contextmanager
def cut_link(target: int) -> Iterator[CutLink]:
    """One to a port."""
    link = CutLink(target)
    try:
        yield link
    finally:
        link.close()

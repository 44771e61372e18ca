"""The site: cameras in groups, each group one server on a cable of its own.

The cameras of a group fail together, as those behind one switch do; each has its own stream.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.rtsp_camera import RtspCamera
from tests.soak.box import Source
from tests.soak.film import Film, rotated
from tests.soak.network import Cable, Network

TRANSPORTS = ("tcp", "udp")


@dataclass(frozen=True)
class Group:
    """Cameras behind one cable.

    Attributes:
        cable: To them.
        server: All of them in one process.
        sources: What the box is told of each; over TCP and UDP by turns.
        kbit_s: What one of them sends on average.
        network: Where they are.
    """

    cable: Cable
    server: RtspCamera
    sources: tuple[Source, ...]
    kbit_s: int
    network: Network

    def start(self) -> None:
        """Switch them on; returns when they listen."""
        with self.network.inside():
            self.server.start()

    @property
    def cameras(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(source.camera for source in self.sources)


class Site:
    """All groups, switched on; used as a context manager, and gone afterwards.

    Args:
        folder: For the films.
        n_cameras: How many in all.
        per_group: How many behind one cable.
        film: What they show, each group from another moment on.
    """

    def __init__(self, folder: Path, n_cameras: int, per_group: int, film: Film) -> None:
        self._folder = folder
        self._sizes = [
            min(per_group, n_cameras - first) for first in range(0, n_cameras, per_group)
        ]
        self._film = film
        self._stack = ExitStack()
        self.groups: list[Group] = []
        self.network = Network(len(self._sizes))

    def __enter__(self) -> Site:  # noqa: PYI034  # typing.Self came with Python 3.11
        with self._stack:
            film = self._film.encode(self._folder / "film.mp4")
            self._stack.enter_context(self.network)
            for number, size in enumerate(self._sizes):
                self._add(number, size, film)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def sources(self) -> list[Source]:
        """All cameras, as the box is told of them."""
        return [source for group in self.groups for source in group.sources]

    def _add(self, number: int, size: int, film: Path) -> None:
        cable = self.network.cables[number]
        clip = self._folder / f"film-{number}.mp4"
        rotated(film, clip, number / len(self._sizes))
        server = RtspCamera(clip, address=cable.camera_address)
        with self.network.inside():
            server.start()
        self._stack.callback(server.kill)
        sources = tuple(
            Source(f"g{number}-{index}", server.url, TRANSPORTS[index % len(TRANSPORTS)])
            for index in range(size)
        )
        kbit_s = round(clip.stat().st_size * 8 / 1000 / self._film.loop_s)
        self.groups.append(Group(cable, server, sources, kbit_s, self.network))

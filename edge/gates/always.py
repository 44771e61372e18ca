"""`always`: every analysed frame is looked at."""

from __future__ import annotations

from typing import Literal

from edge.frame import Frame
from edge.gates import GateOptions
from edge.packet import Packet


class Options(GateOptions):
    """No gate."""

    kind: Literal["always"] = "always"

    def build(self) -> Always:
        """A gate that is always open."""
        return Always()


class Always:
    """Looks at everything."""

    is_idle = False

    def stirs(self, frame: Frame) -> bool:  # noqa: ARG002
        """Always True."""
        return True

    def stirs_packet(self, packet: Packet) -> bool:  # noqa: ARG002
        """Always True."""
        return True

    def wake(self, pts: float) -> None:
        """Nothing to do: it never sleeps."""

    def is_open(self, frame: Frame, *, is_following: bool) -> bool:  # noqa: ARG002
        """Always True."""
        return True

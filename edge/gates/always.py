"""`always`: every analysed frame is looked at."""

from __future__ import annotations

from typing import Literal

from edge.frame import Frame
from edge.gates import GateOptions


class Options(GateOptions):
    """No gate."""

    kind: Literal["always"] = "always"

    def build(self) -> Always:
        """A gate that is always open."""
        return Always()


class Always:
    """Looks at everything."""

    def is_open(self, frame: Frame, *, is_following: bool) -> bool:  # noqa: ARG002
        """Always True."""
        return True

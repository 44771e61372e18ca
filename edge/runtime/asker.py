"""Asker: who wants the configuration read again, as the audit log is told. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge.web import Visitor


@dataclass(frozen=True)
class Asker:
    """Who asks, and by which way.

    Attributes:
        by: `signal`, `command` or `page`.
        who: As far as that way knows them; kept apart in the log, and erasable.
    """

    by: str
    who: str

    @property
    def facts(self) -> dict[str, object]:
        """For a record."""
        return {"by": self.by, "who": self.who}


HANGUP = Asker("signal", "SIGHUP: root or the service's user, as `systemctl reload edge` does")
"""Whoever sent it: a signal's handler is not told."""


def on_page(visitor: Visitor) -> Asker:
    """Somebody on the device page."""
    role = f", {visitor.role}" if visitor.role else ""
    return Asker("page", f"{visitor.user}{role} ({visitor.address})")


Reload: TypeAlias = Callable[[Asker], str]
"""Takes up what the files say now, and gives the short hash of what is then in force; raises
`CommandFailed` where that is not possible."""

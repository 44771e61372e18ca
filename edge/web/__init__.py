"""The device page: a box seen and mended from a browser on it, or near it.

Boundary: a room of its own beside the flow; nothing in the flow waits for it. What the page can see
and do is in `Panel`, to which the runtime gives hands; asyncio stays inside this room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from edge.errors import EdgeError

Json: TypeAlias = dict[str, Any]
"""What goes to a browser, as docs/device-page.md has it."""

Stop: TypeAlias = Callable[[], None]
"""Ends what was begun; from any thread, and safe to call twice."""


class Refused(EdgeError):
    """The page cannot do what was asked.

    Args:
        status: As HTTP has them: 404 there is none, 409 not now, 400 not so.
        why: In words fit for a technician.
        more: Further keys of the answer, such as `problems`.
    """

    def __init__(self, status: int, why: str, **more: Any) -> None:
        super().__init__(why)
        self.status = status
        self.more = more


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture of a camera.

    Attributes:
        jpeg: People hidden as the policy says.
        pts: Stream time in seconds, as the tracks of the same picture have it.
    """

    jpeg: bytes
    pts: float


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks.

    Attributes:
        user: Their name; `local` for whoever is on the box while it has no users.
        address: Where they ask from.
        role: What they may do.
    """

    user: str
    address: str
    role: str = ""

    def __str__(self) -> str:
        """For the log and the control room."""
        return f"{self.user} ({self.address})"


class Panel(Protocol):
    """What the page can see and do. Each method may block, and is called from many threads.

    A camera that is not there, and whatever else cannot be done, raises `Refused`. No answer holds
    a password.
    """

    @property
    def uploads(self) -> Path:
        """A folder for clips that are to be tried; what lies in it is nobody else's."""

    def name(self) -> Json:
        """`site`, `node` and `version`."""

    def box(self) -> Json:
        """Cameras, configuration, outbox and broker as they are now."""

    def doctor(self) -> list[Json]:
        """Examine the box: it takes seconds."""

    def recent(self) -> list[bytes]:
        """The last event messages as sent to the broker, the oldest first."""

    def hear(self, put: Callable[[bytes | None], None]) -> Stop:
        """Take the last event messages and each new one, until stopped."""

    def event_picture(self, event: str) -> bytes:
        """The JPEG that is kept of an event for everybody to see."""

    def picture(self, camera: str) -> bytes:
        """A camera's next picture as JPEG, masks applied."""

    def look(self, camera: str, put: Callable[[Seen | None], None]) -> Stop:
        """Take a camera's pictures as JPEG, until stopped; None when the camera has gone."""

    def follow(self, camera: str, put: Callable[[bytes | None], None]) -> Stop:
        """Take, as JSON, who is followed and what the rules said of each picture, until stopped."""

    def camera(self, camera: str) -> Json:
        """A camera's file as it is written now."""

    def preview(self, camera: str, draft: Json) -> Json:
        """What saving a draft would write and do; nothing is written."""

    def save(self, camera: str, draft: Json, by: Visitor) -> Json:
        """Write a draft into the camera's file, and take it up."""

    def undo(self, camera: str, sha256: str, by: Visitor) -> Json:
        """Write what was there before the last change made here, and take it up."""

    def try_kept(self, camera: str, draft: Json) -> Json:
        """What a draft's rules say of the last minutes, as far as they are kept."""

    def try_clip(self, camera: str, draft: Json, clip: Path) -> Json:
        """What a draft's rules say of a recording."""

    def calibrate(self, camera: str, calibration: Json) -> Json:
        """What a calibration gives."""

    def note_login(self, user: str, address: str, *, is_let_in: bool) -> None:
        """Have it recorded that somebody logged in, or was refused."""

    def disarm(self, camera: str, rule: str, minutes: float, why: str, by: Visitor) -> Json:
        """Keep a rule's events back for a time."""

    def arm(self, camera: str, rule: str, by: Visitor) -> Json:
        """Let a rule's events out again."""

    def reload(self, by: Visitor) -> Json:
        """Read the configuration again."""

"""`motion`: look while something moves or is followed, and now and then all the same.

Movement is read from the luma at a small size. The gate errs on the side of looking: the detector
decides what is there, this only decides whether asking is worth it. What it costs and saves is in
docs/gates.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.frame import Frame
from edge.gates import GateOptions
from edge.gates._background import Background
from edge.gates._sizes import Sizes
from edge.luma import shrunk
from edge.packet import Packet

WIDTH_PX = 160
"""Luma width; a person 2 % of the picture wide is still 3 pixels."""

RELEARN_SHARE = 0.5
"""More of the picture than this changing at once is another picture: an infrared filter, a lamp, a
camera turned by hand, a bus before the lens. It is looked at and the background learnt anew."""


class Options(GateOptions):
    """Look where something moves."""

    kind: Literal["motion"] = "motion"
    changed: Annotated[
        float,
        Field(
            gt=0,
            le=0.5,
            description="Share of the picture that must change. Lower opens for smaller objects.",
            examples=[0.0008],
        ),
    ] = 0.0008
    look_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=60,
            description="Look at least this often, moving or not; more often when it has only "
            "just become quiet.",
            examples=[10.0],
        ),
    ] = 10.0
    linger_seconds: Annotated[
        float,
        Field(ge=0, le=60, description="Keep looking this long after the last movement."),
    ] = 2.0

    def build(self) -> Motion:
        """A gate that knows no background yet, and looks at the first picture."""
        return Motion(self)


class Motion:
    """Compares with a learnt background; forgets nothing over a reconnection."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._background: Background | None = None
        self._sizes = Sizes()
        self._is_told = False  # by sizes alone, and no picture has borne it out so far
        self._pts = float("-inf")  # of the picture judged last
        self._was_moving = False
        self._moved_at = float("-inf")
        self._busy_at = float("-inf")  # something moved or was followed
        self._looked_at = float("-inf")

    @property
    def is_idle(self) -> bool:
        """Nothing moved within `linger_seconds`, and a background is known."""
        has_rested = self._pts - self._moved_at > self._options.linger_seconds
        return has_rested and self._background is not None

    def stirs(self, frame: Frame) -> bool:
        """Whether the picture differs from the background.

        If it does, nothing is learnt from it: it comes again, after those before it.
        """
        return self._is_moving(frame, is_empty=True, is_final=False)

    def stirs_packet(self, packet: Packet) -> bool:
        """Whether two of the last three packets are far larger than usual."""
        if self._is_told:  # idle again, and nothing moved
            self._sizes.was_wrong()
        self._is_told = self._sizes.stir(len(packet.data))
        return self._is_told

    def wake(self, pts: float) -> None:
        """Something moved at `pts`, which may lie ahead of the frames that come next."""
        self._moved_at = max(self._moved_at, pts)
        self._busy_at = max(self._busy_at, pts)
        self._sizes.forget()

    def is_open(self, frame: Frame, *, is_following: bool) -> bool:
        """Whether something moves, moved just now, is followed, or a look is due."""
        pts = frame.stamp.pts
        if self._is_moving(frame, is_empty=not is_following, is_final=True):
            self._moved_at = max(self._moved_at, pts)
        if is_following:
            self._busy_at = max(self._busy_at, pts)
        self._busy_at = max(self._busy_at, self._moved_at)
        # A look is due when it has been quiet twice as long as at the last one.
        quiet_s = self._looked_at - self._busy_at
        is_open = (
            is_following
            or pts - self._moved_at <= self._options.linger_seconds
            or pts - self._looked_at >= min(quiet_s, self._options.look_seconds)
        )
        if is_open:
            self._looked_at = pts
        return is_open

    def _is_moving(self, frame: Frame, *, is_empty: bool, is_final: bool) -> bool:
        pts = frame.stamp.pts
        if pts == self._pts:  # a keyframe that was found still comes again to be looked at
            return self._was_moving
        luma = shrunk(frame.y, WIDTH_PX)
        if self._background is None or self._background.shape != luma.shape:
            # Looked at, and no movement yet: 32 cameras that all linger at the start are 512 looks
            # at once. What moves differs from this picture in the next one.
            self._background = Background(luma, pts)
            self._pts, self._was_moving = pts, False
            self._busy_at, self._looked_at = pts, float("-inf")
            return False
        change = self._background.change(luma)
        is_moving = change.share >= self._options.changed
        if is_moving and not is_final:
            return True
        self._pts, self._was_moving = pts, is_moving
        if is_moving and self._is_told:
            self._is_told = False
            self._sizes.was_right()
        if change.share > RELEARN_SHARE:
            self._background = Background(luma, pts)
        else:
            self._background.learn(change, pts, is_empty=is_empty)
        return is_moving

"""`camera_covered`: something hides most of the view, or it is too dark or blurred to be seen."""

from __future__ import annotations

from edge.event import Kind
from edge.frame import Frame
from edge.health.view import CONTRAST, Sight, View

HIDDEN = 0.36
"""Share of the view without its detail from which it is hidden, not another view. Paint over 75 %
leaves 0.47, all other covers more; another scene 0.35 at most. Where there is next to nothing to
hide, in an empty yard, paint leaves 0.31 and passes for another view."""


class Covered:
    """Dark, blurred, sprayed, a bag over it, glare, or the lens turned to a wall.

    Args:
        view: What the camera usually shows.
    """

    kind: Kind = "camera_covered"
    begin_s = 5.0  # and five looks before that until the window shows nothing else
    end_s = 5.0

    def __init__(self, view: View) -> None:
        self._view = view

    def look(self, frame: Frame) -> str:
        """What is wrong, in words; empty where most of the view is seen, or another view."""
        sight = self._view.look(frame)
        if not is_hidden(sight):
            return ""
        if not sight.has_detail:
            return "the picture shows nothing: it is dark, or the lens is covered"
        if sight.contrast < CONTRAST:
            return "too little of the view is left: it is dark, blurred or covered"
        return "most of the view is hidden"


def is_hidden(sight: Sight) -> bool:
    """Whether the view is hidden; a view that is found elsewhere or replaced is not."""
    if sight.is_usual or sight.elsewhere is not None:
        return False
    return not sight.has_detail or sight.blank >= HIDDEN

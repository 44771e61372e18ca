"""`camera_moved`: the camera looks elsewhere, so zones and lines lie on the wrong places."""

from __future__ import annotations

from edge.event import Kind
from edge.frame import Frame
from edge.health._structure import HEIGHT_PX, WIDTH_PX, Match
from edge.health.covered import is_hidden
from edge.health.view import View


class Moved:
    """Shifted, turned, zoomed, or showing another view altogether.

    The present view is never learnt while it is another one: this ends when the old view is back,
    or when the camera is started anew, by a restart or a reload of the configuration.

    Args:
        view: What the camera usually shows.
    """

    kind: Kind = "camera_moved"
    begin_s = 10.0
    end_s = 5.0

    def __init__(self, view: View) -> None:
        self._view = view

    def look(self, frame: Frame) -> str:
        """How the view differs, in words; empty where it is the usual one, or hidden."""
        sight = self._view.look(frame)
        if sight.elsewhere is not None:
            return _words(sight.elsewhere)
        if sight.is_usual or is_hidden(sight):
            return ""
        return "the picture shows another view"


def _words(match: Match) -> str:
    """Where the view went."""
    if match.turn_deg:
        way = "clockwise" if match.turn_deg > 0 else "anticlockwise"
        return f"the picture is turned by about {abs(match.turn_deg):.0f} degrees {way}"
    if match.zoom != 1.0:
        way = "larger" if match.zoom > 1 else "smaller"
        return f"everything is about {100 * abs(match.zoom - 1):.0f} % {way} than it was"
    across, down = match.dx_px / WIDTH_PX, match.dy_px / HEIGHT_PX
    ways = [
        f"{100 * abs(share):.0f} % {way}"
        for share, way in (
            (across, "to the right" if across > 0 else "to the left"),
            (down, "downwards" if down > 0 else "upwards"),
        )
        if abs(share) >= 0.015
    ]
    return f"the picture has shifted by about {' and '.join(ways)}"

"""Structure of a picture: its edges and spots without its light, and where else they are found.

Pure. Everything is (90, 160): small enough for a look to cost less than a millisecond, large
enough for a lamp post to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frame import Plane
from edge.luma import shrunk

Field: TypeAlias = NDArray[np.float32]

WIDTH_PX, HEIGHT_PX = 160, 90
"""Whatever the shape of the picture: a sub stream that is squeezed still shows the same view."""

FINE_PX = 0.8
"""Width of the finer of two blurs whose difference is structure. At 1.2 a lens out of focus by 3 %
of the picture's width leaves 66 % of the view recognised, at 0.8 it leaves 40 %."""

FAINT = 2.0
"""Levels of luma at which structure counts half. Stronger edges all count nearly alike, so that
more or less light changes little; sensor noise, averaged over the window, is well below it."""

PLAY_PX = 2
"""A shift this small is no move: wind shakes a mast by up to 1 % of the picture, 1.6 px."""

TURNS_DEG = (2.5, 5.0, 7.5, 10.0)
ZOOMS = (1.06, 1.13, 1.2, 1.3)
"""Poses tried, both ways. The next pose on either side of the right one still answers half."""


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a reference's structure is found, and where.

    Attributes:
        share: Of the reference's structure; about 1 for the same view at the same contrast.
        dx_px: How far the structure lies to the right of where it was.
        dy_px: And below it.
        turn_deg: How far the picture has turned, clockwise.
        zoom: How much larger things are.
    """

    share: float
    dx_px: int = 0
    dy_px: int = 0
    turn_deg: float = 0.0
    zoom: float = 1.0


def small(luma: Plane) -> Plane:
    """Luma at the size of a look.

    Args:
        luma: (H, W) uint8.

    Returns:
        (90, 160) uint8.
    """
    size_wh = (WIDTH_PX, HEIGHT_PX)
    luma = shrunk(luma, WIDTH_PX)
    if luma.shape == (HEIGHT_PX, WIDTH_PX):
        return luma
    return np.asarray(cv2.resize(luma, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def structure(luma: Field) -> Field:
    """Edges and spots, each about +1 or -1 however strong it is; 0 where the picture is even.

    Args:
        luma: (90, 160) float32.
    """
    fine = cv2.GaussianBlur(luma, (0, 0), FINE_PX)
    spots = fine - cv2.GaussianBlur(luma, (0, 0), 2 * FINE_PX)
    return np.asarray(spots / np.sqrt(spots * spots + FAINT**2), np.float32)


def correlation(reference: Field, now: Field) -> Field:
    """How much of the reference is found at each shift, the picture taken as a ring.

    Returns:
        (90, 160) float32; row and column are the shift down and to the right, modulo the size.
    """
    spectrum = cv2.mulSpectrums(cv2.dft(now), cv2.dft(reference), 0, conjB=True)
    found = cv2.idft(spectrum, flags=cv2.DFT_SCALE)
    return np.asarray(found / max(energy(reference), 1e-6), np.float32)


def energy(field: Field) -> float:
    """Sum of squares."""
    return float(np.vdot(field, field))


def in_place(found: Field) -> Match:
    """The best match within `PLAY_PX`, of what `correlation` gives."""
    size = 2 * PLAY_PX + 1
    near = np.roll(found, (PLAY_PX, PLAY_PX), (0, 1))[:size, :size]
    row, column = divmod(int(near.argmax()), size)
    return Match(float(near.max()), column - PLAY_PX, row - PLAY_PX)


def anywhere(found: Field) -> Match:
    """The best match at any shift, of what `correlation` gives."""
    row, column = divmod(int(found.argmax()), WIDTH_PX)
    return Match(
        float(found.max()),
        (column + WIDTH_PX // 2) % WIDTH_PX - WIDTH_PX // 2,
        (row + HEIGHT_PX // 2) % HEIGHT_PX - HEIGHT_PX // 2,
    )


def turned_or_zoomed(reference: Field, luma: Field) -> Iterator[Match]:
    """The best match for each pose of the camera that is not a mere shift.

    Args:
        reference: (90, 160) structure.
        luma: (90, 160) float32 of now.
    """
    turns = [(sign * turn, 1.0) for turn in TURNS_DEG for sign in (1, -1)]
    zooms = [(0.0, zoom) for factor in ZOOMS for zoom in (factor, 1 / factor)]
    centre = ((WIDTH_PX - 1) / 2, (HEIGHT_PX - 1) / 2)
    for turn_deg, zoom in turns + zooms:
        # OpenCV turns anticlockwise: this undoes a clockwise turn.
        back = cv2.getRotationMatrix2D(centre, turn_deg, 1 / zoom)
        pose = cv2.warpAffine(luma, back, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)
        found = correlation(reference, structure(np.asarray(pose, np.float32)))
        yield Match(float(found.max()), turn_deg=turn_deg, zoom=zoom)


def distance(match: Match) -> float:
    """How far the structure was shifted, as a share of the picture's width."""
    return math.hypot(match.dx_px, match.dy_px) / WIDTH_PX

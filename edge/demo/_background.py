"""The empty street: house fronts, pavements, road, trees and sky, drawn once per scene."""

from __future__ import annotations

import cv2
import numpy as np

from edge.demo._raster import Bytes, Camera, Floats

# Lay-out along y, metres from the camera. Kerbs of the road, and the line of the house fronts.
NEAR_KERB, FAR_KERB, HOUSES = 13.2, 19.0, 22.6
CROSSWALK = (1.6, 4.4)
"""The crossing's extent along x, metres."""

_GAP = (-3.6, 2.2)  # the opening between the houses, with a hedge and trees behind
_HALF = 16.0  # the drawn world reaches from -16 to 16 m in x
_GROUND_TEXELS, _HOUSE_TEXELS = 50.0, 60.0  # per metre; the nearest ground shows 140 px per metre
_HOUSE_TOP = 9.0
_GROUND_NEAR, _GROUND_FAR = 8.0, 30.0


def _clouds(rng: np.random.Generator, shape: tuple[int, int], cell: int) -> Floats:
    """Smooth noise of about unit variance, (h, w) float32, features of `cell` texels."""
    coarse = rng.standard_normal((shape[0] // cell + 3, shape[1] // cell + 3)).astype(np.float32)
    return np.asarray(
        cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _row(y: float) -> int:
    return round((_GROUND_FAR - y) * _GROUND_TEXELS)


def _column(x: float) -> int:
    return round((x + _HALF) * _GROUND_TEXELS)


def _ground(rng: np.random.Generator) -> Floats:
    """The ground from y = 8 to 30 m seen from above, (h, w, 3) float32 BGR, far side on top."""
    height, width = _row(_GROUND_NEAR), _column(_HALF)
    sheet = np.empty((height, width, 3), np.float32)
    sheet[:] = (0.335, 0.335, 0.33)
    sheet *= 1 + 0.03 * _clouds(rng, (height, width), 90)[..., None]
    grain = rng.standard_normal((height, width)).astype(np.float32)
    sheet *= 1 + 0.10 * grain[..., None]
    _wear(sheet, rng)
    _mark(sheet, rng)
    _pave(sheet, rng, grain)
    # The foot of the houses and hedge lies in their own shade.
    lines = np.arange(height) - _row(HOUSES)
    foot = np.exp(-np.maximum(lines, 0) / (0.35 * _GROUND_TEXELS))
    sheet *= 1 - 0.40 * foot[:, None, None].astype(np.float32)
    return sheet


def _wear(sheet: Floats, rng: np.random.Generator) -> None:
    """Wheel tracks, tar seams and manholes on the asphalt."""
    lines = np.arange(len(sheet))
    # Wheel tracks are polished brighter, oil darkens the lane's middle.
    for lane in (14.65, 17.55):
        for offset, gain in ((-0.8, 0.035), (0.8, 0.035), (0.0, -0.04)):
            track = np.exp(-0.5 * ((lines - _row(lane + offset)) / (0.22 * _GROUND_TEXELS)) ** 2)
            sheet *= 1 + gain * track[:, None, None].astype(np.float32)
    for _ in range(5):  # cracks, sealed with tar
        way = float(rng.choice([-0.12, 0.12]))
        walk = np.cumsum(rng.normal((way, 0.02), 0.12, (14, 2)), axis=0)
        start = np.array([rng.uniform(-12, 12), rng.uniform(14, 19)])
        points = [(_column(x), _row(y)) for x, y in (walk + start).tolist()]
        cv2.polylines(
            sheet,
            [np.array(points, np.int32)],
            isClosed=False,
            color=(0.26, 0.26, 0.26),
            lineType=cv2.LINE_AA,
        )
    for x, y in ((-5.3, 16.6), (6.3, 14.4)):
        cv2.ellipse(
            sheet, (_column(x), _row(y)), (17, 17), 0, 0, 360, (0.25, 0.25, 0.25), -1, cv2.LINE_AA
        )
        cv2.ellipse(
            sheet, (_column(x), _row(y)), (14, 14), 0, 0, 360, (0.31, 0.31, 0.31), 2, cv2.LINE_AA
        )


def _mark(sheet: Floats, rng: np.random.Generator) -> None:
    """Lane and crossing markings, worn.

    The crossing is two rows of blocks: full zebra stripes were taken for a bench by yolox_nano in
    65 of 384 analysed frames, the blocks in 1.
    """
    height, width = sheet.shape[:2]
    worn = 1 - 0.25 * np.clip(_clouds(rng, (height, width), 12), 0, 1)[..., None]
    paint = np.zeros((height, width), np.uint8)
    for start in np.arange(-15.2, 16, 3.0).tolist():
        if not CROSSWALK[0] - 2.2 < start < CROSSWALK[1] + 0.4:
            cv2.rectangle(
                paint,
                (_column(start), _row(16.16)),
                (_column(start + 1.6), _row(16.04)),
                (255,),
                -1,
            )
    for y in np.arange(NEAR_KERB + 0.2, FAR_KERB - 0.3, 0.8).tolist():
        for x in CROSSWALK:
            cv2.rectangle(
                paint, (_column(x - 0.2), _row(y + 0.42)), (_column(x + 0.2), _row(y)), (255,), -1
            )
    share = (cv2.GaussianBlur(paint, (0, 0), 0.8).astype(np.float32) / 255)[..., None] * worn
    sheet *= 1 - share
    sheet += 0.66 * share


def _pave(sheet: Floats, rng: np.random.Generator, grain: Floats) -> None:
    """Slabs and kerbs of both pavements."""
    width = sheet.shape[1]
    for near, back in ((_GROUND_NEAR, NEAR_KERB), (FAR_KERB, _GROUND_FAR)):
        top, bottom = _row(back), _row(near)
        slabs = np.empty((bottom - top, width, 3), np.float32)
        slabs[:] = (0.50, 0.525, 0.54)
        pitch = round(0.6 * _GROUND_TEXELS)
        for r, at in enumerate(range(0, bottom - top, pitch)):
            for left in range(-(r % 2) * pitch // 2, width, pitch):
                slabs[at : at + pitch, max(left, 0) : left + pitch] *= 1 + rng.normal(0, 0.028)
                slabs[at : at + pitch, max(left, 0) : max(left, 0) + 1] *= 0.72
            slabs[at : at + 1] *= 0.72
        slabs *= 1 + 0.04 * grain[top:bottom, :, None]
        slabs *= 1 + 0.03 * _clouds(rng, (bottom - top, width), 60)[..., None]
        for _ in range(120):  # chewing gum and stains
            centre = int(rng.integers(0, width)), int(rng.integers(0, bottom - top))
            cv2.circle(slabs, centre, int(rng.integers(1, 3)), (0.36, 0.37, 0.38), -1, cv2.LINE_AA)
        sheet[top:bottom] = slabs
    for kerb, into in ((NEAR_KERB, -1), (FAR_KERB, 1)):
        edge = sorted((_row(kerb), _row(kerb + 0.16 * into)))
        sheet[edge[0] : edge[1]] = 0.60 * (1 + 0.03 * grain[edge[0] : edge[1], :, None])
        sheet[edge[0] : edge[1], :: round(_GROUND_TEXELS)] *= 0.75
        gutter = sorted((_row(kerb), _row(kerb - 0.22 * into)))
        sheet[gutter[0] : gutter[1]] *= 0.80


def _wall(
    rng: np.random.Generator,
    size: tuple[int, int],
    colour: tuple[float, float, float],
    *,
    bricks: bool,
) -> Floats:
    """A blank wall, (h, w, 3) float32."""
    width, height = size
    wall = np.empty((height, width, 3), np.float32)
    wall[:] = colour
    if bricks:
        course, length = 5, 14
        rows = np.arange(height) // course
        columns = (np.arange(width)[None, :] + (rows % 2)[:, None] * length // 2) // length
        tone = rng.normal(0, 0.07, (int(np.max(rows)) + 1, int(np.max(columns)) + 1)).astype(
            np.float32
        )
        wall *= 1 + tone[rows[:, None], columns][..., None]
        joint = (np.arange(height) % course == 0)[:, None]
        wall[np.broadcast_to(joint, wall.shape[:2])] *= 1.18
    wall *= 1 + 0.035 * _clouds(rng, (height, width), 70)[..., None]
    wall *= 1 + 0.025 * rng.standard_normal((height, width, 1)).astype(np.float32)
    return wall


def _pane(rng: np.random.Generator, height: int, width: int, *, curtain: bool) -> Floats:
    """A window pane by day: dark room below, mirrored sky above, a slanting glint."""
    rise = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    slant = rise + np.linspace(0, 0.35, width, dtype=np.float32)[None, :] + rng.uniform(-0.2, 0.2)
    share = np.clip((slant - 0.75) * 3, 0, 1)[..., None]
    dark = np.array([0.16, 0.145, 0.13], np.float32)
    sky = np.array([0.50, 0.46, 0.42], np.float32)
    pane = dark * (1 - share) + sky * share
    if curtain:
        across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
        drawn = ((across < 0.32) | (rise[..., None] > 0.85)) * np.float32(0.7)
        pleats = 0.60 + 0.07 * np.sin(across * 60)
        pane = pane * (1 - drawn) + pleats * np.array([0.92, 0.97, 1.0], np.float32) * drawn
    else:
        # Goods on shelves: an empty dark pane with a glint was taken for a television.
        for shelf in np.linspace(0.42, 0.94, 4):
            foot, left = int(shelf * height), 2
            while left < width - 6:
                wide, high = (int(v) for v in rng.integers(4, 11, 2) * height // 100 + 2)
                pane[foot - high : foot, left : left + wide] *= 0.5
                pane[foot - high : foot, left : left + wide] += rng.uniform(0.08, 0.45, 3)
                left += wide + int(rng.integers(0, 5))
            pane[foot : foot + 2] = (0.28, 0.33, 0.38)
    return np.asarray(pane, np.float32)


def _fronts(rng: np.random.Generator) -> Floats:
    """House fronts from z = 0 to 9 m, (h, w, 4) float32 BGRA, top row first."""
    scale = _HOUSE_TEXELS
    height, width = round(_HOUSE_TOP * scale), round(2 * _HALF * scale)
    sheet = np.zeros((height, width, 4), np.float32)

    def box(x: float, z: float, wide: float, high: float) -> tuple[slice, slice]:
        top = height - round((z + high) * scale)
        left = round((x + _HALF) * scale)
        return (
            slice(max(top, 0), height - round(z * scale)),
            slice(max(left, 0), left + round(wide * scale)),
        )

    def window(x: float, z: float, wide: float, high: float, bars: int) -> None:
        frame, sill = 0.07, 0.10
        sheet[box(x - 0.12, z - sill, wide + 0.24, sill)][..., :3] = 0.62
        sheet[box(x - 0.1, z - sill - 0.12, wide + 0.2, 0.12)][..., :3] *= 0.6
        sheet[box(x - 0.02, z, wide + 0.04, high + 0.06)][..., :3] *= 0.55
        sheet[box(x, z, wide, high)][..., :3] = 0.82
        part = (wide - frame * (bars + 1)) / bars
        for bar in range(bars):
            where = box(x + frame + bar * (part + frame), z + frame, part, high - 2 * frame)
            hole = sheet[where]
            pane = _pane(rng, hole.shape[0], hole.shape[1], curtain=bars == 2)
            hole[..., :3] = pane[:, ::-1] if bar else pane

    houses = (
        (-_HALF, -9.6, (0.56, 0.66, 0.72), False),
        (-9.6, _GAP[0], (0.26, 0.34, 0.54), True),
        (_GAP[1], 8.4, (0.62, 0.70, 0.74), False),
        (8.4, _HALF, (0.36, 0.44, 0.56), True),
    )
    for left, right, colour, bricks in houses:
        where = box(left, 0, right - left, _HOUSE_TOP)
        size = sheet[where].shape[1], sheet[where].shape[0]
        sheet[where][..., :3] = _wall(rng, size, colour, bricks=bricks)
        sheet[where][..., 3] = 1
        sheet[box(left, 0, right - left, 0.45)][..., :3] *= 0.72
        sheet[box(left, 3.45, right - left, 0.16)][..., :3] *= 1.2
        sheet[box(left, 3.37, right - left, 0.08)][..., :3] *= 0.6
        sheet[box(right - 0.12, 0, 0.12, _HOUSE_TOP)][..., :3] *= 0.8
        for column in np.arange(left + 0.75, right - 1.3, 2.15).tolist():
            window(column, 4.3, 1.15, 1.75, 2)
            window(column, 7.4, 1.15, 1.6, 2)
    for x, wide in ((-15.0, 3.6), (-8.9, 2.9), (9.6, 3.4)):  # shop windows
        window(x, 0.55, wide, 2.2, 3)
        sheet[box(x - 0.15, 2.85, wide + 0.3, 0.5)][..., :3] = rng.uniform(0.12, 0.4, 3)
    for x in (3.0, 6.3):
        window(x, 0.95, 1.3, 1.5, 2)
    for x, colour in (
        (-10.9, (0.20, 0.28, 0.16)),
        (-5.4, (0.36, 0.18, 0.12)),
        (5.0, (0.14, 0.20, 0.32)),
        (13.4, (0.25, 0.25, 0.25)),
    ):
        sheet[box(x - 0.1, 0, 1.2, 2.4)][..., :3] = 0.66  # doors
        sheet[box(x, 0.08, 1.0, 2.2)][..., :3] = colour
        sheet[box(x + 0.12, 1.25, 0.76, 0.85)][..., :3] = np.array(colour) * 0.55
        sheet[box(x + 0.12, 0.3, 0.76, 0.75)][..., :3] = np.array(colour) * 0.8
    return sheet


def _foliage(
    image: Floats,
    rng: np.random.Generator,
    centre: tuple[float, float],
    reach: tuple[float, float],
    *,
    count: int,
    leaf: float,
) -> None:
    """Dabs leaves into an elliptic crown, dark at the bottom and lit at the upper left."""
    turn = rng.uniform(0, 2 * np.pi, count)
    out = np.sqrt(rng.uniform(0, 1, count))
    ragged = 1 + 0.16 * np.sin(5 * turn + rng.uniform(0, 6)) + 0.1 * np.sin(11 * turn)
    x, y = np.cos(turn) * out * ragged, np.sin(turn) * out * ragged
    # Leaves hang in clumps: light varies over a fifth of the crown besides from leaf to leaf.
    clump = np.sin(7 * x + 3 * np.sin(5 * y)) * np.sin(6 * y + 2 * np.sin(4 * x))
    light = np.clip(
        0.42 - 0.28 * x - 0.42 * y + 0.22 * clump + rng.normal(0, 0.13, count), 0.02, 1.1
    )
    for i in np.argsort(light + rng.normal(0, 0.25, count)):
        tone = light[i] * np.array([0.20, 0.48, 0.38]) + [0.06, 0.10, 0.08]
        where = int(16 * (centre[0] + x[i] * reach[0])), int(16 * (centre[1] + y[i] * reach[1]))
        cv2.circle(
            image, where, int(16 * leaf * rng.uniform(0.6, 1.3)), tone.tolist(), -1, cv2.LINE_AA, 4
        )


def _skyline(
    image: Floats, rng: np.random.Generator, span: tuple[float, float], horizon: float, unit: float
) -> None:
    """Hazy blocks of houses far behind the gap."""
    left = span[0]
    while left < span[1]:
        wide, high = rng.uniform(45, 95) * unit, rng.uniform(60, 130) * unit
        tone = np.array([0.66, 0.64, 0.64], np.float32) * rng.uniform(0.85, 1.1)
        top, bottom = int(horizon - high), int(horizon + 160 * unit)
        image[top:bottom, int(left) : int(left + wide)] = tone
        for y in np.arange(top + 10 * unit, horizon + 30 * unit, 17 * unit):
            for x in np.arange(left + 7 * unit, left + wide - 8 * unit, 13 * unit):
                image[int(y) : int(y + 9 * unit), int(x) : int(x + 6 * unit)] = tone * 0.72
        left += wide


def _laid(sheet: Floats, corners: Floats, camera: Camera) -> Floats:
    """Warps a sheet into the picture; corners (4, 3) world, from top-left clockwise."""
    height, width = sheet.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    warp = cv2.getPerspectiveTransform(source, camera.project(corners)[0])
    # Blur first where the picture has fewer pixels than the sheet has texels, against moire.
    soft = cv2.GaussianBlur(sheet, (0, 0), max(0.3, 0.5 * 1280 / camera.width))
    return np.asarray(
        cv2.warpPerspective(
            soft,
            warp,
            (camera.width, camera.height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def draw_background(camera: Camera, seed: int) -> Bytes:
    """Draws the street without anybody on it.

    Args:
        camera: The camera.
        seed: Seed of textures and leaves.

    Returns:
        (height, width, 3) uint8 BGR.
    """
    rng = np.random.default_rng(seed)
    horizon = camera.height / 2 - camera.focal * np.tan(camera.pitch)
    rise = np.clip((horizon - np.arange(camera.height)) / horizon, 0, 1)[:, None, None]
    image = np.array([0.90, 0.86, 0.82]) * (1 - rise) + np.array([0.86, 0.66, 0.47]) * rise
    image = np.repeat(image, camera.width, axis=1).astype(np.float32)
    size = camera.height, camera.width
    haze = np.clip(_clouds(rng, size, max(2, camera.width // 9)), 0, 1)[..., None]
    image = np.asarray(image + 0.5 * haze * (0.97 - image), np.float32)
    unit = camera.width / 1280
    left, foot, _ = camera.place(_GAP[0] - 0.5, HOUSES + 0.4)
    right = camera.place(_GAP[1] + 0.5, HOUSES + 0.4)[0]
    # Behind the gap: far trees, nearer trees, a hedge on the house line.
    _skyline(image, rng, (left, right), horizon, unit)
    for share in (0.02, 0.3, 0.52, 0.75, 0.98):
        at = left + share * (right - left), horizon + rng.uniform(70, 110) * unit
        _foliage(image, rng, at, (85 * unit, 80 * unit), count=2200, leaf=2.6 * unit)
    gap = slice(int(left), int(right))
    lawn = image[int(foot - 110 * unit) :, gap]
    lawn[:] = np.array([0.24, 0.46, 0.38], np.float32)
    size = lawn.shape[0], lawn.shape[1]
    lawn *= 1 + 0.05 * _clouds(rng, size, max(2, int(9 * unit)))[..., None]
    lawn *= np.linspace(1.1, 0.85, len(lawn), dtype=np.float32)[:, None, None]
    image[:, gap] = image[:, gap] * 0.72 + np.array([0.24, 0.23, 0.22], np.float32)
    for share, top in ((0.25, 92.0), (0.80, 60.0)):
        x = left + share * (right - left)
        cv2.line(
            image,
            (int(x), int(foot)),
            (int(x + 4 * unit), int(top * unit)),
            (0.16, 0.20, 0.24),
            max(1, int(11 * unit)),
            cv2.LINE_AA,
        )
        _foliage(image, rng, (x, top * unit), (125 * unit, 105 * unit), count=9000, leaf=2.6 * unit)
    ground = np.array([(-_HALF, 30, 0), (_HALF, 30, 0), (_HALF, 8, 0), (-_HALF, 8, 0)], np.float32)
    laid = _laid(_ground(rng), ground, camera)
    kerb = round(camera.place(0, HOUSES)[1])
    image[kerb:] = laid[kerb:]
    for x in np.arange(left, right, 9 * unit).tolist():
        at = x, foot - 24 * unit
        _foliage(image, rng, at, (17 * unit, 28 * unit), count=240, leaf=2.2 * unit)
    front = np.array(
        [
            (-_HALF, HOUSES, _HOUSE_TOP),
            (_HALF, HOUSES, _HOUSE_TOP),
            (_HALF, HOUSES, 0),
            (-_HALF, HOUSES, 0),
        ],
        np.float32,
    )
    houses = _laid(_fronts(rng), front, camera)
    houses[kerb:] = 0
    image = image * (1 - houses[..., 3:]) + houses[..., :3] * houses[..., 3:]
    _lamp_post(image, camera, -3.9)
    image = cv2.GaussianBlur(image, (0, 0), max(0.35, 0.75 * unit))
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _lamp_post(image: Floats, camera: Camera, x: float) -> None:
    """A street lamp against the houses, where nobody passes behind it."""
    y = HOUSES - 0.3
    foot_x, foot_y, depth = camera.place(x, y)
    metre = camera.focal / depth
    top = int(foot_y - 8 * metre)
    for half, tone, shift in ((0.055, 0.17, 0.0), (0.018, 0.38, -0.022)):
        cv2.line(
            image,
            (int(foot_x + shift * metre), int(foot_y)),
            (int(foot_x + shift * metre), top),
            (tone, tone, tone),
            max(1, round(2 * half * metre)),
            cv2.LINE_AA,
        )
    cv2.rectangle(
        image,
        (int(foot_x - 0.11 * metre), int(foot_y - 0.9 * metre)),
        (int(foot_x + 0.11 * metre), int(foot_y)),
        (0.19, 0.19, 0.19),
        -1,
    )

"""Cars: a lofted body whose panels, glass, lamps and wheels are shaded pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edge.demo._raster import (
    SUN,
    Bytes,
    Camera,
    Floats,
    Ints,
    Mesh,
    daylight,
    grid_quads,
    ground_shadow,
    paint_ids,
)

Colour = tuple[float, float, float]

SUPERSAMPLE = 2

LENGTH, WIDTH, WHEEL_RADIUS = 4.30, 1.78, 0.315
_AXLES = (1.32, -1.30)
_TEXELS = 160.0  # per metre of the side elevation: 1.5 per picture pixel at the near lane
_TAIL_END = np.array([2.3, 0.0])  # from body x, z to the side elevation's origin
_SIDE_ROWS = 9  # rows of the section up to the roof's edge, seen in the side elevation
_STATIONS = 45

# Side outlines (x forward, z up, metres) of a five-door hatchback, drawn for this project.
_SILL = np.array(
    [(-2.15, 0.36), (-2.0, 0.24), (-1.6, 0.20), (1.6, 0.19), (2.0, 0.22), (2.15, 0.34)]
)
_BELT = np.array(
    [
        (-2.15, 0.78),
        (-2.08, 0.95),
        (-1.7, 1.0),
        (-0.5, 0.96),
        (0.9, 0.93),
        (1.2, 0.91),
        (1.75, 0.80),
        (2.05, 0.68),
        (2.15, 0.54),
    ]
)
_ROOF = np.array(
    [
        (-2.08, 0.95),
        (-1.98, 1.08),
        (-1.78, 1.32),
        (-1.5, 1.42),
        (-0.9, 1.475),
        (-0.3, 1.485),
        (0.2, 1.43),
        (0.55, 1.28),
        (1.15, 0.92),
    ]
)
_PLAN = np.array(
    [
        (-2.15, 0.70),
        (-2.05, 0.80),
        (-1.7, 0.865),
        (-1.0, 0.89),
        (1.0, 0.89),
        (1.6, 0.865),
        (1.95, 0.78),
        (2.15, 0.60),
    ]
)

_WINDOWS = (
    np.array([(0.86, 0.985), (0.40, 1.30), (0.12, 1.385), (-0.18, 1.415), (-0.18, 0.985)]),
    np.array([(-0.26, 0.985), (-0.26, 1.415), (-0.9, 1.405), (-1.12, 1.37), (-1.22, 1.0)]),
    np.array([(-1.30, 1.01), (-1.20, 1.35), (-1.42, 1.30), (-1.66, 1.10), (-1.62, 1.03)]),
)


@dataclass(frozen=True, slots=True)
class Car:
    """A car's paint and size.

    Attributes:
        paint: Body colour, BGR in 0..1.
        scale: Size as a factor of a 4.3 m hatchback.
    """

    paint: Colour
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class _Pose:
    """A car on the road before a camera.

    Attributes:
        car: The car.
        stand: (3,) float32 ground point below its middle, metres, world frame.
        spin: (3,) float32 factors from body to world axes: half a turn about z, or none, and size.
        low: (2,) float32 picture pixel of the drawn part's top-left corner.
        camera: The camera.
    """

    car: Car
    stand: Floats
    spin: Floats
    low: Floats
    camera: Camera


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn car in the picture.

    Attributes:
        image: (H, W, 4) uint8 BGRA, colour premultiplied by alpha.
        corner: Picture pixel of the image's top-left corner.
        shadow: (h, w) uint8 shadow strength on the ground.
        shadow_corner: Picture pixel of the shadow's top-left corner.
    """

    image: Bytes
    corner: tuple[int, int]
    shadow: Bytes
    shadow_corner: tuple[int, int]


def _along(outline: Floats, x: Floats) -> Floats:
    return np.asarray(np.interp(x, outline[:, 0], outline[:, 1]), np.float32)


@lru_cache(maxsize=1)
def _shell() -> tuple[Mesh, Ints]:
    """The body at the origin, nose towards +x, and the side row each quad belongs to."""
    ends = 2.15 * np.sin(np.linspace(-np.pi / 2, np.pi / 2, _STATIONS) * 0.999)
    x = (0.55 * ends + 0.45 * np.linspace(-2.15, 2.15, _STATIONS)).astype(np.float32)
    sill, belt, plan = (_along(table.astype(np.float32), x) for table in (_SILL, _BELT, _PLAN))
    roof = np.maximum(
        np.where((x > -2.09) & (x < 1.16), _along(_ROOF.astype(np.float32), x), 0), belt + 0.015
    )
    cabin = np.clip((roof - belt) / 0.45, 0, 1)
    shoulder = plan * 0.955
    gutter = shoulder - 0.17 * cabin - 0.04
    rise = roof - belt
    section = [
        (plan * 0.80, sill),
        (plan * 0.965, sill + 0.02),
        (plan * 0.995, sill + 0.14),
        (plan, sill + 0.5 * (belt - sill)),
        (plan * 0.99, belt - 0.10),
        (plan * 0.975, belt - 0.035),
        (shoulder, belt),
        (shoulder - 0.5 * (shoulder - gutter), belt + 0.45 * rise),
        (gutter + 0.02, belt + 0.86 * rise),
        (gutter - 0.04, belt + 0.955 * rise),
        (gutter * 0.6, roof + 0.02),
        (gutter * 0.0, roof + 0.035),
    ]
    right = [np.stack([x, -y, z], axis=1) for y, z in section]
    left = [np.stack([x, y, z], axis=1) for y, z in section[-2::-1]]
    rows = np.stack(right + left).astype(np.float32)  # right sill up, over the roof, left sill
    # Close nose and tail: a vertex column drawn in to the middle of the end.
    for end, push in ((0, -0.02), (-1, 0.02)):
        middle = rows[:, end].copy()
        middle[:, 1] = 0
        middle[:, 0] += push
        rows = np.concatenate(
            [middle[:, None], rows] if end == 0 else [rows, middle[:, None]], axis=1
        )
    count = len(rows)
    quads = grid_quads(count, rows.shape[1], closed=False)
    row = np.repeat(np.arange(count - 1), rows.shape[1] - 1)
    column = np.tile(np.arange(rows.shape[1] - 1), count - 1)
    row = np.minimum(row, count - 2 - row)
    row[(column == 0) | (column == rows.shape[1] - 2)] = -1
    mesh = Mesh(rows.reshape(-1, 3), quads, np.ones((len(quads), 3), np.float32))
    return mesh, row.astype(np.int32)


# Materials, by number in the textures.
_PAINT, _GLASS, _TRIM, _LAMP, _TAIL, _CHROME, _SEAM, _PLATE, _WELL = range(9)
_ALBEDO = np.array(
    [
        (0, 0, 0),
        (0.055, 0.05, 0.045),
        (0.06, 0.06, 0.06),
        (0.85, 0.85, 0.82),
        (0.10, 0.08, 0.62),
        (0.62, 0.62, 0.62),
        (0.03, 0.03, 0.03),
        (0.80, 0.85, 0.85),
        (0.015, 0.015, 0.015),
    ],
    np.float32,
)
_MIRRORING = np.array([0.55, 1.5, 0.15, 0.7, 0.5, 1.2, 0.1, 0.2, 0.0], np.float32)


@lru_cache(maxsize=1)
def _side_texture() -> Bytes:
    """Materials of the side elevation: (z, x) with z up from 0 to 1.6, x from -2.3 to 2.3."""
    sheet = np.full((round(1.6 * _TEXELS), round(4.6 * _TEXELS)), _PAINT, np.uint8)

    def fill(points: npt.ArrayLike, material: int) -> None:
        fixed = np.rint((np.asarray(points) + _TAIL_END) * _TEXELS * 16).astype(np.int32)
        cv2.fillPoly(sheet, [fixed], (material,), lineType=cv2.LINE_8, shift=4)

    def line(points: list[tuple[float, float]], material: int) -> None:
        fixed = np.rint((np.asarray(points) + _TAIL_END) * _TEXELS * 16).astype(np.int32)
        cv2.polylines(
            sheet,
            [fixed],
            isClosed=False,
            color=(material,),
            thickness=1,
            lineType=cv2.LINE_8,
            shift=4,
        )

    fill([(-2.3, 0.0), (-2.3, 0.36), (-1.7, 0.30), (1.7, 0.29), (2.3, 0.33), (2.3, 0)], _TRIM)
    for window in _WINDOWS:
        grown = window.mean(axis=0) + (window - window.mean(axis=0)) * 1.06
        fill(grown, _TRIM)
        fill(window, _GLASS)
    line([(0.90, 0.90), (0.86, 0.40), (0.80, 0.31)], _SEAM)
    line([(-0.22, 0.95), (-0.22, 0.31)], _SEAM)
    line([(-1.24, 0.95), (-1.10, 0.72), (-0.92, 0.40), (-0.85, 0.31)], _SEAM)
    line([(0.90, 0.90), (1.20, 0.895), (1.75, 0.79)], _SEAM)
    for handle in (-0.05, -1.02):
        fill(
            [(handle, 0.845), (handle, 0.875), (handle - 0.17, 0.88), (handle - 0.17, 0.85)],
            _CHROME,
        )
    fill([(1.62, 0.74), (1.70, 0.80), (2.02, 0.71), (2.14, 0.60), (2.0, 0.58)], _LAMP)
    fill([(-1.78, 0.96), (-1.82, 0.74), (-2.2, 0.72), (-2.2, 0.93), (-2.05, 0.97)], _TAIL)
    for axle in _AXLES:
        centre = round((axle + 2.3) * _TEXELS), round(WHEEL_RADIUS * _TEXELS)
        cv2.circle(sheet, centre, round(0.375 * _TEXELS), (_WELL,), -1, cv2.LINE_8)
    return sheet


@lru_cache(maxsize=1)
def _wheel_texture() -> Floats:
    """A five-spoke wheel at rest, (256, 256, 3) float32 BGR, radius 128 texels."""
    y, x = np.mgrid[0:256, 0:256].astype(np.float32) - 127.5
    radius, turn = np.hypot(x, y) / 128, np.arctan2(y, x)
    sheet = np.full((256, 256, 3), 0.045, np.float32)
    sheet[(radius > 0.70) & (radius < 0.74)] = 0.09
    rim = radius < 0.68
    sheet[rim] = 0.10
    sheet[rim & (radius > 0.60)] = 0.62
    spoke = np.abs((turn * 5 / (2 * np.pi) + 0.5) % 1 - 0.5) * 2 * np.pi / 5 * radius
    sheet[rim & (spoke < 0.085 + 0.03 * radius)] = 0.60
    sheet[radius < 0.17] = 0.45
    sheet[radius < 0.08] = 0.25
    return np.asarray(cv2.GaussianBlur(sheet, (0, 0), 2.0), np.float32)


def _material(x: Floats, y: Floats, z: Floats, rows: Ints) -> Ints:
    """Material number at body points; rows are the section rows of the quads hit."""
    sheet = _side_texture()
    column = np.clip((x + 2.3) * _TEXELS, 0, sheet.shape[1] - 1).astype(np.int32)
    line = np.clip(z * _TEXELS, 0, sheet.shape[0] - 1).astype(np.int32)
    at = line * np.int32(sheet.shape[1]) + column
    material = np.asarray(sheet.ravel().take(at), np.int32)
    top = rows >= _SIDE_ROWS
    material[top] = _PAINT
    aside = np.abs(y)
    screen = top & (x > 0.22) & (x < 1.08) & (aside < 0.66)
    hatch = top & (x < -1.52) & (x > -1.97) & (aside < 0.60) & (z > 1.06)
    material[screen | hatch] = _GLASS
    front, back = (rows < 0) & (x > 0), (rows < 0) & (x < 0)
    material[front | back] = _PAINT
    material[front & (aside < 0.42) & (z > 0.50) & (z < 0.60)] = _TRIM
    material[front & (aside < 0.55) & (z > 0.27) & (z < 0.40)] = _TRIM
    material[front & (aside > 0.40) & (z > 0.47)] = _LAMP
    material[back & (aside < 0.27) & (z > 0.52) & (z < 0.64)] = _PLATE
    material[back & (aside > 0.48) & (z > 0.66)] = _TAIL
    material[front & (aside < 0.26) & (z > 0.41) & (z < 0.50)] = _PLATE
    return material


def _mirrored(direction: Floats, across: Floats) -> Floats:
    """What a shiny panel reflects: bright sky above, a house front and street below.

    Args:
        direction: (..., 3) float32 unit directions of the reflected rays, world frame.
        across: (...) float32 position along the car, metres, to vary the house front.

    Returns:
        (...) float32 radiance.
    """
    rise = direction[..., 2]
    sky = 0.62 + 0.38 * np.clip(rise, 0, 1)
    street = 0.20 + 0.05 * np.sin(across * 5.1) + 0.04 * np.sin(across * 13.0 + 1)
    share = np.clip((rise - 0.10) / 0.12, 0, 1)
    glint = np.maximum(direction @ SUN, 0)
    for _ in range(6):  # to the 64th power
        glint *= glint
    return np.asarray(sky * share + street * (1 - share) + 1.4 * glint, np.float32)


def draw_car(
    car: Car, place: tuple[float, float], *, towards_right: bool, rolled: float, camera: Camera
) -> Picture | None:
    """Draws a car where it stands; None when it lies outside the picture.

    Drawn anew each frame and not as a sprite: from the middle of the picture to its edge the near
    and the far side of a car shift by 75 px against each other, and the wheels turn.

    Args:
        car: The car.
        place: Ground point below its middle, world x and y, metres.
        towards_right: Whether it drives to the picture's right.
        rolled: Distance driven, metres; turns the wheels.
        camera: The camera.

    Returns:
        The drawn car, cut to the picture.
    """
    shell, _ = _shell()
    turn = (1 if towards_right else -1) * car.scale
    spin = np.array([turn, turn, car.scale], np.float32)
    stand = np.array([*place, 0], np.float32)
    world = shell.vertices * spin + stand
    wheels = _wheels(car, stand, turn)
    everything = camera.project(np.concatenate([world, *wheels]))[0]
    low = np.maximum(np.floor(everything.min(axis=0)) - 4, 0)
    high = np.minimum(np.ceil(everything.max(axis=0)) + 4, [camera.width, camera.height])
    width, height = (int(span) for span in high - low)
    if width < 2 or height < 2:
        return None
    pose = _Pose(car, stand, spin, low.astype(np.float32), camera)
    image = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE, 4), np.float32)
    _paint_tyres(image, pose)
    _paint_body(image, world, pose)
    _paint_wheels(image, wheels, rolled * (-1 if towards_right else 1), pose)
    soft = cv2.GaussianBlur(image, (0, 0), 0.5 * SUPERSAMPLE)
    small = cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA)
    shadow, shadow_corner = _shadow(world, camera)
    return Picture(
        np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8),
        (int(low[0]), int(low[1])),
        shadow,
        shadow_corner,
    )


def _wheels(car: Car, stand: Floats, turn: float) -> list[Floats]:
    """The four corners of the two visible wheels' outer faces: each (4, 3) float32, world."""
    near = stand[1] - (WIDTH / 2 - 0.035) * car.scale
    radius = WHEEL_RADIUS * car.scale
    return [
        np.array(
            [
                (stand[0] + axle * turn + dx * radius, near, radius + dz * radius)
                for dx, dz in ((-1, 1), (1, 1), (1, -1), (-1, -1))
            ],
            np.float32,
        )
        for axle in _AXLES
    ]


def _paint_tyres(image: Floats, pose: _Pose) -> None:
    """Treads of all four tyres, below and behind the body."""
    scale, stand = pose.car.scale, pose.stand
    radius = WHEEL_RADIUS * scale
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    for axle in _AXLES:
        for outer, inner in ((0.66, 0.84), (-0.84, -0.66)):
            middle = stand[0] + axle * pose.spin[0]
            ring = np.array(
                [
                    (middle + radius * np.cos(a), stand[1] + y * scale, radius + radius * np.sin(a))
                    for y in (outer, inner)
                    for a in angle
                ],
                np.float32,
            )
            hull = cv2.convexHull((pose.camera.project(ring)[0] - pose.low) * SUPERSAMPLE)
            fixed = np.rint(hull * 16).astype(np.int32)
            cv2.fillConvexPoly(image, fixed, (0.035, 0.035, 0.035, 1), cv2.LINE_8, 4)


def _paint_body(image: Floats, world: Floats, pose: _Pose) -> None:
    """Shades every pixel of the body: where on the body it lies, of what, and what it mirrors."""
    shell, rows = _shell()
    pixels, depth = pose.camera.project(world)
    fine = (pixels - pose.low) * SUPERSAMPLE
    ids = paint_ids(fine, depth, shell.quads, (image.shape[1], image.shape[0]))
    # One flat array per coordinate: take() on these beats fancy indexing of (N, 3) rows.
    hit = np.flatnonzero(ids.ravel() >= 0)
    if not len(hit):
        return
    quad = ids.ravel().take(hit)
    line, column = np.divmod(hit, ids.shape[1])
    flat = Mesh(world, shell.quads, shell.albedo).normals()
    rays = _rays(image.shape[1], image.shape[0], SUPERSAMPLE, pose)
    ray = rays[0, :, 0].take(column), rays[:, 0, 1].take(line), rays[:, 0, 2].take(line)
    eye = np.array([0, 0, pose.camera.pole], np.float32)
    # Where the ray meets the quad's plane.
    offset = np.einsum("ij,ij->i", world[shell.quads].mean(axis=1) - eye, flat)
    towards = sum(ray[axis] * flat[:, axis].take(quad) for axis in range(3))
    reach = offset.take(quad) / np.minimum(towards, np.float32(-1e-4))
    origin = eye - pose.stand
    x, y, z = ((ray[axis] * reach + origin[axis]) / pose.spin[axis] for axis in range(3))
    material = _material(x, y, z, rows.take(quad))
    # Light and mirror images are smooth, so the picture's own resolution does for them; at twice
    # that the paint took 35 ms a car instead of 23.
    coarse = ids[::SUPERSAMPLE, ::SUPERSAMPLE]
    light, sheen = _lit(coarse, flat, pose)
    table = _ALBEDO.copy()
    table[_PAINT] = pose.car.paint
    at = line // SUPERSAMPLE * coarse.shape[1] + column // SUPERSAMPLE
    # The sill turns away from the sky and gets the road's shade.
    shade = np.clip(0.55 + z * np.float32(0.75), 0, 1)
    shine = sheen.ravel().take(at) * _MIRRORING.take(material)
    # Panes lean in: they mirror brighter parts of the street the higher one looks.
    shine *= np.where(material == _GLASS, np.clip(3.2 * z - 2.6, 0.4, 2.0), 1)
    painted = image.reshape(-1, 4)
    for channel in range(3):
        colour = table[:, channel].take(material) * light[..., channel].ravel().take(at)
        colour = np.minimum(colour * shade + shine, 1)
        painted[hit, channel] = colour * (1.25 - 0.25 * colour)
    painted[hit, 3] = 1


def _rays(width: int, height: int, finer: int, pose: _Pose) -> Floats:
    """Ray directions, (height, width, 3) float32, of length 1 along the optical axis."""
    low, camera = pose.low, pose.camera
    across = ((np.arange(width) + 0.5) / finer + low[0] - camera.width / 2) / camera.focal
    down = ((np.arange(height) + 0.5) / finer + low[1] - camera.height / 2) / camera.focal
    cos, sin = np.cos(camera.pitch), np.sin(camera.pitch)
    rays = np.empty((height, width, 3), np.float32)
    rays[..., 0] = across
    rays[..., 1] = (cos - sin * down)[:, None]
    rays[..., 2] = (-sin - cos * down)[:, None]
    return rays


def _lit(ids: Ints, flat: Floats, pose: _Pose) -> tuple[Floats, Floats]:
    """Daylight (h, w, 3) and mirrored light (h, w) on the body, from quad normals smoothed."""
    facets = np.where((ids >= 0)[..., None], flat[ids], 0)
    normals = np.asarray(cv2.GaussianBlur(facets, (0, 0), 2.2), np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    sight = _rays(ids.shape[1], ids.shape[0], 1, pose)
    along = sight[..., 0] * pose.stand[1] - pose.stand[0]
    sight /= np.linalg.norm(sight, axis=2, keepdims=True)
    facing = -np.einsum("ijk,ijk->ij", sight, normals)
    grazing = 1 - np.clip(facing, 0, 1)
    fresnel = 0.06 + 0.94 * grazing * grazing * grazing * grazing * grazing
    sheen = _mirrored(sight + 2 * facing[..., None] * normals, along)
    return daylight(normals) * np.float32(0.95), sheen * np.minimum(1.21 * fresnel, 0.55)


def _paint_wheels(image: Floats, wheels: list[Floats], rolled: float, pose: _Pose) -> None:
    """Lays the turned wheel over each visible wheel's place."""
    angle = np.rad2deg(rolled / WHEEL_RADIUS)
    spun = cv2.warpAffine(
        _wheel_texture(), cv2.getRotationMatrix2D((127.5, 127.5), -angle, 1), (256, 256)
    )
    y, x = np.mgrid[0:256, 0:256].astype(np.float32) - 127.5
    light = 0.75 - 0.25 * y / 128
    disc = np.dstack([spun * light[..., None], np.hypot(x, y) < 127]).astype(np.float32)
    disc[..., :3] *= disc[..., 3:]
    source = np.array([(0, 0), (255, 0), (255, 255), (0, 255)], np.float32)
    limit = np.array([image.shape[1], image.shape[0]])
    for wheel in wheels:
        target = (pose.camera.project(wheel)[0] - pose.low) * SUPERSAMPLE
        first = np.clip(np.floor(target.min(axis=0)).astype(int) - 1, 0, limit)
        last = np.clip(np.ceil(target.max(axis=0)).astype(int) + 1, 0, limit)
        if (last <= first).any():
            continue
        warp = cv2.getPerspectiveTransform(source, (target - first).astype(np.float32))
        size = int(last[0] - first[0]), int(last[1] - first[1])
        laid = np.asarray(cv2.warpPerspective(disc, warp, size), np.float32)
        patch = image[first[1] : last[1], first[0] : last[0]]
        patch *= 1 - laid[..., 3:]
        patch += laid


def _shadow(world: Floats, camera: Camera) -> tuple[Bytes, tuple[int, int]]:
    """The car's shadow, cast and contact: (h, w) uint8 and its corner, cut to the picture."""
    cast = camera.project(ground_shadow(world))[0]
    flat = world.copy()
    flat[:, 2] = 0
    foot = camera.project(flat)[0]
    both = np.concatenate([cast, foot])
    low = np.maximum(np.floor(both.min(axis=0)) - 12, 0).astype(int)
    high = np.minimum(np.ceil(both.max(axis=0)) + 12, [camera.width, camera.height]).astype(int)
    size = np.maximum(high - low, 1)
    shadow = np.zeros((int(size[1]), int(size[0])), np.uint8)
    for points, strength in ((cast, 190), (foot, 255)):
        hull = cv2.convexHull(np.rint((points - low) * 16).astype(np.int32))
        cv2.fillConvexPoly(shadow, hull, (strength,), lineType=cv2.LINE_AA, shift=4)
    soft = np.asarray(cv2.GaussianBlur(shadow, (0, 0), 3.0), np.uint8)
    return soft, (int(low[0]), int(low[1]))

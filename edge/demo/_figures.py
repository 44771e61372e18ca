"""Walking human figures: a jointed body of lofted tubes, an articulated gait, and its sprites."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from edge.demo._raster import (
    Bytes,
    Camera,
    Floats,
    Ints,
    Mesh,
    daylight,
    grid_quads,
    ground_shadow,
    joined,
    paint_ids,
)

Colour = tuple[float, float, float]

SUPERSAMPLE = 2
PHASES = 16
"""Sprites per walk cycle: at 15 fps and one cycle per second a frame advances 1/15 cycle."""

_RING = 18
_THIGH, _SHIN, _UPPER_ARM, _FOREARM = 0.43, 0.42, 0.29, 0.25
_HIP_HALF, _SHOULDER_HALF = 0.085, 0.185
_STATURE = 1.75
_SIDE = np.array([0, 1, 0], np.float32)  # the body's left; x is forward, z up


@dataclass(frozen=True, slots=True)
class Look:
    """How a walker looks; colours are BGR in 0..1.

    Attributes:
        stature: Height, metres.
        build: Girth as a factor.
        top: Jacket or coat.
        shirt: What shows between the open fronts of the jacket.
        legs: Trousers.
        shoes: Shoes.
        hair: Hair.
        skin: Face and hands.
        hem: Height of the jacket's hem on a body of 1.75 m, metres; 0.55 makes a coat.
        long_hair: Hair down to the shoulders.
        backpack: Colour of a backpack, or None.
    """

    stature: float
    build: float
    top: Colour
    shirt: Colour
    legs: Colour
    shoes: Colour
    hair: Colour
    skin: Colour
    hem: float = 0.84
    long_hair: bool = False
    backpack: Colour | None = None


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn figure, to be set down with its ground point anywhere.

    Attributes:
        image: (H, W, 4) uint8 BGRA, colour premultiplied by alpha.
        shadow: (h, w) uint8 shadow strength.
        origin: Top-left corner of image relative to the ground point, pixels.
        shadow_origin: The same of shadow.
        depth: Depth along the optical axis it was drawn for, metres.
    """

    image: Bytes
    shadow: Bytes
    origin: tuple[float, float]
    shadow_origin: tuple[float, float]
    depth: float


def _bump(phase: float, centre: float, width: float) -> float:
    """A bell over the cyclic phase, 1 at `centre`."""
    away = (phase - centre + 0.5) % 1.0 - 0.5
    return float(np.exp(-0.5 * (away / width) ** 2))


def _leg(phase: float) -> tuple[float, float, float]:
    """Hip flexion, knee flexion and foot pitch (toe up), radians; phase 0 is heel strike.

    The curves are bells fitted by eye to textbook gait plots: hip +28..-10 degrees, knee 15 in
    stance and 60 in swing, heel off before toe off at 62 % of the cycle.
    """
    hip = 9 + 18 * np.cos(2 * np.pi * (phase + 0.03))
    knee = 4 + 13 * _bump(phase, 0.13, 0.06) + 56 * _bump(phase, 0.73, 0.095)
    foot = 17 * _bump(phase, 0.98, 0.05) - 52 * _bump(phase, 0.62, 0.075)
    return float(np.deg2rad(hip)), float(np.deg2rad(knee)), float(np.deg2rad(foot))


@lru_cache(maxsize=1)
def stride_per_stature() -> float:
    """Ground covered in one cycle, in statures: twice the sweep of the foot while it stands.

    Taken from the gait itself so that standing feet do not skate.
    """

    def ankle(phase: float) -> float:
        hip, knee, _ = _leg(phase)
        return float(_THIGH * np.sin(hip) + _SHIN * np.sin(hip - knee))

    return 2.0 * (ankle(0.04) - ankle(0.54)) / _STATURE


def _tube(
    spine: Floats,
    radii: Floats,
    side: Floats,
    colour: Colour | Floats,
    *,
    weave: np.random.Generator,
    folds: float = 0.0,
    ring: int = _RING,
) -> Mesh:
    """A closed tube with elliptic rings around a spine.

    Args:
        spine: (n, 3) float32 ring centres, metres.
        radii: (n, 2) float32 half-axes along `side` and across it, metres.
        side: (3,) float32 direction of the first half-axis.
        colour: One colour, or (n - 1, ring, 3) float32 per quad.
        weave: Source of the cloth's noise.
        folds: Depth of cloth folds, as a part of the radius.
        ring: Vertices per ring.

    Returns:
        The mesh, rings in the order of the spine, with closed ends.
    """
    spine = np.concatenate([spine[:1], spine, spine[-1:]])
    radii = np.concatenate([radii[:1] * 0.02, radii, radii[-1:] * 0.02])
    tangent = np.gradient(spine, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    across = np.cross(tangent, side)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    first = np.cross(across, tangent)
    turn = np.arange(ring) * (2 * np.pi / ring)
    wave = np.ones((len(spine), ring))
    if folds:
        rows = np.arange(len(spine))[:, None]
        wave += folds * np.sin(rows * weave.uniform(1.1, 1.7) + 2 * np.sin(turn) + turn)
        wave += folds * 0.6 * weave.standard_normal(wave.shape)
    points = spine[:, None] + wave[..., None] * (
        radii[:, None, :1] * np.cos(turn)[None, :, None] * first[:, None]
        + radii[:, None, 1:] * np.sin(turn)[None, :, None] * across[:, None]
    )
    albedo = np.empty((len(spine) - 1, ring, 3), np.float32)
    albedo[1:-1] = np.asarray(colour, np.float32)
    albedo[0], albedo[-1] = albedo[1], albedo[-2]
    mottle = cv2.GaussianBlur(weave.standard_normal(albedo.shape[:2], np.float32), (0, 0), 1.2)
    albedo *= 1 + 0.12 * mottle[..., None]
    quads = grid_quads(len(spine), ring, closed=True)
    vertices = points.reshape(-1, 3).astype(np.float32)
    return Mesh(vertices, quads, albedo.reshape(-1, 3))


def _between(start: Floats, end: Floats, count: int) -> Floats:
    share = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    return np.asarray(start + (end - start) * share, np.float32)


def _profile(knots: list[tuple[float, float, float]], count: int) -> Floats:
    """Half-axes at `count` even steps from (position, first, second) knots."""
    table = np.array(knots, np.float32)
    at = np.linspace(table[0, 0], table[-1, 0], count)
    return np.stack(
        [np.interp(at, table[:, 0], table[:, 1]), np.interp(at, table[:, 0], table[:, 2])], axis=1
    ).astype(np.float32)


def _head(neck: Floats, look: Look, weave: np.random.Generator) -> list[Mesh]:
    """Neck, skull with face and hair; local frame, x forward, y left, z up."""
    side, rows, ring = _SIDE, 22, 32
    height = np.linspace(-1, 1, rows)
    oval = np.sqrt(np.maximum(1 - height**2, 0.01))
    # A chin narrower than the crown, and the face's front flatter than the back of the head.
    radii = np.stack([0.076 * oval ** (0.9), 0.098 * oval**0.85], axis=1)
    radii[height < 0] *= 1 - 0.22 * height[height < 0, None] ** 2
    centre = neck + np.array([0.035, 0, 0.165], np.float32)
    spine = centre + np.stack([0.012 * -height, 0 * height, 0.122 * height], axis=1)
    turn = (np.arange(ring) + 0.5) * (2 * np.pi / ring)
    # Ring angle 0 lies along +y (left); x forward is at -90 degrees of the ring's own order.
    forward = (-np.sin(turn))[None, :] * np.ones((rows - 1, 1))
    level = ((height[1:] + height[:-1]) / 2)[:, None] * np.ones((1, ring))
    colour = np.empty((rows - 1, ring, 3), np.float32)
    colour[:] = look.skin
    aside = np.abs(np.cos(turn))[None, :] * np.ones((rows - 1, 1))
    eyes = (forward > 0.7) & (aside > 0.28) & (aside < 0.62) & (np.abs(level - 0.08) < 0.08)
    colour[eyes] *= 0.35
    mouth = (forward > 0.85) & (np.abs(level + 0.52) < 0.05)
    colour[mouth] *= np.array([0.6, 0.55, 0.8], np.float32)
    hair = (level > 0.55 - 0.1 * forward) | ((forward < 0.12) & (level > -0.35))
    hair |= (forward < 0.42) & (level > 0.1)
    colour[hair] = look.hair
    skull = _tube(
        spine.astype(np.float32), radii.astype(np.float32), side, colour, weave=weave, ring=ring
    )
    throat = _tube(
        _between(neck + np.array([-0.005, 0, -0.06], np.float32), centre, 4),
        _profile([(0, 0.062, 0.062), (1, 0.052, 0.056)], 4),
        side,
        (look.skin[0] * 0.8, look.skin[1] * 0.8, look.skin[2] * 0.8),
        weave=weave,
    )
    nose = _tube(
        _between(
            centre + np.array([0.094, 0, 0.02], np.float32),
            centre + np.array([0.104, 0, -0.025], np.float32),
            4,
        ),
        _profile([(0, 0.008, 0.008), (1, 0.017, 0.016)], 4),
        side,
        look.skin,
        weave=weave,
        ring=8,
    )
    cap = _tube(
        _between(
            centre + np.array([-0.022, 0, -0.03 if not look.long_hair else -0.20], np.float32),
            centre + np.array([-0.014, 0, 0.135], np.float32),
            9,
        ),
        _profile(
            [
                (0, 0.055, 0.05),
                (0.35, 0.083, 0.082),
                (0.7, 0.082, 0.098),
                (0.9, 0.062, 0.076),
                (1, 0.03, 0.035),
            ],
            9,
        ),
        side,
        look.hair,
        weave=weave,
        folds=0.03,
    )
    return [throat, skull, nose, cap]


def _swing(phase: float) -> float:
    """Where the left leg is in its swing: 1 foremost, -1 hindmost."""
    return float(np.cos(2 * np.pi * (phase + 0.03)))


def _legs(look: Look, phase: float, weave: np.random.Generator) -> tuple[list[Mesh], float]:
    """Trousers and shoes with the hips at z = 0, and the height of the lower sole."""
    girth, swing, side = look.build, _swing(phase), _SIDE
    soles: list[float] = []
    legs: list[Mesh] = []
    for mirror, own in ((1.0, phase), (-1.0, phase + 0.5)):
        hip_angle, knee_angle, pitch = _leg(own % 1.0)
        hip = np.array([0.02 * mirror * swing, _HIP_HALF * mirror, 0], np.float32)
        knee = hip + _THIGH * np.array([np.sin(hip_angle), 0, -np.cos(hip_angle)], np.float32)
        low = hip_angle - knee_angle
        ankle = knee + _SHIN * np.array([np.sin(low), -0.02 * mirror, -np.cos(low)], np.float32)
        cos, sin = np.cos(pitch), np.sin(pitch)
        turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
        heel = ankle + turn @ np.array([-0.065, 0, -0.045], np.float32)
        ball = ankle + turn @ np.array([0.12, 0.01 * mirror, -0.055], np.float32)
        toe = ankle + turn @ np.array([0.19, 0.015 * mirror, -0.055], np.float32)
        soles += [heel[2] - 0.04, ball[2] - 0.035, toe[2] - 0.028]
        bend = _between(hip, knee, 8), _between(knee, ankle, 9)[1:]
        trouser = _profile(
            [
                (0, 0.085 * girth, 0.098 * girth),
                (0.25, 0.08 * girth, 0.09 * girth),
                (0.5, 0.062, 0.066),
                (0.68, 0.06, 0.066),
                (1, 0.056, 0.064),
            ],
            16,
        )
        legs.append(_tube(np.concatenate(bend), trouser, side, look.legs, weave=weave, folds=0.025))
        foot = np.stack([heel, (heel + ball) / 2 + turn @ np.array([0, 0, 0.016]), ball, toe])
        legs.append(
            _tube(
                foot.astype(np.float32),
                np.array(
                    [[0.038, 0.042], [0.042, 0.052], [0.047, 0.036], [0.036, 0.026]], np.float32
                ),
                side,
                look.shoes,
                weave=weave,
            )
        )
    return legs, min(soles)


def _trunk(look: Look, pelvis: Floats, across: Floats, weave: np.random.Generator) -> Mesh:
    """The jacket or coat over the trunk, shoulders along `across`."""
    girth = look.build
    drop = 0.90 - look.hem
    trunk = [
        (-drop, 0.165 * girth, 0.135 * girth),
        (0.0, 0.168 * girth, 0.135 * girth),
        (0.15, 0.15 * girth, 0.122 * girth),
        (0.34, 0.178 * girth, 0.132 * girth),
        (0.45, 0.182 * girth, 0.12 * girth),
        (0.51, 0.165, 0.10),
        (0.545, 0.12, 0.082),
        (0.575, 0.07, 0.065),
    ]
    if drop > 0.2:
        trunk[0] = (-drop, 0.20 * girth, 0.19 * girth)
    rings = 22
    at = np.linspace(-drop, 0.575, rings, dtype=np.float32)
    spine = pelvis + np.stack([0.06 * at, 0 * at, at], axis=1)
    cloth = np.empty((rings - 1, _RING, 3), np.float32)
    cloth[:] = look.top
    forward = -np.sin((np.arange(_RING) + 0.5) * (2 * np.pi / _RING))
    # The open front widens upwards; the hem, a doubled seam, is darker.
    opening = 0.995 - 0.16 * np.linspace(0, 1, rings - 1) ** 2
    cloth[forward[None, :] > opening[:, None]] = look.shirt
    cloth[:1] *= 0.8
    return _tube(spine, _profile(trunk, rings), across, cloth, weave=weave, folds=0.014)


def _arms(
    look: Look, chest: Floats, across: Floats, swing: float, weave: np.random.Generator
) -> list[Mesh]:
    """Sleeves and hands, swinging against the legs."""
    girth, side = look.build, _SIDE
    parts: list[Mesh] = []
    for mirror in (1.0, -1.0):
        reach = np.deg2rad(4 - 25 * swing * mirror)
        elbow_bend = np.deg2rad(22 - 14 * swing * mirror)
        out = 0.10 * mirror
        shoulder = chest + across * np.float32(_SHOULDER_HALF * mirror * (0.6 + 0.4 * girth))
        elbow = shoulder + _UPPER_ARM * np.array(
            [np.sin(reach), out * 1.1, -np.cos(reach)], np.float32
        )
        low = reach + elbow_bend
        wrist = elbow + _FOREARM * np.array([np.sin(low), -out * 0.3, -np.cos(low)], np.float32)
        hand = wrist + 0.15 * np.array([np.sin(low + 0.1), -out, -np.cos(low + 0.1)], np.float32)
        sleeve = _profile(
            [
                (0, 0.045, 0.045),
                (0.05, 0.058, 0.06),
                (0.15, 0.062 * girth, 0.068 * girth),
                (0.5, 0.05 * girth, 0.054 * girth),
                (1, 0.041, 0.045),
            ],
            15,
        )
        arm = np.concatenate(
            [
                _between(shoulder + np.array([0, 0, 0.0], np.float32), elbow, 8),
                _between(elbow, wrist, 8)[1:],
            ]
        )
        parts.append(_tube(arm, sleeve, side, look.top, weave=weave, folds=0.03))
        parts.append(
            _tube(
                _between(wrist, hand, 6),
                _profile([(0, 0.024, 0.03), (0.5, 0.026, 0.043), (1, 0.015, 0.025)], 6),
                side,
                look.skin,
                weave=weave,
            )
        )
    return parts


def _body(look: Look, phase: float, weave: np.random.Generator) -> list[Mesh]:
    """The parts of a walker at a phase of the gait; local frame, feet at z = 0, metres."""
    legs, sole = _legs(look, phase, weave)
    swing = _swing(phase)
    pelvis = np.array([0, 0, -sole], np.float32)
    chest = pelvis + np.array([0.03, 0, 0.475], np.float32)
    # Shoulders turn against the hips by about 8 degrees to each side.
    twist = np.deg2rad(8.0) * -swing
    across = np.array([-np.sin(twist), np.cos(twist), 0], np.float32)
    parts = [Mesh(part.vertices + pelvis, part.quads, part.albedo) for part in legs]
    parts.append(_trunk(look, pelvis, across, weave))
    parts += _arms(look, chest, across, swing, weave)
    if look.backpack is not None:
        pack = chest + np.array([-0.20, 0, -0.05], np.float32)
        parts.append(
            _tube(
                _between(
                    pack - np.array([0.01, 0, 0.23], np.float32),
                    pack + np.array([0.02, 0, 0.19], np.float32),
                    10,
                ),
                _profile(
                    [(0, 0.10, 0.06), (0.1, 0.14, 0.095), (0.8, 0.14, 0.085), (1, 0.09, 0.05)], 10
                ),
                _SIDE,
                look.backpack,
                weave=weave,
            )
        )
    return parts + _head(pelvis + np.array([0.035, 0, 0.555], np.float32), look, weave)


def draw_walker(
    look: Look, phase: float, heading: float, away: float, *, camera: Camera, seed: int
) -> Sprite:
    """Draws a walker standing at (0, away) of the world.

    Args:
        look: Clothes and build.
        phase: Phase of the gait, 0..1.
        heading: Walking direction, radians from picture-right towards away from the camera.
        away: Distance on the ground, metres.
        camera: The camera.
        seed: Seed of the cloth; the same for all phases, so that folds do not boil.

    Returns:
        The sprite.
    """
    parts = _body(look, phase, np.random.default_rng(seed))
    scale = look.stature / _STATURE
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32) * np.float32(scale)
    stand = np.array([0, away, 0], np.float32)
    parts = [Mesh(part.vertices @ turn + stand, part.quads, part.albedo) for part in parts]
    body = joined(parts)
    pixels, depth = camera.project(body.vertices)
    foot_x, foot_y, foot_depth = camera.place(0, away)
    low = np.floor(pixels.min(axis=0)) - 3
    size = np.ceil(pixels.max(axis=0)).astype(int) + 3 - low.astype(int)
    width, height = int(size[0]), int(size[1])
    fine = (pixels - low) * SUPERSAMPLE
    ids = paint_ids(fine, depth, body.quads, (width * SUPERSAMPLE, height * SUPERSAMPLE))
    lit = np.minimum(body.albedo * daylight(body.normals()), 1)
    lit *= 1.25 - 0.25 * lit
    table = np.concatenate(
        [np.pad(lit, ((0, 0), (0, 1)), constant_values=1), np.zeros((1, 4), np.float32)]
    )
    image = table[ids]  # -1, nothing, is the last row
    image[..., :3] *= _contact(ids, depth[body.quads].mean(axis=1), height)[..., None]
    image = cv2.GaussianBlur(image, (0, 0), 0.55 * SUPERSAMPLE)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    shadow, shadow_low = _shadow(parts, camera)
    return Sprite(
        np.rint(small * 255).astype(np.uint8),
        shadow,
        (float(low[0]) - foot_x, float(low[1]) - foot_y),
        (shadow_low[0] - foot_x, shadow_low[1] - foot_y),
        foot_depth,
    )


def _contact(ids: Ints, depth: Floats, height: int) -> Floats:
    """Light that reaches a pixel past limbs in front of it: 1, less where an arm is close by.

    Args:
        ids: (2 h, 2 w) int32 quads seen.
        depth: (Q,) float32 depth of the quads, metres.
        height: Height of the figure, pixels; sets how far a limb's shade reaches.

    Returns:
        (2 h, 2 w) float32 factor.
    """
    coarse = ids[::SUPERSAMPLE, ::SUPERSAMPLE]
    seen = (coarse >= 0).astype(np.float32)
    near = depth[coarse] * seen
    reach = max(0.7, 0.035 * height)
    cover = cv2.GaussianBlur(seen, (0, 0), reach)
    mean = cv2.GaussianBlur(near, (0, 0), reach) / np.maximum(cover, 1e-3)
    factor = 1 - 0.45 * np.clip((near - mean) / 0.10, 0, 1) * seen
    return np.asarray(cv2.resize(factor, ids.shape[::-1]), np.float32)


def _shadow(parts: list[Mesh], camera: Camera) -> tuple[Bytes, tuple[float, float]]:
    """The walker's shadow on the ground, a hull per part: (h, w) uint8 and its corner."""
    thrown = [camera.project(ground_shadow(part.vertices))[0] for part in parts]
    everything = np.concatenate(thrown)
    low = np.floor(everything.min(axis=0)) - 6
    size = (np.ceil(everything.max(axis=0)) + 6 - low).astype(int)
    shadow = np.zeros((int(size[1]), int(size[0])), np.uint8)
    for outline in thrown:
        hull = cv2.convexHull(np.rint((outline - low) * 16).astype(np.int32))
        cv2.fillConvexPoly(shadow, hull, (255,), lineType=cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(shadow, (0, 0), 1.6)
    return np.asarray(soft, np.uint8), (float(low[0]), float(low[1]))

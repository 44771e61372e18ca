"""Plays a scene: moves the actors, and lays shadows, bodies and noise over the empty street."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np

from edge.demo._background import draw_background
from edge.demo._car import draw_car
from edge.demo._figures import PHASES, Sprite, draw_walker, stride_per_stature
from edge.demo._raster import Bytes, Floats
from edge.demo._scene import Scene, Walk
from edge.demo._truth import Box, ClassName

_HEADINGS = 24  # sprites per full turn, for the few frames in which a walker turns a corner
_DEPTH_STEP = 3.0  # metres; within it a sprite is scaled, its view from above off by < 6 degrees
_DRIVE_HALF = 11.0  # metres beside the axis where both lanes are out of the picture
_VISIBLE = 96  # alpha, of 255, from which a pixel counts into the truth box


def play(scene: Scene) -> Iterator[tuple[Bytes, dict[int, tuple[ClassName, Box]]]]:
    """Draws a scene frame by frame.

    Args:
        scene: The scene.

    Yields:
        (height, width, 3) uint8 BGR, and class and box of every actor seen, by its number.
    """
    camera = scene.camera
    empty = draw_background(camera, scene.seed)
    grain = _Grain(scene)
    walkers = [_Walker(walk, scene, number) for number, walk in enumerate(scene.walks)]
    for number in range(scene.count):
        seconds = number / scene.fps
        image = empty.copy()
        boxes: dict[int, tuple[ClassName, Box]] = {}
        shadows: list[tuple[Bytes, tuple[int, int]]] = []
        bodies: list[tuple[float, int, ClassName, Bytes, tuple[int, int]]] = []
        for actor, walker in enumerate(walkers):
            shot = walker.at(seconds)
            if shot is not None:
                away, body, corner, shade, shade_corner = shot
                bodies.append((away, actor, "person", body, corner))
                shadows.append((shade, shade_corner))
        for index, drive in enumerate(scene.drives):
            driven = (seconds - drive.departs) * drive.pace
            if not 0 <= driven <= 2 * _DRIVE_HALF:
                continue
            x = (driven - _DRIVE_HALF) * (1 if drive.towards_right else -1)
            picture = draw_car(
                drive.car,
                (x, drive.lane),
                towards_right=drive.towards_right,
                rolled=driven,
                camera=camera,
            )
            if picture is not None:
                actor = len(walkers) + index
                bodies.append((drive.lane, actor, "car", picture.image, picture.corner))
                shadows.append((picture.shadow, picture.shadow_corner))
        for shade, corner in shadows:
            _darken(image, shade, corner, scene.shadow)
        for _, actor, name, body, corner in sorted(bodies, key=lambda entry: -entry[0]):
            box = _set_down(image, body, corner)
            if box is not None:
                boxes[actor] = (name, box)
        yield grain.on(image), boxes


class _Walker:
    """A walk in the making: where it is at a time, and the sprites drawn for it so far."""

    __slots__ = ("_camera", "_marks", "_number", "_seed", "_sprites", "_walk")

    def __init__(self, walk: Walk, scene: Scene, number: int) -> None:
        self._walk = walk
        self._camera = scene.camera
        self._seed = scene.seed * 1000 + number
        legs = [float(np.hypot(b[0] - a[0], b[1] - a[1])) for a, b in pairwise(walk.path)]
        self._marks = np.concatenate([[0.0], np.cumsum(legs)])
        self._sprites: dict[tuple[int, int, int], Sprite] = {}

    def _point(self, walked: float) -> Floats:
        path = np.asarray(self._walk.path, np.float32)
        return np.array(
            [np.interp(walked, self._marks, path[:, axis]) for axis in (0, 1)], np.float32
        )

    def at(
        self, seconds: float
    ) -> tuple[float, Bytes, tuple[int, int], Bytes, tuple[int, int]] | None:
        """Distance, body and its corner, shadow and its corner; None before and after the walk."""
        walked = (seconds - self._walk.departs) * self._walk.pace
        if not 0 <= walked <= self._marks[-1]:
            return None
        # Corners are cut over 0.8 m, as people do, and the body turns with the way.
        spread = [self._point(walked + ahead) for ahead in np.linspace(-0.4, 0.4, 5)]
        x, y = (float(v) for v in np.mean(spread, axis=0))
        way = spread[-1] - spread[0]
        heading = round(float(np.arctan2(way[1], way[0])) / (2 * np.pi) * _HEADINGS) % _HEADINGS
        look = self._walk.look
        phase = round(walked / (stride_per_stature() * look.stature) * PHASES) % PHASES
        shelf = int(y / _DEPTH_STEP)
        key = (phase, heading, shelf)
        sprite = self._sprites.get(key)
        if sprite is None:
            sprite = draw_walker(
                look,
                phase / PHASES,
                heading * 2 * np.pi / _HEADINGS,
                shelf * _DEPTH_STEP,
                camera=self._camera,
                seed=self._seed,
            )
            self._sprites[key] = sprite
        foot_x, foot_y, depth = self._camera.place(x, y)
        scale = sprite.depth / depth
        body, corner = _moved(sprite.image, sprite.origin, (foot_x, foot_y), scale)
        shade, shade_corner = _moved(sprite.shadow, sprite.shadow_origin, (foot_x, foot_y), scale)
        return y, body, corner, shade, shade_corner


class _Grain:
    """Sensor noise: a few drawn fields, shifted at random, since drawing one takes 80 ms."""

    __slots__ = ("_fields", "_rng")

    def __init__(self, scene: Scene) -> None:
        self._rng = np.random.default_rng(scene.seed + 1)
        size = (scene.camera.height + 64, scene.camera.width + 64)
        self._fields = []
        for _ in range(3 if scene.noise else 0):
            grey = self._rng.standard_normal((*size, 1), np.float32) * scene.noise
            tint = self._rng.standard_normal((*size, 3), np.float32) * scene.noise * 0.4
            noise = np.rint(grey + tint)
            self._fields.append(
                (np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8))
            )

    def on(self, image: Bytes) -> Bytes:
        if not self._fields:
            return image
        over, under = self._fields[int(self._rng.integers(len(self._fields)))]
        top, left = (int(v) for v in self._rng.integers(0, 64, 2))
        window = slice(top, top + image.shape[0]), slice(left, left + image.shape[1])
        return np.asarray(cv2.subtract(cv2.add(image, over[window]), under[window]), np.uint8)


def _moved(
    image: Bytes, origin: tuple[float, float], foot: tuple[float, float], scale: float
) -> tuple[Bytes, tuple[int, int]]:
    """An image scaled about the foot point and set to fractions of a pixel, and its corner."""
    left, top = foot[0] + origin[0] * scale, foot[1] + origin[1] * scale
    corner = int(np.floor(left)), int(np.floor(top))
    size = int(np.ceil(image.shape[1] * scale)) + 2, int(np.ceil(image.shape[0] * scale)) + 2
    # Pixel centres, not corners, scale about the origin.
    half = (scale - 1) / 2
    warp = np.array([[scale, 0, left - corner[0] + half], [0, scale, top - corner[1] + half]])
    return np.asarray(cv2.warpAffine(image, warp, size, flags=cv2.INTER_LINEAR), np.uint8), corner


def _overlap(
    image: Bytes, patch: Bytes, corner: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """The part of the picture under a patch and the part of the patch over the picture."""
    left, top = max(corner[0], 0), max(corner[1], 0)
    right = min(corner[0] + patch.shape[1], image.shape[1])
    bottom = min(corner[1] + patch.shape[0], image.shape[0])
    if right <= left or bottom <= top:
        return None
    return (
        (slice(top, bottom), slice(left, right)),
        (slice(top - corner[1], bottom - corner[1]), slice(left - corner[0], right - corner[0])),
    )


def _darken(image: Bytes, shade: Bytes, corner: tuple[int, int], strength: float) -> None:
    overlap = _overlap(image, shade, corner)
    if overlap is None or not strength:
        return
    under, over = overlap
    # Shade is lit by the sky alone, hence darker in red than in blue.
    tint = np.array([0.9, 1.0, 1.05], np.float32) * np.float32(strength / 255)
    factor = 1 - shade[over][..., None] * tint
    image[under] = (image[under] * factor + 0.5).astype(np.uint8)


def _set_down(image: Bytes, body: Bytes, corner: tuple[int, int]) -> Box | None:
    """Blends a body over the picture; its box in fractions, None when nothing of it shows."""
    overlap = _overlap(image, body, corner)
    if overlap is None:
        return None
    under, over = overlap
    patch = body[over]
    alpha = patch[..., 3:].astype(np.float32) / 255
    image[under] = np.minimum(image[under] * (1 - alpha) + patch[..., :3] + 0.5, 255)
    solid = patch[..., 3] >= _VISIBLE
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    if not len(columns):
        return None
    height, width = image.shape[:2]
    return (
        float(under[1].start + columns[0]) / width,
        float(under[0].start + rows[0]) / height,
        float(under[1].start + columns[-1] + 1) / width,
        float(under[0].start + rows[-1] + 1) / height,
    )

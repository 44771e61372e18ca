"""The camera of the drawn street and the rasteriser behind walkers and cars.

World frame, metres: x to the picture's right, y away from the camera, z up; the camera stands at
(0, 0, height). Picture frame, pixels: x right, y down, origin at the top-left corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

SUN = np.array([-0.50, -0.42, 0.76], np.float32) / np.float32(np.sqrt(0.25 + 0.1764 + 0.5776))
"""Unit vector from the scene to the sun: over the viewer's left shoulder, so that the side of
everything that the camera sees is lit and shadows fall to the right and away."""

_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera on a pole, level across and pitched down.

    Attributes:
        width: Picture width, pixels.
        height: Picture height, pixels.
        pole: Height of the lens above the ground, metres.
        pitch: Downward tilt of the optical axis, radians.
    """

    width: int = 1280
    height: int = 720
    pole: float = 4.0
    pitch: float = float(np.deg2rad(7.5))

    @property
    def focal(self) -> float:
        """Focal length, pixels: a 46 degree lens, the usual 6 mm on a 1/2.7 inch sensor."""
        return 1500.0 / 1280.0 * self.width

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Projects world points into the picture.

        Args:
            points: (N, 3) float32, metres, world frame.

        Returns:
            (N, 2) float32 pixels and (N,) float32 depth along the optical axis, metres.
        """
        cos, sin = np.cos(self.pitch), np.sin(self.pitch)
        rise = points[:, 2] - self.pole
        depth = points[:, 1] * cos - rise * sin
        down = -points[:, 1] * sin - rise * cos
        across = self.width / 2 + self.focal * points[:, 0] / depth
        along = self.height / 2 + self.focal * down / depth
        return np.stack([across, along], axis=1).astype(np.float32), depth.astype(np.float32)

    def place(self, x: float, y: float, z: float = 0.0) -> tuple[float, float, float]:
        """Projects one world point: picture x and y in pixels, depth in metres."""
        pixel, depth = self.project(np.array([[x, y, z]], np.float32))
        return float(pixel[0, 0]), float(pixel[0, 1]), float(depth[0])


@dataclass(frozen=True, slots=True)
class Mesh:
    """Quads with a flat colour each.

    Attributes:
        vertices: (V, 3) float32, metres.
        quads: (Q, 4) int32 indices into vertices, anticlockwise seen from outside.
        albedo: (Q, 3) float32 in 0..1, BGR, linear enough for a street camera.
    """

    vertices: Floats
    quads: Ints
    albedo: Floats

    def normals(self) -> Floats:
        """Unit outward normals of the quads, (Q, 3) float32."""
        corner = self.vertices[self.quads]
        normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        return np.asarray(normal / np.maximum(length, 1e-9), np.float32)


def joined(parts: list[Mesh]) -> Mesh:
    """One mesh of many, in the order given."""
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.quads + np.int32(at) for part, at in zip(parts, starts, strict=True)]),
        np.concatenate([part.albedo for part in parts]),
    )


def grid_quads(rows: int, columns: int, *, closed: bool) -> Ints:
    """Quads over a rows x columns vertex grid; `closed` joins the last column to the first."""
    spans = columns if closed else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(spans), indexing="ij")
    after = (column + 1) % columns
    corners = [
        row * columns + column,
        row * columns + after,
        (row + 1) * columns + after,
        (row + 1) * columns + column,
    ]
    return np.stack(corners, axis=-1).reshape(-1, 4).astype(np.int32)


def paint_ids(pixels: Floats, depth: Floats, quads: Ints, size: tuple[int, int]) -> Ints:
    """Paints which quad each pixel shows, far quads first.

    A painter's sort instead of a depth buffer: the quads are small against the bodies, and one
    fillConvexPoly takes 1.2 us a quad, about 2 ms a figure.

    Args:
        pixels: (V, 2) float32 vertex positions in the target's pixels.
        depth: (V,) float32 distance, only compared.
        quads: (Q, 4) int32 vertex indices.
        size: Target width and height, pixels.

    Returns:
        (height, width) int32: the quad's index, -1 where there is none.
    """
    corner = pixels[quads]
    first, second = corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    # Anticlockwise from outside is clockwise in a y-down picture's sign: negative faces us.
    facing = np.flatnonzero(area < 0)
    order = facing[np.argsort(-depth[quads[facing]].mean(axis=1), kind="stable")]
    fixed = np.rint(corner[order] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    ids = np.full((size[1], size[0]), -1, np.int32)
    for points, quad in zip(fixed, order.tolist(), strict=True):
        cv2.fillConvexPoly(ids, points, (quad,), lineType=cv2.LINE_8, shift=_SUBPIXEL_BITS)
    return ids


def daylight(normals: Floats) -> Floats:
    """Sun and sky light on surfaces of these unit normals.

    Args:
        normals: (..., 3) float32, world frame.

    Returns:
        (..., 3) float32 BGR factors; about 1 where a surface faces the sun. The sky's part is
        bluish and the ground's bounce warm, which is what keeps shaded sides from looking grey.
    """
    sun = np.maximum(normals @ SUN, 0.0)[..., None]
    up = (normals[..., 2:3] + 1) / 2
    return np.asarray(
        sun * np.array([0.58, 0.64, 0.68], np.float32)
        + up * np.array([0.40, 0.36, 0.33], np.float32)
        + (1 - up) * np.array([0.15, 0.17, 0.18], np.float32),
        np.float32,
    )


def ground_shadow(points: Floats) -> Floats:
    """Where the sun throws world points on the ground: (N, 3) float32 with z = 0."""
    lift = points[:, 2:3] / SUN[2]
    thrown = points - lift * SUN
    thrown[:, 2] = 0
    return np.asarray(thrown, np.float32)

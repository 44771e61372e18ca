"""The scene: who passes the street, and when.

The demo lasts 48 seconds and begins and ends with an empty street.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.demo._car import Car
from edge.demo._figures import Look
from edge.demo._raster import Camera

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Walk:
    """A person's walk.

    Attributes:
        look: Clothes and build.
        path: Ground points, world x and y in metres; walked straight from one to the next.
        departs: When the walk starts, seconds.
        pace: Metres per second.
    """

    look: Look
    path: tuple[Point, ...]
    departs: float
    pace: float = 1.4


@dataclass(frozen=True, slots=True)
class Drive:
    """A car's passage from one side of the picture to the other.

    Attributes:
        car: The car.
        lane: Distance of its middle from the camera on the ground, metres.
        towards_right: Driving direction.
        departs: When it leaves from 11 m beside the camera's axis, seconds.
        pace: Metres per second.
    """

    car: Car
    lane: float
    towards_right: bool
    departs: float
    pace: float = 6.5


_FAIR, _TAN, _BROWN = (0.60, 0.70, 0.90), (0.45, 0.57, 0.78), (0.25, 0.35, 0.52)
_BLACK_HAIR, _BROWN_HAIR, _BLOND_HAIR = (0.07, 0.08, 0.09), (0.10, 0.16, 0.26), (0.35, 0.55, 0.70)
_WHITE, _DENIM, _BLACK = (0.86, 0.86, 0.86), (0.42, 0.29, 0.20), (0.13, 0.12, 0.12)
_LEATHER = (0.12, 0.17, 0.26)

_BLUE_JACKET = Look(1.78, 1.0, (0.45, 0.25, 0.12), _WHITE, _BLACK, _BLACK, _BLACK_HAIR, _FAIR)
_RED_COAT = Look(
    1.68,
    0.92,
    (0.20, 0.18, 0.62),
    _WHITE,
    _DENIM,
    _LEATHER,
    _BROWN_HAIR,
    _FAIR,
    hem=0.60,
    long_hair=True,
)
_OLIVE_PARKA = Look(
    1.74,
    1.06,
    (0.20, 0.33, 0.33),
    (0.2, 0.2, 0.2),
    _DENIM,
    _LEATHER,
    _BROWN_HAIR,
    _TAN,
    hem=0.76,
    backpack=(0.12, 0.12, 0.14),
)
_WHITE_SHIRT = Look(
    1.82,
    0.98,
    (0.80, 0.78, 0.75),
    (0.80, 0.78, 0.75),
    (0.30, 0.22, 0.18),
    _LEATHER,
    _BLACK_HAIR,
    _BROWN,
)
_YELLOW_JUMPER = Look(
    1.66,
    0.90,
    (0.16, 0.55, 0.74),
    (0.16, 0.55, 0.74),
    _BLACK,
    _WHITE,
    _BLOND_HAIR,
    _FAIR,
    long_hair=True,
)
_BLACK_COAT = Look(
    1.80,
    1.04,
    (0.10, 0.10, 0.11),
    (0.55, 0.45, 0.40),
    (0.20, 0.20, 0.21),
    _BLACK,
    _BROWN_HAIR,
    _TAN,
    hem=0.62,
)
_GREY_HOODIE = Look(
    1.76,
    1.02,
    (0.50, 0.48, 0.47),
    (0.50, 0.48, 0.47),
    _DENIM,
    _WHITE,
    _BLACK_HAIR,
    _BROWN,
    backpack=(0.30, 0.16, 0.10),
)
_ORANGE_JACKET = Look(1.70, 0.95, (0.12, 0.34, 0.78), _WHITE, _DENIM, _LEATHER, _BROWN_HAIR, _FAIR)

_NEAR, _FAR = 5.9, 9.6  # beside the camera's axis where the pavements leave the picture, metres

DEMO_WALKS = (
    Walk(_BLUE_JACKET, ((-_NEAR, 11.9), (_NEAR, 11.9)), 0.2),
    Walk(_RED_COAT, ((_FAR, 20.3), (-_FAR, 20.3)), 0.1),
    Walk(_OLIVE_PARKA, ((_FAR, 20.5), (3.0, 20.5), (3.0, 12.0), (-_NEAR, 12.0)), 7.0),
    Walk(_YELLOW_JUMPER, ((_NEAR, 11.6), (-_NEAR, 11.6)), 11.0, 1.5),
    Walk(_WHITE_SHIRT, ((-_FAR, 20.1), (_FAR, 20.1)), 16.0, 1.45),
    Walk(_GREY_HOODIE, ((-_NEAR, 12.2), (2.8, 12.2), (2.8, 20.0), (-_FAR, 20.0)), 23.0),
    Walk(_BLACK_COAT, ((_NEAR, 11.6), (-_NEAR, 11.6)), 26.5, 1.35),
    Walk(_ORANGE_JACKET, ((-_FAR, 20.7), (_FAR, 20.7)), 29.0, 1.5),
    Walk(_RED_COAT, ((_FAR, 20.3), (-_FAR, 20.3)), 31.5),
    Walk(_WHITE_SHIRT, ((-_NEAR, 11.9), (_NEAR, 11.9)), 36.5, 1.5),
)

_RED, _BLUE, _SILVER = (0.08, 0.07, 0.55), (0.46, 0.24, 0.07), (0.60, 0.58, 0.56)
_PEARL, _GRAPHITE, _GREEN = (0.80, 0.80, 0.79), (0.16, 0.15, 0.14), (0.20, 0.26, 0.09)

DEMO_DRIVES = (
    Drive(Car(_RED), 14.65, towards_right=True, departs=0.3),
    Drive(Car(_BLUE), 17.55, towards_right=False, departs=5.0),
    Drive(Car(_PEARL), 14.65, towards_right=True, departs=19.0, pace=6.0),
    Drive(Car(_SILVER), 17.55, towards_right=False, departs=22.5),
    Drive(Car(_GRAPHITE), 14.65, towards_right=True, departs=36.0, pace=7.0),
    Drive(Car(_GREEN), 17.55, towards_right=False, departs=38.0, pace=6.0),
    Drive(Car(_BLUE), 14.65, towards_right=True, departs=42.5),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the simulated camera sees.

    Attributes:
        camera: The camera.
        seconds: Length of the clip.
        fps: Frames per second.
        seed: Seed of textures, cloth and noise.
        walks: The walkers.
        drives: The cars.
        shadow: Darkening of the ground in full shadow, 0..1.
        noise: Standard deviation of the sensor noise, grey levels of 255.
    """

    camera: Camera = field(default_factory=Camera)
    seconds: float = 48.0
    fps: int = 15
    seed: int = 7
    walks: tuple[Walk, ...] = DEMO_WALKS
    drives: tuple[Drive, ...] = DEMO_DRIVES
    shadow: float = 0.42
    noise: float = 1.6

    @property
    def count(self) -> int:
        """Frames in the clip."""
        return round(self.seconds * self.fps)

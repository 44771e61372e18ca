"""`python -m tests.scenes.pictures`: draw each rule firing, for docs/images.

A drawn yard instead of a filmed one: the tracks are exact, the rule is the real one, and the
picture is of the frame in which its event begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as File

import cv2
import numpy as np

from edge.annotate import Annotator
from edge.detections import Detections
from edge.event import Event
from edge.frame import Frame, Plane
from edge.ground import Ground
from edge.pipeline import Step
from edge.rules import RuleOptions, Scene
from edge.rules.crowding import Options as Crowding
from edge.rules.object_abandoned import Options as Abandoned
from edge.rules.occupancy import Options as Occupancy
from edge.rules.speed import Options as Speed
from edge.rules.stopped_vehicle import Options as Stopped
from edge.rules.wrong_way import Options as WrongWay
from edge.tracks import Tracks
from tests.conftest import REPOSITORY
from tests.tracks_builder import Path, a_track, frames

SIZE_WH = (800, 450)
YARD = ((0.15, 0.45), (0.85, 0.45), (0.97, 0.95), (0.03, 0.95))
SCENE = Scene(
    zones={"yard": YARD},
    ground=Ground(np.diag([20.0, 14.0, 1.0]), (0.5, 0.5)),
)
LANE = Scene(zones={"yard": YARD}, lines={"lane": ((0.2, 0.7), (0.8, 0.7))})
CAR = (0.16, 0.15)


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        rule: What fires.
        paths: Who does what.
        scene: Where.
    """

    rule: RuleOptions
    paths: tuple[Path, ...]
    scene: Scene = SCENE


def people(*places: tuple[float, float]) -> tuple[Path, ...]:
    """Some who stand about."""
    return tuple(
        a_track(k + 1).at(0, x - 0.05, y - 0.03).to(1, x, y).stays(30)
        for k, (x, y) in enumerate(places)
    )


SHOTS = {
    "occupancy": Shot(
        Occupancy(name="too-many", zone="yard", limit=3),
        people((0.3, 0.6), (0.45, 0.8), (0.6, 0.65), (0.75, 0.85)),
    ),
    "object-abandoned": Shot(
        Abandoned(name="bag", zone="yard", seconds=20),
        (
            a_track(1).at(0, 0.3, 0.8).to(2, 0.45, 0.8).stays(4).to(9, 0.9, 0.6).stays(40),
            a_track(2, "suitcase", (0.03, 0.06)).at(2, 0.46, 0.81).stays(40),
        ),
    ),
    "stopped-vehicle": Shot(
        Stopped(name="no-stopping", zone="yard", seconds=20),
        (a_track(1, "car", CAR).at(0, 0.0, 0.75).to(3, 0.5, 0.8).stays(40),),
    ),
    "wrong-way": Shot(
        WrongWay(name="one-way", zone="yard", line="lane"),
        (
            a_track(1, "car", CAR).at(0, 0.95, 0.8).to(3, 0.05, 0.8),
            a_track(2, "car", CAR).at(0, 0.05, 0.62).to(3, 0.95, 0.62),
        ),
        LANE,
    ),
    "speed": Shot(
        Speed(name="too-fast", zone="yard", limit_kmh=32.2),
        (a_track(1, "car", CAR).at(0, 0.05, 0.75).to(1.5, 0.95, 0.75),),
    ),
    "crowding": Shot(
        Crowding(name="crowd", zone="yard", people=5, metres=2.0, seconds=5),
        people((0.4, 0.7), (0.44, 0.75), (0.47, 0.69), (0.42, 0.8), (0.48, 0.78), (0.75, 0.6)),
    ),
}


def ground_and(tracks: Tracks) -> Frame:
    """A bare yard with a grey figure in each box."""
    width, height = SIZE_WH
    y = np.tile(np.linspace(70, 120, height).astype(np.uint8)[:, None], (1, width))
    for row in np.argsort(tracks.xyxy[:, 3]):
        left, top, right, bottom = (round(float(edge)) for edge in tracks.xyxy[row])
        shade = 40 + int(tracks.track_id[row]) * 37 % 90
        if tracks.label(int(row)) == "person":
            middle, head = (left + right) // 2, (bottom - top) // 6
            centre = (middle, (top + 2 * head + bottom) // 2)
            axes = ((right - left) // 2, (bottom - top) // 3 + head // 3)
            cv2.ellipse(y, centre, axes, 0, 0, 360, shade, -1)
            cv2.circle(y, (middle, top + head), head, shade + 60, -1)
        else:
            cv2.rectangle(y, (left, (2 * top + bottom) // 3), (right, bottom - 4), shade, -1)
            inset = (right - left) // 5
            cv2.rectangle(y, (left + inset, top), (right - inset, (top + bottom) // 2), shade, -1)
    grey: Plane = np.full((height // 2, width // 2), 128, np.uint8)
    return Frame(tracks.stamp, y, grey, grey.copy())


def drawn(shot: Shot) -> tuple[np.ndarray, Event]:
    """The picture in which a rule fires, and its event.

    Raises:
        ValueError: It does not fire.
    """
    rule, annotator = shot.rule.build(shot.scene, "yard"), Annotator(shot.scene)
    for tracks in frames(*shot.paths, size_wh=SIZE_WH):
        events = rule.update(tracks)
        nothing = Detections.none(tracks.stamp, SIZE_WH, tracks.model)
        image = annotator.draw(Step(ground_and(tracks), nothing, tracks, events))
        if events:
            return image, events[0]
    raise ValueError(f"rule {shot.rule.kind}: expected an event, got none")


def main() -> None:
    """Write all of them."""
    for name, shot in SHOTS.items():
        image, event = drawn(shot)
        file: File = REPOSITORY / "docs" / "images" / f"rule-{name}.jpg"
        cv2.imwrite(str(file), image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        print(file.name, file.stat().st_size, event.kind, event.reason)


if __name__ == "__main__":
    main()

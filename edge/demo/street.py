"""The simulated camera: a street with walkers and cars whose every box is known.

For trying the product without a camera, and for end-to-end tests: `cached` gives an H.264 file to
be played in a loop as if it were a fixed camera, and the truth about it. Everything is drawn in
code; there are no assets.

Fractions are of the picture's width and height: x right, y down, origin at the top-left corner.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av

from edge.demo._play import play
from edge.demo._raster import Bytes, Camera
from edge.demo._scene import DEMO_DRIVES, DEMO_WALKS, Drive, Scene, Walk
from edge.demo._truth import Box, ClassName, Crossing, Direction, Point, Track, Truth

__all__ = [
    "DEMO_DRIVES",
    "DEMO_LINE",
    "DEMO_WALKS",
    "DEMO_ZONE",
    "RENDERER",
    "Camera",
    "Crossing",
    "Direction",
    "Drive",
    "Scene",
    "Track",
    "Truth",
    "Walk",
    "cached",
    "clip_path",
    "frames",
    "render",
]

RENDERER = 1
"""Version of the drawing; raise it with every change of what the frames show."""

DEMO_LINE: tuple[Point, Point] = ((0.47, 0.99), (0.47, 0.58))
"""Counting line over both pavements and the road, walked away from the camera; its left is the
picture's left."""

DEMO_ZONE: tuple[Point, ...] = ((0.614, 0.736), (0.813, 0.736), (0.879, 0.843), (0.638, 0.843))
"""The near half of the pedestrian crossing."""


def frames(scene: Scene | None = None) -> Iterator[Bytes]:
    """Draws the scene.

    Args:
        scene: The scene; None for the demo.

    Yields:
        (height, width, 3) uint8 BGR, each its own array.
    """
    for image, _ in play(scene or Scene()):
        yield image


def render(path: Path, scene: Scene | None = None) -> Truth:
    """Draws the scene into an H.264 MP4 and its truth beside it (`path` with suffix .json).

    Both files appear under their names only when complete, the clip last.

    Args:
        path: The clip to write, ending in .mp4.
        scene: The scene; None for the demo.

    Returns:
        The truth.
    """
    scene = scene or Scene()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    names: dict[int, ClassName] = {}
    seen: dict[int, list[tuple[int, list[Box]]]] = {}
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as file:
            stream = _h264(file, scene)
            for number, (image, boxes) in enumerate(play(scene)):
                picture = av.VideoFrame.from_ndarray(image, format="bgr24")
                picture = picture.reformat(
                    format="yuv420p",
                    src_color_range="JPEG",
                    dst_color_range="MPEG",
                    dst_colorspace="ITU709",
                )
                picture.pts = number
                file.mux(stream.encode(picture))
                for actor, (name, box) in boxes.items():
                    runs = seen.setdefault(actor, [])
                    if not runs or runs[-1][0] + len(runs[-1][1]) != number:
                        runs.append((number, []))
                    runs[-1][1].append(box)
                    names[actor] = name
            file.mux(stream.encode(None))
        truth = _truth(scene, names, seen)
        _publish(path.with_suffix(".json"), truth.to_json())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    # As a reader of the file will see it, rounding included.
    return Truth.from_json(truth.to_json())


def clip_path(folder: Path, scene: Scene | None = None) -> Path:
    """Where `cached` keeps a scene's clip: named by a hash of the scene and the renderer."""
    recipe = json.dumps([RENDERER, asdict(scene or Scene())], sort_keys=True)
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    return folder / f"street-{key}.mp4"


def cached(folder: Path, scene: Scene | None = None) -> tuple[Path, Truth]:
    """The scene's clip and truth, rendered only where missing.

    Args:
        folder: Where clips are kept.
        scene: The scene; None for the demo.

    Returns:
        Path of the clip, and the truth.
    """
    path = clip_path(folder, scene)
    if path.is_file():
        try:
            return path, Truth.from_json(path.with_suffix(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            pass  # The truth was lost or damaged: draw both again.
    return path, render(path, scene)


def _truth(
    scene: Scene, names: dict[int, ClassName], seen: dict[int, list[tuple[int, list[Box]]]]
) -> Truth:
    """The truth from each actor's runs of boxes.

    A hand or a foot swings into the picture and out again before the walker follows: only the
    longest run is the passage, the slivers are left out.
    """
    tracks = []
    for actor, runs in seen.items():
        first, boxes = max(runs, key=lambda run: len(run[1]))
        tracks.append(Track(names[actor], first, tuple(boxes)))
    tracks.sort(key=lambda track: track.first)
    return Truth(scene.camera.width, scene.camera.height, scene.fps, scene.count, tuple(tracks))


def _publish(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _h264(file: av.container.OutputContainer, scene: Scene) -> av.VideoStream:
    """An H.264 stream as CCTV cameras send it: no B-frames, a keyframe every 2 s, 2 Mbit/s."""
    interval = str(2 * scene.fps)
    stream = file.add_stream("libx264", rate=scene.fps)
    stream.width, stream.height = scene.camera.width, scene.camera.height
    stream.pix_fmt = "yuv420p"
    stream.time_base = Fraction(1, scene.fps)
    stream.options = {
        "preset": "veryfast",
        "g": interval,
        "keyint_min": interval,
        "sc_threshold": "0",
        "bf": "0",
        "b": "2000000",
        "maxrate": "2500000",
        "bufsize": "4000000",
    }
    context = stream.codec_context
    context.color_range, context.colorspace = 1, 1  # limited, bt709
    context.color_primaries, context.color_trc = 1, 1
    return stream

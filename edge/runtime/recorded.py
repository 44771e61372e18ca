"""Recorded tracks: what a replay followed, as lines of JSON, so that rules are tried again on it.

A day of one camera is a few hundred megabytes and no picture. Rules run over it at thousands of
frames a second and say to the byte what they said on the recording itself: every number is written
so that it is read back unchanged. Events about the picture (frozen, covered, moved) need the
picture and are not in it; nor is what a changed mask, gate, detector or tracker would do.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.detections import ModelRef
from edge.errors import InputError
from edge.frame import Stamp
from edge.pipeline import Step
from edge.tracks import Tracks

SUFFIX = ".jsonl"
"""A file that ends so holds tracks; a recording never does."""

_FLOATS = ("xyxy", "confidence", "age", "velocity")
_COLUMNS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "xyxy": (np.float32, (-1, 4)),
    "confidence": (np.float32, (-1,)),
    "class_id": (np.int32, (-1,)),
    "track_id": (np.int64, (-1,)),
    "age": (np.float32, (-1,)),
    "velocity": (np.float32, (-1, 2)),
    "removed": (np.int64, (-1,)),
}


@dataclass(frozen=True)
class Seen:
    """One analysed frame of a tracks file.

    Attributes:
        stamp: When.
        tracks: Who was there; None where the gate saw no reason to look.
    """

    stamp: Stamp
    tracks: Tracks | None


def header(camera: str, clip_sha256: str, model: ModelRef) -> str:
    """The first line of a tracks file.

    Args:
        camera: Whose tracks.
        clip_sha256: Of the recording; gives the same identifiers as a replay of it.
        model: The detector behind them.
    """
    return _line(
        {
            "tracks": 1,
            "camera": camera,
            "clip_sha256": clip_sha256,
            "model": {"name": model.name, "sha256": model.sha256, "labels": list(model.labels)},
        }
    )


def row(step: Step) -> str:
    """One step's line."""
    stamp = step.frame.stamp
    plain: dict[str, Any] = {
        "index": stamp.index,
        "pts": stamp.pts,
        "at": stamp.captured_at.isoformat(),
        "clock_ms": stamp.clock_ms,
    }
    if step.tracks is not None:
        plain["size_wh"] = list(step.tracks.size_wh)
        for name in _COLUMNS:
            column = getattr(step.tracks, name)
            plain[name] = _shortest(column) if name in _FLOATS else column.tolist()
    return _line(plain)


class TracksFile:
    """A tracks file opened for reading.

    Args:
        path: The file.

    Attributes:
        camera: Whose tracks.
        clip_sha256: Of the recording they were made from.
        model: The detector behind them.

    Raises:
        InputError: It cannot be read, or does not begin as a tracks file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = self._lines()
        _, plain = next(lines, (1, {}))
        lines.close()
        try:
            plain = plain if plain["tracks"] == 1 else {}
            self.camera = str(plain["camera"])
            self.clip_sha256 = str(plain["clip_sha256"])
            bytes.fromhex(self.clip_sha256)
            model = plain["model"]
            self.model = ModelRef(model["name"], model["sha256"], tuple(model["labels"]))
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"{path}:1: is no header of a tracks file; expected a file that "
                "`edge replay CLIP --tracks-out FILE` wrote"
            ) from None

    def frames(self) -> Iterator[Seen]:
        """Every frame, in order.

        Raises:
            InputError: A line is damaged; says which.
        """
        before = float("-inf")
        lines = self._lines()
        next(lines)
        for number, plain in lines:
            try:
                seen = self._seen(plain)
            except KeyError as exc:
                raise InputError(f"{self._path}:{number}: {exc} is missing{_REMEDY}") from None
            except (TypeError, ValueError) as exc:
                raise InputError(f"{self._path}:{number}: {exc}{_REMEDY}") from None
            if seen.stamp.pts < before:
                raise InputError(
                    f"{self._path}:{number}: pts {seen.stamp.pts:g} is before {before:g}{_REMEDY}"
                )
            before = seen.stamp.pts
            yield seen

    def _seen(self, plain: dict[str, Any]) -> Seen:
        at = datetime.fromisoformat(plain["at"])
        stamp = Stamp(self.camera, plain["index"], plain["pts"], at, plain["clock_ms"])
        if "track_id" not in plain:
            return Seen(stamp, None)
        columns = {
            name: np.array(plain[name], dtype).reshape(shape)
            for name, (dtype, shape) in _COLUMNS.items()
        }
        labels = len(self.model.labels)
        if len(columns["class_id"]) and not 0 <= columns["class_id"].max() < labels:
            raise ValueError(f"class_id {columns['class_id'].max()}: expected 0 to {labels - 1}")
        width, height = plain["size_wh"]
        return Seen(stamp, Tracks(stamp, (width, height), self.model, **columns))

    def _lines(self) -> Generator[tuple[int, dict[str, Any]], None, None]:
        try:
            with self._path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    try:
                        plain = json.loads(line)
                    except ValueError:
                        raise InputError(
                            f"{self._path}:{number}: is not JSON, or was cut off{_REMEDY}"
                        ) from None
                    if not isinstance(plain, dict):
                        raise InputError(f"{self._path}:{number}: expected a JSON object{_REMEDY}")
                    yield number, plain
        except OSError as exc:
            raise InputError(
                f"{self._path}: cannot be read: {exc.strerror}; check the path"
            ) from None
        except UnicodeDecodeError:
            raise InputError(f"{self._path}: is not UTF-8 text{_REMEDY}") from None


_REMEDY = "; record the tracks again with `edge replay CLIP --tracks-out FILE`"


def _line(plain: dict[str, Any]) -> str:
    return json.dumps(plain, separators=(",", ":")) + "\n"


def _shortest(column: NDArray[np.float32]) -> Sequence[Any]:
    """Plain numbers that give the same float32 again, written with as few digits as that takes."""
    flat = [float(str(value)) for value in column.ravel()]
    if column.ndim == 1:
        return flat
    width = column.shape[1]
    return [flat[start : start + width] for start in range(0, len(flat), width)]

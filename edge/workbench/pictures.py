"""Pictures from a folder, as the frames a camera would have given."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.frame import Colour, Frame, Stamp

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")

_STAMP = Stamp("workbench", 0, 0.0, datetime(2026, 1, 1, tzinfo=timezone.utc), 0)


def listed(folder: Path, n_pictures: int | None = None) -> list[Path]:
    """Pictures of a folder, by name; not of the folders in it.

    Args:
        folder: Where they lie.
        n_pictures: At most so many, evenly spread over the names; None takes all.

    Raises:
        InputError: There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of pictures, got none; give another DIR")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(
            f"{folder}: expected pictures ({', '.join(SUFFIXES)}), got none; give another DIR"
        )
    if n_pictures is None or n_pictures >= len(found):
        return found
    return [found[i * len(found) // n_pictures] for i in range(n_pictures)]


def read_frame(path: Path) -> Frame:
    """Read a picture as a frame: YUV 4:2:0, BT.601, limited range, as most cameras send it.

    A note in the file that the picture be turned is ignored: annotations are about the pixels.

    Raises:
        InputError: It is no picture.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise InputError(f"{path}: cannot be read as a picture; remove it from the folder")
    height, width = bgr.shape[:2]
    # OpenCV converts even sizes only; the doubled last row or column is cut off again.
    even = cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    rows, columns = even.shape[:2]
    planes: NDArray[np.uint8] = np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420), np.uint8)
    y, u, v = np.split(planes.reshape(-1), [rows * columns, rows * columns * 5 // 4])
    half = (rows // 2, columns // 2)
    luma = np.ascontiguousarray(y.reshape(rows, columns)[:height, :width])
    return Frame(_STAMP, luma, u.reshape(half), v.reshape(half), Colour("bt601"))

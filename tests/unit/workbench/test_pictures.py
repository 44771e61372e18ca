"""Pictures become the frames a camera would have sent."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import InputError
from edge.workbench.pictures import listed, read_frame


@pytest.mark.parametrize("size_wh", [(1, 1), (5, 3), (8, 6), (7, 6)])
def test_a_picture_of_any_size_keeps_it_and_its_colours(
    tmp_path: Path, size_wh: tuple[int, int]
) -> None:
    """Also odd sizes: luma is as large as the picture, and a plain colour comes back."""
    width, height = size_wh
    cv2.imwrite(str(tmp_path / "a.png"), np.full((height, width, 3), (30, 90, 200), np.uint8))
    frame = read_frame(tmp_path / "a.png")
    assert frame.size_wh == size_wh
    y, u, v = (float(plane.mean()) for plane in (frame.y, frame.u, frame.v))
    # BT.601, limited range, of R 200, G 90, B 30.
    assert y == pytest.approx(16 + (65.5 * 200 + 128.6 * 90 + 25.0 * 30) / 255, abs=1)
    assert u == pytest.approx(128 + (-37.8 * 200 - 74.2 * 90 + 112 * 30) / 255, abs=1)
    assert v == pytest.approx(128 + (112 * 200 - 93.8 * 90 - 18.2 * 30) / 255, abs=1)


def test_a_few_are_spread_over_the_folder(tmp_path: Path) -> None:
    """In the order of their names; what is no picture is passed over."""
    for n in range(10):
        (tmp_path / f"{n}.JPG").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.stem for path in listed(tmp_path)] == list("0123456789")
    assert [path.stem for path in listed(tmp_path, 4)] == ["0", "2", "5", "7"]
    assert len(listed(tmp_path, 99)) == 10


def test_no_folder_no_pictures_and_no_picture_are_told(tmp_path: Path) -> None:
    """Each names the path."""
    with pytest.raises(InputError, match=f"{tmp_path}/none: expected a folder of pictures"):
        listed(tmp_path / "none")
    with pytest.raises(InputError, match=f"{tmp_path}: expected pictures"):
        listed(tmp_path)
    (tmp_path / "a.jpg").write_text("not a picture")
    with pytest.raises(InputError, match=r"a\.jpg: cannot be read as a picture"):
        read_frame(tmp_path / "a.jpg")

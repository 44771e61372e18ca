"""A small log of every sort of record, with personal parts, an erasure and several heads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.audit.small_log import fill


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Folder of such a log."""
    folder = tmp_path / "audit"
    fill(folder)
    return folder


@pytest.fixture
def copies(small: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes copies of it, the private key left behind."""
    files = {
        file.name: file.read_bytes()
        for file in small.iterdir()
        if file.is_file() and file.name not in ("lock", "log.key")
    }
    made: list[Path] = []

    def copy() -> Path:
        folder = tmp_path / f"copy-{len(made)}"
        made.append(folder)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder

    return copy

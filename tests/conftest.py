"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code; benchmarks measure.
settings.register_profile("edge", deadline=None)
settings.load_profile("edge")

REPOSITORY = Path(__file__).resolve().parent.parent


def shared_folder() -> Path | None:
    """The folder with real clips, models and sequences: `$EDGE_SHARED`, else `../shared`."""
    place = Path(os.environ.get("EDGE_SHARED", REPOSITORY.parent / "shared"))
    return place if place.is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real clips, models and sequences, or a skip."""
    place = shared_folder()
    if place is None:
        pytest.skip("no shared test material: set EDGE_SHARED to a folder with clips and models")
    return place

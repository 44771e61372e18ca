"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real clips, models and sequences, or a skip that says where it was sought."""
    places = [Path(os.environ["EDGE_SHARED"])] if "EDGE_SHARED" in os.environ else []
    places.append(REPOSITORY.parent / "shared")
    for place in places:
        if place.is_dir():
            return place
    pytest.skip(f"no shared test material at {', '.join(map(str, places))} (set EDGE_SHARED)")

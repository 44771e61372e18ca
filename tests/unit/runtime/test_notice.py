"""What the control room reads about the configuration."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.config import Config, Problem, load
from edge.message import MAX_BYTES, encode
from edge.runtime.notice import MOST_LISTED, in_force, refused

GOOD = Path(__file__).resolve().parents[2] / "config" / "good"
AT = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("CAM_USER", "viewer")
    monkeypatch.setenv("CAM_PASSWORD", "hunter2")
    return load(GOOD)


def test_refused_files_name_what_stays_and_what_is_wrong(config: Config) -> None:
    """Places are relative to the folder; warnings are not reasons; the line itself is not sent."""
    error = Problem(
        str(GOOD / "cameras/gate.yaml"), 4, 3, "zones.yard", "has no area", "move it", source="x"
    )
    warning = Problem(str(GOOD / "appliance.yaml"), 1, 1, "", "old", severity="warning")

    notice = refused(config, [warning, error], AT)

    assert (notice.state, notice.config, notice.n_problems) == ("refused", config.sha256, 1)
    assert notice.problems is not None
    assert notice.problems[0].file == "cameras/gate.yaml"
    assert b'"x"' not in encode(notice)


def test_many_long_problems_fit_into_a_message(config: Config) -> None:
    """They are counted, and the first are listed."""
    long = Problem("f" * 120, 1, 1, "é" * 400, "é" * 400, "é" * 400)

    notice = refused(config, [long] * 500, AT)

    assert notice.n_problems == 500
    assert notice.problems is not None
    assert len(notice.problems) <= MOST_LISTED
    assert len(encode(notice)) <= MAX_BYTES


def test_what_is_in_force_has_no_problems(config: Config) -> None:
    """An empty list is left out."""
    notice = in_force(config, AT)
    assert (notice.state, notice.n_problems, notice.problems) == ("in_force", 0, None)

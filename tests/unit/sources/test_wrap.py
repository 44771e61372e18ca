"""Timestamps that begin again at zero run on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources._wrap import MPEG_TS_S, Unwrapper
from edge.sources.file import Options
from tests.clips import encode


@given(st.floats(0, 1e6), st.lists(st.floats(-40_000, 40_000), max_size=30))
def test_steps_shorter_than_half_a_period_survive_any_wrap(
    start: float, steps: list[float]
) -> None:
    """Also backwards, as presentation times go with B-frames."""
    unwrap = Unwrapper(MPEG_TS_S).unwrap
    true_s = start
    first = unwrap(true_s % MPEG_TS_S)
    for step in steps:
        true_s += step
        assert unwrap(true_s % MPEG_TS_S) - first == pytest.approx(true_s - start, abs=1e-4)


@pytest.mark.parametrize(
    "before_s", [1.4, 30.0, 4000.0], ids=["in the first second", "within a minute", "an hour on"]
)
def test_a_recording_runs_on_over_mpeg_ts_s_wrap(tmp_path: Path, before_s: float) -> None:
    """Durations are right to the tick, wherever in its 26.5 hours the recording begins."""
    n, spread = 40, max(1, round(before_s / 2))
    offset = {"output_ts_offset": f"{MPEG_TS_S - before_s:.6f}"}
    clip = encode(
        tmp_path / "clip.ts",
        n_frames=n,
        ticks=[index * spread for index in range(n)],
        b_frames=2,
        container_options=offset,
    )
    packets = list(Options(kind="file", path=clip, realtime=False).open().packets())
    shown = sorted(packet.pts for packet in packets)
    assert shown[-1] > before_s
    assert [round(b - a, 3) for a, b in pairwise(shown)] == [round(spread / 10, 3)] * (n - 1)
    assert all(a.dts <= b.dts for a, b in pairwise(packets))


def test_a_recording_runs_on_over_two_wraps(tmp_path: Path) -> None:
    """Three days in one stream."""
    n = 60
    clip = encode(
        tmp_path / "days.ts", n_frames=n, fps=1, ticks=[index * 4000 for index in range(n)]
    )
    packets = list(Options(kind="file", path=clip, realtime=False).open().packets())
    steps = [round(b.pts - a.pts, 3) for a, b in pairwise(packets)]
    assert packets[-1].pts > 2 * MPEG_TS_S
    assert steps == [4000.0] * (n - 1)

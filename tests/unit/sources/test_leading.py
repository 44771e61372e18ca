"""The first packets of a stream get the times that FFmpeg leaves out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.sources._leading import LONGEST_REORDER, Demuxed, with_leading_times

Times = list[tuple[float | None, float | None]]


def completed(times: Times) -> Times:
    packets = (Demuxed(b"", pts, dts, index == 0, None) for index, (pts, dts) in enumerate(times))
    return [(packet.pts, packet.dts) for packet in with_leading_times(packets)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            [(None, None), (1, 1), (2, 2)], [(0, 0), (1, 1), (2, 2)], id="as FFmpeg gives RTSP"
        ),
        pytest.param(
            [(None, None), (4, None), (3, None), (6, 3), (5, 4)],
            [(2, 0), (4, 1), (3, 2), (6, 3), (5, 4)],
            id="with B-frames",
        ),
        pytest.param([(0, 0), (1, 1)], [(0, 0), (1, 1)], id="nothing is missing"),
        pytest.param([(0, 0), (None, None)], [(0, 0), (None, None)], id="missing later"),
        pytest.param([(None, None), (None, None)], [(None, None)] * 2, id="no times at all"),
        pytest.param([(5, None), (6, None)], [(5, None), (6, None)], id="never a decoding time"),
        pytest.param([(None, None), (1, 1)], [(None, None), (1, 1)], id="over too soon"),
        pytest.param([], [], id="no packet"),
    ],
)
def test_missing_times_are_counted_back(given: Times, expected: Times) -> None:
    """Every packet comes out, in order, with what could be told."""
    assert completed(given) == expected


def test_a_stream_without_decoding_times_is_held_back_no_longer_than_reordering_takes() -> None:
    """It is waited for the first decoding time, not for ever."""
    asked = []

    def endless() -> Iterator[Demuxed]:
        while True:
            asked.append(1)
            yield Demuxed(b"", None, None, False, None)

    next(with_leading_times(endless()))
    assert len(asked) == LONGEST_REORDER

"""Assignment: the best sum above the gate."""

from __future__ import annotations

import numpy as np
import pytest

from edge.trackers._assign import assign


@pytest.mark.parametrize(
    ("likeness", "pairs"),
    [
        pytest.param([[0.9, 0.1], [0.1, 0.9]], [(0, 0), (1, 1)], id="plain"),
        pytest.param([[0.8, 0.7], [0.7, 0.1]], [(0, 1), (1, 0)], id="sum, not greed"),
        pytest.param([[0.9, 0.25], [0.25, 0.1]], [(0, 0)], id="one good pair beats two poor ones"),
        pytest.param([[0.2, 0.1]], [], id="at the gate is outside"),
        pytest.param([[0.1, 0.3, 0.9]], [(0, 2)], id="more columns"),
        pytest.param([[0.3], [0.9], [0.1]], [(1, 0)], id="more rows"),
    ],
)
def test_assign(likeness: list[list[float]], pairs: list[tuple[int, int]]) -> None:
    """Each row and column is used once, and nothing at or below the gate."""
    rows, columns = assign(np.array(likeness), 0.2)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == pairs


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_assign_nothing(shape: tuple[int, int]) -> None:
    """Nothing on one side gives no pairs."""
    rows, columns = assign(np.empty(shape), 0.2)
    assert (len(rows), len(columns)) == (0, 0)

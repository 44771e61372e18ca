"""Rows: the pictures of a batch, apart and together again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.detectors import Tensor, Tensors


def apart(tensors: Tensors) -> list[dict[str, Tensor]]:
    """Each picture of a batch as a batch of one; views, nothing is copied."""
    n = min(map(len, tensors.values()), default=0)
    return [{name: value[row : row + 1] for name, value in tensors.items()} for row in range(n)]


def together(rows: Sequence[Tensors]) -> dict[str, Tensor]:
    """Batches of one as one batch; at least one."""
    if len(rows) == 1:
        return dict(rows[0])
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

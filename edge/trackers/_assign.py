"""Assignment: which box belongs to which track.

Pure. The optimum over all pairs, by scipy; pairs outside the gate are never made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(
    likeness: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair rows with columns so that the likeness above the gate is largest in sum.

    What is summed is `likeness - least`, not a large penalty for pairs outside the gate: with a
    penalty, two poor pairs would be preferred to one good pair and two left alone.

    Args:
        likeness: (N, M), higher is more alike. May be empty in either direction.
        least: Pairs at or below this stay unpaired.

    Returns:
        (K,) row and (K,) column indices of the pairs, rows ascending.
    """
    # 0.3 s to import, which every command would pay that only reads options.
    from scipy.optimize import linear_sum_assignment

    gain = np.maximum(likeness - least, 0.0)
    # Rows and columns that fit nothing are most of the matrix; without them it is solved faster.
    rows, columns = gain.any(axis=1).nonzero()[0], gain.any(axis=0).nonzero()[0]
    gain = gain[rows[:, None], columns]
    row, column = linear_sum_assignment(gain, maximize=True)
    is_paired = gain[row, column] > 0
    return rows[row[is_paired]], columns[column[is_paired]]

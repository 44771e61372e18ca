"""Scoring as the MOT challenge does, by TrackEval (MIT): `pip install trackeval==1.3.0`.

Boxes go to TrackEval as MOT17 text files and through its own `MotChallenge2DBox`: only
pedestrians that are marked to be considered count, and what a tracker reports on a person in a
vehicle, a static person, a distractor or a reflection (IoU >= 0.5) neither counts for nor against.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PEDESTRIAN = 1
Rows = NDArray[np.float64]


@dataclass
class Clip:
    """One sequence: truth and what a tracker gave, frames numbered from 1 without holes.

    Attributes:
        truth: MOT17 rows: frame, id, left, top, width, height, considered, class, visibility.
        found: Rows: frame, id, left, top, width, height.
        n_frames: How many frames it has.
    """

    truth: list[Sequence[float]] = field(default_factory=list)
    found: list[Sequence[float]] = field(default_factory=list)
    n_frames: int = 0


@dataclass(frozen=True)
class Score:
    """Percentages over all sequences together, and HOTA of each."""

    hota: float
    detection: float
    association: float
    idf1: float
    mota: float
    each: Mapping[str, float]


def score(sequences: Mapping[str, Clip]) -> Score:
    """Score some sequences of one tracker.

    Args:
        sequences: By name.

    Returns:
        HOTA with its two parts, IDF1 and MOTA.
    """
    from trackeval.datasets import MotChallenge2DBox
    from trackeval.metrics import CLEAR, HOTA, Identity

    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(scratch)
        for name, sequence in sequences.items():
            _write(folder / "truth" / name / "gt" / "gt.txt", sequence.truth, "")
            _write(folder / "found" / "it" / "data" / f"{name}.txt", sequence.found, ",1,-1,-1,-1")
        dataset = MotChallenge2DBox(
            {
                "GT_FOLDER": str(folder / "truth"),
                "TRACKERS_FOLDER": str(folder / "found"),
                "SEQ_INFO": {name: sequence.n_frames for name, sequence in sequences.items()},
                "SKIP_SPLIT_FOL": True,
                "BENCHMARK": "MOT17",
                "TRACKERS_TO_EVAL": ["it"],
                "PRINT_CONFIG": False,
            }
        )
        for metric in (HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})):
            parts = {}
            for name in sequences:
                raw = dataset.get_raw_seq_data("it", name)
                prepared = dataset.get_preprocessed_seq_data(raw, "pedestrian")
                parts[name] = metric.eval_sequence(prepared)
            found[metric.get_name()] = {**parts, "all": metric.combine_sequences(parts)}
    whole = found["HOTA"]["all"]
    hota, detection, association = (
        100 * float(np.mean(whole[key])) for key in ("HOTA", "DetA", "AssA")
    )
    return Score(
        hota,
        detection,
        association,
        100 * float(found["Identity"]["all"]["IDF1"]),
        100 * float(found["CLEAR"]["all"]["MOTA"]),
        {name: 100 * float(np.mean(found["HOTA"][name]["HOTA"])) for name in sequences},
    )


def _write(path: Path, rows: Sequence[Sequence[float]], rest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (",".join(f"{value:.10g}" for value in row) + rest for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

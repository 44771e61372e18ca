"""The rendered street's truth in the format of `edge score`: from its drawing, not from a look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from edge.demo.street import DEMO_LINE, DEMO_ZONE, Track, Truth
from edge.geometry import contains

DWELL_S, LEAVE_S = 0.5, 1.0
"""The defaults of `zone_entry`, which the demo's rule has: what it calls an entry."""

UNSURE_S = 0.25
"""A stay longer than the dwell by less than two analysed pictures may be seen as shorter."""


def lines(truth: Truth) -> str:
    """A truth file of the demo's camera, its line and its zone."""
    header = {
        "truth": 1,
        "camera": "demo-street",
        "clip": "the rendered street",
        "fps": truth.fps,
        "seconds": truth.count / truth.fps,
        "rules": ["crossing", "entry"],
        "labelled_by": "drawn: every box is known",
        "early": 1.0,
        "late": 2.0,
        "tags": {"light": "day", "view": "rendered"},
    }
    happened: list[dict[str, Any]] = [
        {
            "rule": "crossing",
            "at": round(crossing.seconds, 2),
            "direction": crossing.direction,
            "class": crossing.name,
        }
        for crossing in truth.crossings(DEMO_LINE)
    ]
    happened += [
        {"rule": "entry", "at": round(at / truth.fps, 2), "class": track.name}
        | ({"doubtful": True} if n_frames / truth.fps < DWELL_S + UNSURE_S else {})
        for track in truth.tracks
        for at, n_frames in _entries(track, truth.fps)
    ]
    happened.sort(key=lambda one: (one["at"], one["rule"], one["class"]))
    return "".join(json.dumps(row) + "\n" for row in (header, *happened))


def _entries(track: Track, fps: int) -> Iterator[tuple[int, int]]:
    """Frames at which an object comes into the zone and stays for the dwell, and how many."""
    feet = [((left + right) / 2, bottom) for left, _, right, bottom in track.boxes]
    is_inside = contains(DEMO_ZONE, np.array(feet)).tolist()
    at = track.first
    is_in = False
    for inside, run in groupby(is_inside):
        n = len(list(run))
        if inside and not is_in and n >= DWELL_S * fps:
            is_in = True
            yield at, n
        elif not inside and n >= LEAVE_S * fps:
            is_in = False
        at += n

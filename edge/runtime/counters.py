"""Counters: what happened to one camera's pictures and events since its start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Counters:
    """What happened since the start; everything dropped is in one of them."""

    n_frames: int = 0
    n_looked: int = 0
    n_passed: int = 0
    n_skipped: int = 0
    n_corrupt: int = 0
    n_withheld: int = 0
    n_stalled: int = 0
    n_events: int = 0
    n_unstored: int = 0

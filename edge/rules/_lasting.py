"""Lasting: a condition that must last before it counts, and may lapse for a moment. Pure."""

from __future__ import annotations


class Lasting:
    """Whether something has gone on for long enough, and not ended yet.

    Args:
        seconds: For how long, before it counts.
        grace_s: A lapse shorter than this interrupts nothing; one at least this long ends it.
    """

    def __init__(self, seconds: float, grace_s: float) -> None:
        self._seconds = seconds
        self._grace_s = grace_s
        self._since: float | None = None
        self._last = 0.0
        self._holds = False

    def update(self, now: float, *, is_so: bool) -> bool:
        """Note whether it is so at a stream time, and tell whether it counts."""
        if is_so:
            if self._since is None:
                self._since = now
            self._last = now
            self._holds |= now - self._since >= self._seconds
        elif self._since is not None and now - self._last >= self._grace_s:
            self.forget()
        return self._holds

    def forget(self) -> None:
        """Begin anew."""
        self._since, self._holds = None, False

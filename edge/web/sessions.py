"""Sessions: who is logged in, for how long, and how often somebody may try.

Pure: time and randomness come in. What a browser holds is random and is kept here as a hash, so
that nobody who reads this process's memory dump can go on with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from edge.web.users import Role

IDLE_S = 30 * 60.0
"""A session that asks for nothing for this long has ended; somebody left the tablet."""

LONGEST_S = 10 * 3600.0
"""A session ends after this in any case: a working day."""

MOST_SESSIONS = 64

FREE_TRIES = 5
"""Wrong passwords before each further one has to wait."""

LONGEST_WAIT_S = 300.0
FORGIVE_S = 3600.0
"""Without a wrong password for this long, earlier ones are forgotten."""


@dataclass(slots=True)
class Session:
    """Somebody who is logged in.

    Attributes:
        user: Their name.
        role: What they may do.
        csrf: What a changing request must bring besides the cookie.
        began: When they logged in, in seconds of the clock given.
        seen: When they last asked for something.
        kept: Their password as it was kept when they logged in; a new one ends the session.
    """

    user: str
    role: Role
    csrf: str
    began: float
    seen: float
    kept: str = ""


class Sessions:
    """All that are open; they end with the process.

    Args:
        token: Gives a random text that cannot be guessed.
    """

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._open: dict[bytes, Session] = {}

    def begin(self, user: str, role: Role, now: float, kept: str = "") -> str:
        """Log somebody in.

        Args:
            user: Their name.
            role: What they may do.
            now: In seconds of the clock given.
            kept: Their password as it is kept; empty where they need none.

        Returns:
            What their browser is to hold.
        """
        self._end_old(now)
        while len(self._open) >= MOST_SESSIONS:
            del self._open[min(self._open, key=lambda key: self._open[key].seen)]
        token = self._token()
        self._open[_key(token)] = Session(user, role, self._token(), now, now, kept)
        return token

    def find(self, token: str, now: float) -> Session | None:
        """The session of a browser, which is seen by this; None where it has none or it ended."""
        session = self.peek(token, now)
        if session is not None:
            session.seen = now
        return session

    def peek(self, token: str, now: float) -> Session | None:
        """The same, without being a sign that somebody is there."""
        self._end_old(now)
        return self._open.get(_key(token))

    def end(self, token: str) -> None:
        """Log out; nothing happens where nobody is logged in."""
        self._open.pop(_key(token), None)

    def end_of(self, user: str) -> None:
        """Log somebody out everywhere."""
        self._open = {key: s for key, s in self._open.items() if s.user != user}

    def _end_old(self, now: float) -> None:
        self._open = {
            key: session
            for key, session in self._open.items()
            if now - session.seen <= IDLE_S and now - session.began <= LONGEST_S
        }


@dataclass(slots=True)
class _Tries:
    n_wrong: int = 0
    last: float = 0.0


class Brake:
    """Slows down who guesses passwords, by the name tried and by the address it comes from.

    Args:
        most: Names and addresses remembered; beyond it the oldest are forgotten, so that an attack
            from many cannot take the memory.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._tries: dict[str, _Tries] = {}

    def wait_s(self, now: float, *names: str) -> float:
        """How long until the next try is heard; 0 if now."""
        return max((self._wait_s(self._tries.get(name), now) for name in names), default=0.0)

    def wrong(self, now: float, *names: str) -> None:
        """A password was wrong."""
        for name in names:
            tries = self._tries.pop(name, _Tries())
            if now - tries.last > FORGIVE_S:
                tries.n_wrong = 0
            tries.n_wrong, tries.last = tries.n_wrong + 1, now
            self._tries[name] = tries  # the newest stand last
        while len(self._tries) > self._most:
            del self._tries[next(iter(self._tries))]

    def right(self, *names: str) -> None:
        """A password was right: earlier slips are forgotten."""
        for name in names:
            self._tries.pop(name, None)

    @staticmethod
    def _wait_s(tries: _Tries | None, now: float) -> float:
        if tries is None or tries.n_wrong < FREE_TRIES or now - tries.last > FORGIVE_S:
            return 0.0
        pause = min(2.0 ** (tries.n_wrong - FREE_TRIES), LONGEST_WAIT_S)
        return max(0.0, tries.last + pause - now)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

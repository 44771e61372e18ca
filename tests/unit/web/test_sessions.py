"""Sessions end, guesses wait, and neither takes memory without bound."""

from __future__ import annotations

from itertools import count

import pytest

from edge.web.sessions import (
    FORGIVE_S,
    FREE_TRIES,
    IDLE_S,
    LONGEST_S,
    LONGEST_WAIT_S,
    MOST_SESSIONS,
    Brake,
    Sessions,
)


@pytest.fixture
def sessions() -> Sessions:
    numbers = count()
    return Sessions(lambda: f"token-{next(numbers)}")


def test_a_session_lasts_while_it_is_used(sessions: Sessions) -> None:
    """But no longer than a working day."""
    token = sessions.begin("sam", "viewer", 0.0)
    now = 0.0
    while now < LONGEST_S:
        session = sessions.find(token, now)
        assert session is not None
        assert (session.user, session.role) == ("sam", "viewer")
        now += IDLE_S
    assert sessions.find(token, LONGEST_S + 1) is None


def test_a_session_nobody_uses_ends(sessions: Sessions) -> None:
    """A tablet left on the cabinet is no way in tomorrow."""
    token = sessions.begin("sam", "viewer", 0.0)
    assert sessions.find(token, IDLE_S + 1) is None
    assert sessions.find(token, 0.0) is None


def test_logging_out(sessions: Sessions) -> None:
    """Here, everywhere, and twice."""
    here, there = sessions.begin("sam", "viewer", 0.0), sessions.begin("sam", "viewer", 0.0)
    sessions.end(here)
    sessions.end(here)
    assert sessions.find(here, 1.0) is None
    assert sessions.find(there, 1.0) is not None
    sessions.end_of("sam")
    assert sessions.find(there, 1.0) is None


def test_the_longest_unseen_makes_room(sessions: Sessions) -> None:
    """Sessions are bounded."""
    tokens = [sessions.begin(f"user-{n}", "viewer", float(n)) for n in range(MOST_SESSIONS)]
    assert sessions.find(tokens[0], 100.0) is not None
    sessions.begin("one-more", "viewer", 101.0)
    assert sessions.find(tokens[0], 102.0) is not None
    assert sessions.find(tokens[1], 102.0) is None


def test_each_session_has_its_own_proof(sessions: Sessions) -> None:
    """What a changing request must bring is not what the cookie holds."""
    tokens = [sessions.begin("sam", "technician", 0.0) for _ in range(2)]
    proofs = {session.csrf for token in tokens if (session := sessions.find(token, 0.0))}
    assert len(proofs | set(tokens)) == 4


def test_a_guesser_waits_longer_each_time() -> None:
    """Five slips are free; a thousand guesses take days."""
    brake, now, n_tried = Brake(), 0.0, 0
    while now < 24 * 3600:
        now += brake.wait_s(now, "sam", "10.0.0.9")
        assert brake.wait_s(now, "sam", "10.0.0.9") == 0.0
        brake.wrong(now, "sam", "10.0.0.9")
        n_tried += 1
        now += 0.1
    assert FREE_TRIES < n_tried < 24 * 3600 / LONGEST_WAIT_S + 20


def test_another_address_does_not_help_against_one_name() -> None:
    """The name waits, wherever the guess comes from; other names do not."""
    brake = Brake()
    for n in range(FREE_TRIES + 3):
        brake.wrong(0.0, "sam", f"10.0.0.{n}")
    assert brake.wait_s(0.0, "sam", "10.0.0.99") == 8.0
    assert brake.wait_s(0.0, "kim", "10.0.0.99") == 0.0


def test_slips_are_forgotten() -> None:
    """After the right password, and after an hour."""
    brake = Brake()
    for _ in range(FREE_TRIES + 1):
        brake.wrong(0.0, "sam")
    assert brake.wait_s(0.5, "sam") > 0
    assert brake.wait_s(FORGIVE_S + 1, "sam") == 0.0
    brake.right("sam")
    assert brake.wait_s(0.5, "sam") == 0.0


def test_an_attack_from_many_names_is_bounded() -> None:
    """The oldest are forgotten."""
    brake = Brake(most=10)
    for n in range(1000):
        brake.wrong(float(n), f"name-{n}")
    assert len(brake._tries) == 10

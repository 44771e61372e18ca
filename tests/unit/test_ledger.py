"""Which numbers are missing, however they arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ledger import Ledger

BOX = "westminster/cabinet-017"


def ledger(*numbers: int) -> Ledger:
    made = Ledger()
    for number in numbers:
        made.note(BOX, number, f"id-{number}")
    return made


def test_a_gap_is_said_once_and_can_be_filled() -> None:
    """The number after a gap names it; what fills it is late, not new."""
    made = ledger(5)
    assert made.note(BOX, 6, "id-6") == ("new", None)
    assert made.note(BOX, 9, "id-9") == ("new", (7, 8))
    assert made.accounts()[BOX].missing == ((7, 8),)
    assert made.note(BOX, 7, "id-7") == ("late", None)
    assert made.note(BOX, 8, "id-8") == ("late", None)
    assert made.note(BOX, 8, "id-8") == ("duplicate", None)
    account = made.accounts()[BOX]
    assert (account.missing, account.n_arrived, account.n_duplicates) == ((), 5, 1)
    assert account.is_whole


def test_what_came_before_the_first_is_no_gap() -> None:
    """A backlog that arrives after the live alert continues downwards."""
    made = ledger(100)
    assert made.note(BOX, 98, "id-98") == ("late", None)
    assert made.accounts()[BOX].missing == ((99, 99),)


def test_one_number_under_two_ids_is_two_boxes() -> None:
    """The hub reads that a name was given twice."""
    made = ledger(1, 2)
    assert made.note(BOX, 2, "another") == ("conflict", None)
    assert not made.accounts()[BOX].is_whole


def test_what_the_box_threw_away_it_has_said() -> None:
    """A declared loss is missing and no fault of the way."""
    made = ledger(1, 5, 9)
    made.lose(BOX, 2, 4)
    account = made.accounts()[BOX]
    assert account.missing == ((2, 4), (6, 8))
    assert account.declared == ((2, 4),)
    assert not account.is_whole
    made.lose(BOX, 5, 8)
    assert made.accounts()[BOX].is_whole


def test_boxes_are_kept_apart() -> None:
    """Each has numbers of its own."""
    made = ledger(1, 2)
    made.note("other/box", 7, "x")
    assert [account.missing for account in made.accounts().values()] == [(), ()]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_ranges_are_what_a_set_says(numbers: list[int]) -> None:
    """Any order, any repetition: missing, count and duplicates are those of the plain set."""
    made = ledger(*numbers)
    account = made.accounts()[BOX]
    seen = set(numbers)
    missing = {n for first, last in account.missing for n in range(first, last + 1)}
    assert missing == set(range(min(seen), max(seen) + 1)) - seen
    assert account.n_arrived == len(seen)
    assert account.n_duplicates == len(numbers) - len(seen)
    assert (account.first, account.last) == (min(seen), max(seen))


@pytest.mark.parametrize("n", [3])
def test_ranges_touch_and_join(n: int) -> None:
    """Filling the middle leaves one range."""
    made = ledger(1, n)
    made.note(BOX, 2, "id-2")
    assert made.accounts()[BOX].missing == ()

"""kill -9 while the vault encrypts and erases: what is listed is whole, what is gone is written."""

from __future__ import annotations

from pathlib import Path

from tests.soak.vault_killing import LIVES, round_of_lives


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Every item that is listed verifies; each that is gone has its line; a last life finishes."""
    found = round_of_lives(tmp_path, seed=7)
    assert found["kills"] == LIVES
    assert found["before it had ended"]

"""Who may log in: kept on the box, as hashes, with no default."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import InputError
from edge.web.users import Users, hashed, weakness

PASSWORD = "correct horse battery"  # noqa: S105
OTHER = "another long password"


def test_nobody_may_log_in_at_first(tmp_path: Path) -> None:
    """There is no default user and no default password."""
    users = Users(tmp_path)
    assert users.all() == ()
    assert users.check("admin", "admin") is None


def test_a_password_is_checked_and_not_kept(tmp_path: Path) -> None:
    """Right, wrong, and nobody of that name; the file is the service's alone."""
    users = Users(tmp_path)
    users.add("sam", "technician", PASSWORD)

    found = users.check("sam", PASSWORD)
    assert found is not None
    assert found.role == "technician"
    assert users.check("sam", PASSWORD + " ") is None
    assert users.check("kim", PASSWORD) is None
    assert PASSWORD not in users.file.read_text()
    assert users.file.stat().st_mode & 0o777 == 0o600


def test_a_running_service_sees_changes(tmp_path: Path) -> None:
    """A password changed, or a user removed, on the command line counts at once."""
    seen, changed = Users(tmp_path), Users(tmp_path)
    changed.add("sam", "viewer", PASSWORD)
    assert seen.check("sam", PASSWORD) is not None
    changed.add("sam", "viewer", OTHER)
    assert seen.check("sam", PASSWORD) is None
    changed.remove("sam")
    assert seen.all() == ()


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        pytest.param("sam", "short", "has 5 characters, expected 12 or more", id="short"),
        pytest.param("sam", "aaaaaaaabbbb", "repeats a few characters", id="repeats"),
        pytest.param("sam", "i-am-Sam-from-harbour", "contains the user's name", id="own name"),
        pytest.param("Sam Smith", PASSWORD, "expected 1 to 32 of a-z", id="name"),
        pytest.param("../sam", PASSWORD, "expected 1 to 32 of a-z", id="path"),
    ],
)
def test_what_cannot_be_taken(tmp_path: Path, name: str, password: str, said: str) -> None:
    """The reason is given, the password is not repeated, nobody is added."""
    users = Users(tmp_path)
    with pytest.raises(InputError) as raised:
        users.add(name, "viewer", password)
    assert said in str(raised.value)
    assert password not in str(raised.value)
    assert users.all() == ()


def test_a_broken_file_lets_nobody_in(tmp_path: Path) -> None:
    """And says how to repair it."""
    users = Users(tmp_path)
    users.file.write_text('[{"name": "sam"}]')
    with pytest.raises(InputError, match="make the users anew"):
        users.check("sam", PASSWORD)


@settings(max_examples=5, deadline=None)
@given(st.text(min_size=0, max_size=40))
def test_any_password_has_a_hash(password: str) -> None:
    """Each with a salt of its own."""
    assert hashed(password) != hashed(password)
    assert isinstance(weakness(password), str)

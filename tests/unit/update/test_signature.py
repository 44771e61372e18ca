"""Signatures of the real minisign program are believed, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import InputError
from edge.update.bundle import check_signature, trusted_keys
from edge.update.signature import read_signature
from tests.unit.update.conftest import Maker, make


def signed(folder: Path, maker: Maker, *more: str) -> Path:
    path = folder / "edge.tar"
    path.write_bytes(b"a release" * 1000)
    return maker.sign(path, *more)


@pytest.mark.parametrize("more", [("-H",), ("-l",)], ids=["prehashed", "of the file itself"])
def test_both_forms_are_believed(tmp_path: Path, maker: Maker, more: tuple[str, ...]) -> None:
    """With the comment the maker signed."""
    path = signed(tmp_path, maker, *more)
    said = check_signature(path, tmp_path / "edge.tar.minisig", trusted_keys(maker.keys))
    assert said == "edge test (key maker.pub)"


def test_another_makers_signature_is_refused(tmp_path: Path, maker: Maker) -> None:
    """It names both keys."""
    path = signed(tmp_path, make(tmp_path, "stranger"))
    with pytest.raises(InputError, match=r"this box trusts [0-9A-F]{16} \(maker\.pub\)"):
        check_signature(path, tmp_path / "edge.tar.minisig", trusted_keys(maker.keys))


@pytest.mark.parametrize("change", ["bit", "cut", "grown"])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, maker: Maker, change: str) -> None:
    """One bit, a byte less, a byte more."""
    path = signed(tmp_path, maker)
    content = bytearray(path.read_bytes())
    if change == "bit":
        content[4000] ^= 1
    elif change == "cut":
        del content[-1:]
    else:
        content += b"x"
    path.write_bytes(content)
    with pytest.raises(InputError, match="forged, damaged or cut off"):
        check_signature(path, tmp_path / "edge.tar.minisig", trusted_keys(maker.keys))


def test_a_changed_comment_is_refused(tmp_path: Path, maker: Maker) -> None:
    """The comment says which release it is; it is signed as well."""
    path = signed(tmp_path, maker)
    signature = tmp_path / "edge.tar.minisig"
    signature.write_text(signature.read_text().replace("edge test", "edge 9.0"))
    with pytest.raises(InputError, match="forged"):
        check_signature(path, signature, trusted_keys(maker.keys))


def test_without_a_signature_it_says_what_is_missing(tmp_path: Path, maker: Maker) -> None:
    """A stick on which only one of the two files was put."""
    (tmp_path / "edge.tar").write_bytes(b"x")
    with pytest.raises(InputError, match=r"expected edge\.tar\.minisig beside it"):
        check_signature(
            tmp_path / "edge.tar", tmp_path / "edge.tar.minisig", trusted_keys(maker.keys)
        )


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | st.lists(st.text(alphabet="ABab09+/= :trusecom", max_size=120)).map("\n".join))
def test_what_is_no_signature_is_an_input_error(text: str) -> None:
    """Never anything else, whatever is in the file."""
    with pytest.raises(InputError, match="no minisign signature"):
        read_signature(text, "edge.tar.minisig")

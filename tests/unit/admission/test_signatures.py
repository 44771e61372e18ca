"""A signature is of one person, over one version, and cannot be lent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.admission import Policy
from edge.admission.signatures import (
    FILE,
    add_signature,
    new_key,
    read_signatures,
    sign,
    signed_text,
    verified,
)  # fmt: skip
from edge.errors import InputError
from tests.unit.admission.policies import keys, policy_as_data

SHA = hashlib.sha256(b"a policy").hexdigest()


@pytest.fixture
def governed(tmp_path: Path) -> Policy:
    """A policy whose approvers' keys lie in the test's folder."""
    return Policy.model_validate_json(json.dumps(policy_as_data(keys(tmp_path))))


def test_two_people_sign(tmp_path: Path, governed: Policy) -> None:
    """Both count, in one file, and signing twice counts once."""
    for name in ("analytics", "ethics", "ethics"):
        one = sign(tmp_path / f"{name}.pem", SHA, governed.approvers)
        valid = verified(read_signatures(tmp_path), SHA, governed.approvers)
        add_signature(tmp_path, one, SHA, set(valid))
    found = read_signatures(tmp_path)
    assert [one.by for one in found] == ["analytics", "ethics"]
    assert set(verified(found, SHA, governed.approvers)) == {"analytics", "ethics"}


def test_nothing_else_counts(tmp_path: Path, governed: Policy) -> None:
    """Another version, another name, another time, a flipped bit, a stranger's key: none."""
    one = sign(tmp_path / "ethics.pem", SHA, governed.approvers)
    others = [
        replace(one, by="analytics"),
        replace(one, at="2020-01-01T00:00:00Z"),
        replace(one, signature="A" + one.signature[1:]),
        replace(one, signature="not base64"),
        replace(one, by="nobody"),
    ]
    assert verified(tuple(others), SHA, governed.approvers) == {}
    assert verified((one,), hashlib.sha256(b"another").hexdigest(), governed.approvers) == {}
    new_key(tmp_path / "stranger.pem")
    with pytest.raises(InputError, match="no approver's"):
        sign(tmp_path / "stranger.pem", SHA, governed.approvers)


def test_the_signed_text_is_as_documented() -> None:
    """Another program can check it from docs/admission.md alone."""
    assert signed_text("ab", "ethics", "2026-11-24T10:00:00Z") == (
        b"edge-policy-v1\nab\nethics\n2026-11-24T10:00:00Z\n"
    )


def test_a_key_is_private_and_never_replaced(tmp_path: Path) -> None:
    """Mode 0600; a second one of the same name is an error."""
    new_key(tmp_path / "a.pem")
    assert (tmp_path / "a.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="never replaced"):
        new_key(tmp_path / "a.pem")


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    """It is not taken for no signatures."""
    (tmp_path / FILE).write_text("[]")
    with pytest.raises(InputError, match="delete the file and sign again"):
        read_signatures(tmp_path)

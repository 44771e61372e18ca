"""A sidecar: what it says comes back, and what is no sidecar is refused in words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EvidenceInvalid
from edge.evidence import sidecar as sidecars
from edge.evidence.sidecar import ModelUsed, Sidecar
from tests.unit.evidence.sidecar_builder import NOON, a_sidecar, event_id


def signed(said: dict[str, Any]) -> bytes:
    """As a file whose digest is right."""
    said = {key: value for key, value in said.items() if key != "digest"}
    body = json.dumps(said, indent=1).removesuffix("\n}").encode()
    return body + b',\n "digest": "%s"\n}\n' % hashlib.sha256(body).hexdigest().encode()


@given(
    number=st.integers(0, 2**50),
    said=st.fixed_dictionaries(
        {
            "media": st.sampled_from(["clip", "snapshot", "clean"]),
            "rule": st.text(max_size=40),
            "purpose": st.none() | st.text(max_size=40),
            "model": st.none() | st.just(ModelUsed("yolox-nano", "d" * 64)),
        }
    ),
    days=st.floats(-9000, 9000),
)
def test_what_it_says_comes_back(number: int, said: dict[str, Any], days: float) -> None:
    """Whatever it says, to the millisecond."""
    begin = NOON + timedelta(days=days)
    begin = begin.replace(microsecond=begin.microsecond // 1000 * 1000)
    made = a_sidecar(number, begin=begin, **said)
    assert Sidecar.from_json(made.to_json()) == made


def test_the_json_form() -> None:
    """Times are UTC with milliseconds; nothing known is null, not left out."""
    said = json.loads(a_sidecar().to_json())
    assert said["begin"] == "2026-11-23T12:00:00.000Z"
    assert said["v"] == 1
    assert said["model"] is None
    assert set(said) == {field.name for field in dataclasses.fields(Sidecar)} | {"digest"}


def test_fields_of_a_newer_release_are_ignored() -> None:
    """An older program lists what a newer one kept."""
    said = {**json.loads(a_sidecar().to_json()), "weather": "fog", "v": 2}
    assert Sidecar.from_json(signed(said)).v == 2


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_byte_is_found(place: int, bit: int) -> None:
    """Wherever it is."""
    text = bytearray(a_sidecar().to_json())
    text[place % len(text)] ^= 1 << bit
    with pytest.raises(EvidenceInvalid):
        Sidecar.from_json(bytes(text))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ref": "../../etc/passwd"}, "ref"),
        ({"ref": f"{event_id(2)}.mp4"}, "does not begin with its event"),
        ({"ref": f"{event_id(1)}.jpg"}, "a clip is named"),
        ({"media": "sound"}, "media"),
        ({"sha256": "abc"}, "sha256"),
        ({"bytes": -1}, "bytes"),
        ({"begin": "2026-11-23T12:00:00"}, "begin"),
        ({"end": "2026-11-23T11:00:00.000Z"}, "before begin"),
        ({"camera": "../x"}, "camera"),
    ],
)
def test_what_is_no_sidecar_is_refused(change: dict[str, object], words: str) -> None:
    """In words that name the file and the field."""
    said = {**json.loads(a_sidecar().to_json()), **change}
    with pytest.raises(EvidenceInvalid, match=words) as refused:
        Sidecar.from_json(signed(said), "day/cam/x.json")
    assert str(refused.value).startswith("day/cam/x.json: ")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_half_a_file_is_refused(text: bytes) -> None:
    """Never an item."""
    with pytest.raises(EvidenceInvalid):
        Sidecar.from_json(text)


def test_it_lies_in_the_folder_of_its_utc_day(tmp_path: Path) -> None:
    """Also where the clock on the wall says another day."""
    summer = datetime(2026, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    place = sidecars.folder(tmp_path, summer, "north")
    assert place == tmp_path / "2026-06-30" / "north"
    made = a_sidecar(begin=NOON)
    (tmp_path / "2026-11-23" / "north").mkdir(parents=True)
    path = sidecars.write(tmp_path, made)
    assert path.name == f"{made.ref}.json"
    assert sidecars.read(path) == made

"""The picture people are shown of an event is found by its id; nothing else is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.errors import EvidenceError
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from edge.runtime.kept_pictures import KeptPictures
from tests.unit.evidence.sidecar_builder import event_id, keep

KEY = Key(bytes(range(32)))


def day_of(number: int) -> datetime:
    """When an event was, by its id."""
    at_ms = int(event_id(number)[:13].replace("-", ""), 16)
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc)


def test_an_events_picture_is_found(tmp_path: Path) -> None:
    """Of whichever camera, also where its day is the one beside the id's."""
    pictures = KeptPictures(tmp_path, None)
    assert pictures.of(event_id(1)) is None
    for number, hours in ((1, 0), (2, -24), (3, 24)):
        begin = day_of(number) + timedelta(hours=hours)
        keep(tmp_path, number, b"jpeg %d" % number, media="snapshot", begin=begin)
        assert pictures.of(event_id(number)) == b"jpeg %d" % number


def test_neither_clean_pictures_nor_clips_are_given(tmp_path: Path) -> None:
    """They are for the evidence role."""
    keep(tmp_path, 1, media="clean", begin=day_of(1))
    keep(tmp_path, 1, media="clip", begin=day_of(1))
    pictures = KeptPictures(tmp_path, None)
    for name in (event_id(1), f"{event_id(1)}-clean", f"{event_id(1)}.mp4", "../../x", "f" * 36):
        assert pictures.of(name) is None
    assert pictures.of("ffffffff-ffff-7fff-8fff-ffffffffffff") is None


def test_an_encrypted_picture_is_shown_where_the_key_is(tmp_path: Path) -> None:
    """And refused, in words, where it is not."""
    keep(tmp_path, 1, b"jpeg", media="snapshot", begin=day_of(1))
    vault = Vault(tmp_path, key=KEY)
    (item,) = vault.scan()[0]
    vault.seal(item)
    assert KeptPictures(tmp_path, KEY).of(event_id(1)) == b"jpeg"
    with pytest.raises(EvidenceError, match="no key"):
        KeptPictures(tmp_path, None).of(event_id(1))

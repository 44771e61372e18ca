"""The vault: what is listed, what goes and what stays, over a week of a fake clock."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from edge.errors import EvidenceInvalid, InputError
from edge.evidence import erasures
from edge.evidence.keeper import Keeper
from edge.evidence.retention import Bounds, doomed, withheld
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from tests.unit.evidence.sidecar_builder import NOON, event_id, keep

MIB = 2**20
KEY = Key(bytes(range(32)))


def keeper(vault: Vault, free: int = 10**12, **bounds: object) -> Keeper:
    said: dict[str, object] = {"max_bytes": 10**12, "keep_days": 30, **bounds}
    return Keeper(vault, Bounds(**said), free_bytes=lambda _: free)  # type: ignore[arg-type]


def refs(vault: Vault) -> list[str]:
    return [item.sidecar.ref for item in vault.scan()[0]]


def test_a_week_of_retention(tmp_path: Path) -> None:
    """Something every other hour: each purpose lasts its days, holds last, all is written down."""
    told: list[tuple[str, Mapping[str, object]]] = []
    vault = Vault(tmp_path, record=lambda name, facts: told.append((name, facts)))
    watch = keeper(vault, keep_days=3, keep_days_by_purpose={"traffic": 1, "safety": 5})
    purposes = ["traffic", "safety", None]
    kept = {}
    vault.hold(event_id(4), "PC 1234", "URN 01/26", NOON)
    for hour in range(7 * 12):
        now = NOON + timedelta(hours=2 * hour)
        made = keep(tmp_path, hour, begin=now, purpose=purposes[hour % 3])
        kept[made.ref] = made
        watch.tick(now + timedelta(minutes=1))
        there = set(refs(vault))
        for ref, sidecar in kept.items():
            days = {"traffic": 1, "safety": 5, None: 3}[sidecar.purpose]
            is_old = now + timedelta(minutes=1) - sidecar.end > timedelta(days=days)
            assert (ref in there) == (not is_old or sidecar.event == event_id(4))
    gone = {line.path.rpartition("/")[2] for line in vault.erased()}
    assert gone == set(kept) - set(refs(vault))
    assert {facts["why"] for name, facts in told if name == "evidence-erased"} == {"days"}
    days_left = {path.name for path in tmp_path.iterdir()} - {"holds", "erased"}
    assert min(days_left) == "2026-11-23"  # the one on hold
    assert "2026-11-24" not in days_left
    vault.release(event_id(4), "PC 1234", "case closed")
    watch.tick(now)
    assert event_id(4) + ".mp4" not in refs(vault)


def test_quotas_take_the_oldest_that_is_not_held(tmp_path: Path) -> None:
    """First each camera's, then the one in all."""
    for n in range(8):
        camera = "north" if n < 6 else "south"
        keep(tmp_path, n, bytes(MIB - 4096), camera=camera, begin=NOON + timedelta(minutes=n))
    vault = Vault(tmp_path)
    vault.hold(event_id(0), "A", "case", NOON)
    watch = keeper(vault, max_bytes_by_camera={"north": 4 * MIB}, max_bytes=5 * MIB)
    watch.tick(NOON + timedelta(hours=1))
    assert refs(vault) == [f"{event_id(n)}.mp4" for n in (0, 4, 5, 6, 7)]
    assert [line.why for line in vault.erased()] == ["camera quota", "camera quota", "quota"]


def test_a_hold_on_an_incident_holds_all_its_events(tmp_path: Path) -> None:
    """Also what is yet to come."""
    vault = Vault(tmp_path)
    vault.hold(event_id(1), "A", "case", NOON)
    for n in (1, 2):
        keep(tmp_path, n, incident=event_id(1))
    keeper(vault, keep_days=1).tick(NOON + timedelta(days=90))
    assert len(refs(vault)) == 2


def test_held_evidence_over_the_quota_is_said(tmp_path: Path) -> None:
    """It stays; nothing more is begun, and the keeper says why."""
    keep(tmp_path, 1, bytes(2 * MIB))
    vault = Vault(tmp_path)
    vault.hold(event_id(1), "A", "case", NOON)
    watch = keeper(vault, max_bytes=MIB)
    watch.tick(NOON)
    assert "on legal hold fills the 1 MiB" in watch.trouble
    assert watch.refusal("north", "snapshot") == watch.trouble


def test_a_disk_that_fills_stops_things_in_the_declared_order() -> None:
    """Clean copies, clips, snapshots; they come back with a quarter more room."""
    assert withheld(100, 90) == []
    assert withheld(89, 90) == ["clean"]
    assert withheld(59, 90) == ["clean", "clip"]
    assert withheld(29, 90) == ["clean", "clip", "snapshot"]
    assert withheld(100, 90, ["clean", "clip"]) == ["clean"]
    assert withheld(113, 90, ["clean"]) == []


def test_for_a_full_disk_the_oldest_go_and_the_last_day_is_spared(tmp_path: Path) -> None:
    """Another program that fills the disk does not take today's evidence with it."""
    for n in range(4):
        keep(tmp_path, n, bytes(MIB - 4096), begin=NOON + timedelta(days=n))
    vault = Vault(tmp_path)
    now = NOON + timedelta(days=3, hours=1)
    items, _ = vault.scan()
    bounds = Bounds(10**12, 30, min_free_bytes=10 * MIB)
    assert [w for _, w in doomed(items, lambda _: False, bounds, now, 9 * MIB)] == ["disk"]
    assert len(doomed(items, lambda _: False, bounds, now, 0)) == 3
    watch = keeper(vault, free=0, min_free_bytes=10 * MIB)
    watch.tick(now)
    assert refs(vault) == [f"{event_id(3)}.mp4"]
    assert "not kept: clean, clip, snapshot" in watch.trouble
    assert watch.refusal("north", "clip")


def test_nothing_is_too_old_while_the_clock_is_unsure(tmp_path: Path) -> None:
    """A box that wakes up in 2038 does not erase everything."""
    keep(tmp_path, 1)
    vault = Vault(tmp_path)
    doubt = ["not synchronised"]
    watch = Keeper(
        vault, Bounds(10**12, 1), clock_doubt=lambda: doubt[0], free_bytes=lambda _: 10**12
    )
    watch.tick(NOON + timedelta(days=4000))
    assert refs(vault)
    assert watch.trouble == "what is over its days is not erased: not synchronised"
    doubt[0] = ""
    watch.tick(NOON + timedelta(days=4000))
    assert not refs(vault)


def test_a_hold_that_cannot_be_read_stops_all_erasing(tmp_path: Path) -> None:
    """Nothing is guessed about what the law wants kept."""
    keep(tmp_path, 1)
    vault = Vault(tmp_path)
    (tmp_path / "holds").mkdir()
    (tmp_path / "holds" / f"{event_id(9)}.json").write_text("{")
    watch = keeper(vault, keep_days=1)
    watch.tick(NOON + timedelta(days=90))
    assert refs(vault)
    assert "a legal hold that cannot be read" in watch.trouble


@pytest.mark.parametrize(("id_", "who"), [("../x", "A"), ("", "A"), (event_id(1), " ")])
def test_a_hold_says_what_who_and_why(tmp_path: Path, id_: str, who: str) -> None:
    """What is not an id, or has no name to it, is refused."""
    with pytest.raises(InputError):
        Vault(tmp_path).hold(id_, who, "case", NOON)


def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    """Media without a sidecar is never listed; an hour later it is gone, and that is recorded."""
    keep(tmp_path, 1)
    folder = tmp_path / "2026-11-23" / "north"
    young, old = folder / f"{event_id(2)}.mp4", folder / f".{event_id(3)}.jpg.new"
    for path, minutes in ((young, 30), (old, 61)):
        path.write_bytes(b"half")
        then = (NOON - timedelta(minutes=minutes)).timestamp()
        os.utime(path, (then, then))
    vault = Vault(tmp_path)
    assert vault.sweep(NOON) == 1
    assert refs(vault) == [f"{event_id(1)}.mp4"]
    assert young.exists()
    assert not old.exists()
    assert [line.path for line in vault.erased()] == [f"2026-11-23/north/{old.name}"]


def test_damage_is_named_and_not_erased(tmp_path: Path) -> None:
    """A changed byte, a lost file and a spoilt sidecar each say which."""
    made = [keep(tmp_path, n, bytes(100)) for n in range(3)]
    folder = tmp_path / "2026-11-23" / "north"
    (folder / made[0].ref).write_bytes(bytes(99) + b"x")
    (folder / made[1].ref).unlink()
    (folder / f"{made[2].ref}.json").write_text("{}")
    vault = Vault(tmp_path)
    items, broken = vault.scan()
    assert "SHA-256 is not" in vault.fault(items[0])
    assert {entry.path.name for entry in broken} == {f"{m.ref}.json" for m in made[1:]}
    watch = keeper(vault)
    watch.tick(NOON)
    assert "2 pieces of evidence are damaged" in watch.trouble


def test_where_no_line_can_be_written_it_is_erased_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room it leaves takes the record, late and whole."""
    keep(tmp_path, 1)
    keep(tmp_path, 2)
    vault = Vault(tmp_path)
    items, _ = vault.scan()
    note = erasures.Erasures.note

    def full(_self: erasures.Erasures, _erasure: erasures.Erasure) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(erasures.Erasures, "note", full)
    assert vault.erase(items[0], "disk", NOON)
    assert not list(vault.erased())
    monkeypatch.setattr(erasures.Erasures, "note", note)
    assert vault.erase(items[1], "disk", NOON)
    assert [line.event for line in vault.erased()] == [event_id(1), event_id(2)]


def test_the_keeper_seals_and_all_reads_on(tmp_path: Path) -> None:
    """Encrypted on the disk, the same to whoever lists, verifies and opens; another key cannot."""
    content = os.urandom(200_000)
    made = keep(tmp_path, 1, content)
    vault = Vault(tmp_path, key=KEY)
    keeper(vault).tick(NOON)
    (item,), _ = vault.scan()
    on_disk = item.path.read_bytes()
    assert content[:64] not in on_disk
    assert item.sidecar == made
    assert b"".join(vault.open(item)) == content
    assert b"".join(vault.open(item, 70_000)) == content[70_000:]
    assert vault.fault(item) == ""
    assert "no key is here" in Vault(tmp_path).fault(item)
    assert "encrypted with key" in Vault(tmp_path, key=Key(bytes(32))).fault(item)


def test_without_the_key_nothing_is_kept_in_the_clear(tmp_path: Path) -> None:
    """The keeper refuses, and says so."""
    watch = Keeper(Vault(tmp_path), Bounds(1, 1), no_key="no credential", free_bytes=lambda _: 9)
    assert "no credential" in watch.refusal("north", "clip")
    watch.tick(NOON)
    assert "no credential" in watch.refusal("north", "snapshot")


def test_media_that_is_not_its_sidecar_s_is_not_sealed(tmp_path: Path) -> None:
    """Sealing would make a false file look sound."""
    made = keep(tmp_path, 1)
    (tmp_path / "2026-11-23" / "north" / made.ref).write_bytes(b"other")
    vault = Vault(tmp_path, key=KEY)
    (item,), _ = vault.scan()
    with pytest.raises(EvidenceInvalid):
        vault.seal(item)
    assert item.path.read_bytes() == b"other"

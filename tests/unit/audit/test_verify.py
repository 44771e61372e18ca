"""Any change to a log is found, and the first bad record is named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.audit import AuditLog, Head, _folder, erase, head_in, verify
from edge.audit._keys import key_in
from edge.audit._merkle import Frontier, leaf_hash
from edge.audit._note import LOG
from edge.errors import EdgeError
from tests.unit.audit.small_log import ORIGIN, fill

RECORDS = "records-0000000000.jsonl"


def first_bad(folder: Path, *against: Head) -> int | None:
    """Number of the first record that is found bad."""
    verdict = verify(folder, against=against)
    return verdict.findings[0].n if verdict.findings else None


def test_a_log_as_it_was_written_is_sound(small: Path, copies: Callable[[], Path]) -> None:
    """Both in place and as a copy."""
    for folder in (small, copies()):
        verdict = verify(folder)
        assert verdict.findings == []
        assert (verdict.n, verdict.n_erased, verdict.n_heads) == (17, 2, 3)
        assert verdict.head is not None
        assert verdict.head.size == 16
        assert verdict.kinds["event"] == 13


def test_every_flipped_byte_of_a_small_log_is_found(tmp_path: Path) -> None:
    """Each byte of each file, one at a time; in a record's line the record is named."""
    folder = tmp_path / "audit"
    log = AuditLog(folder, "s/n/audit")
    log.append("start", {"seq": 0})
    log.append("login", {"who": "J", "why": "é"})
    log.append("event", {"seq": 1, "message_sha256": "ab" * 32})
    log.attend(is_last=True)
    erase(log, [2], {"who": "dpo"})  # under no head
    log._tail.close()
    for name in ("lock", "log.key"):
        (folder / name).unlink()
    n_flips = 0
    chosen = random.Random(1)
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        for place, byte in enumerate(whole):
            wrong = byte ^ (1 << chosen.randrange(8))
            file.write_bytes(whole[:place] + bytes([wrong]) + whole[place + 1 :])
            n_flips += 1
            try:
                verdict = verify(folder)
            except EdgeError:
                continue  # it is no log any more, which is a finding too
            assert verdict.findings, f"{file.name}: byte {place} {byte:#x} -> {wrong:#x}"
            if file.name == RECORDS:
                assert verdict.findings[0].n == whole[:place].count(b"\n")
        file.write_bytes(whole)
    assert n_flips > 1300
    assert first_bad(folder) is None


@pytest.mark.parametrize("has_tree", [True, False], ids=["with its tree", "records and heads only"])
def test_what_is_done_to_lines_is_found(copies: Callable[[], Path], *, has_tree: bool) -> None:
    """A record removed, doubled, swapped with the next, moved away, or written anew."""
    lines = (copies() / RECORDS).read_bytes().splitlines(keepends=True)

    def judged(changed: list[bytes]) -> int | None:
        folder = copies()
        (folder / RECORDS).write_bytes(b"".join(changed))
        if not has_tree:
            (folder / "tree").unlink()
        return first_bad(folder)

    for k in range(16):  # the last is under no head: without the tree nothing covers it
        assert judged(lines[:k] + lines[k + 1 :]) == k, "removed"
        assert judged([*lines[: k + 1], lines[k], *lines[k + 1 :]]) == k + 1, "doubled"
        other = json.loads(lines[k])
        other["facts"]["camera"] = "other"
        anew = json.dumps(other, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        found = judged([*lines[:k], anew.encode() + b"\n", *lines[k + 1 :]])
        assert found is not None
        # Without the tree, the head names a range; it begins where the one before it ends.
        assert found == k if has_tree else found <= k < found + 6
    for k in range(15):
        assert judged([*lines[:k], lines[k + 1], lines[k], *lines[k + 2 :]]) == k, "swapped"
        assert judged(lines[: k + 1]) == k + 1, "cut off"


def test_truncation_with_everything_beside_it_is_found_with_a_head(tmp_path: Path) -> None:
    """Records, tree and heads cut to an earlier time: sound by themselves, not against a head."""
    folder = tmp_path / "audit"
    log = AuditLog(folder, ORIGIN)
    earlier = {}
    for seq in range(10):
        log.append("event", {"seq": seq, "message_sha256": "ab" * 32})
        if seq == 5:
            log.attend(is_last=True)
            earlier = {file: file.read_bytes() for file in folder.iterdir()}
    log.close()
    newest = tmp_path / "newest"
    newest.write_text(_last_note(folder))
    for file, content in earlier.items():
        file.write_bytes(content)
    assert first_bad(folder) is None
    assert first_bad(folder, head_in(newest)) == 6


def test_a_fork_by_who_has_the_key_is_found_with_a_head(small: Path, tmp_path: Path) -> None:
    """History written anew and signed anew is sound by itself, not against a head."""
    witnessed = tmp_path / "witnessed"
    witnessed.write_text(json.dumps({"v": 1, "checkpoint": _last_note(small)}))
    forged = tmp_path / "forged"
    forged.mkdir()
    for name in ("log.key", "log.vkey"):
        shutil.copy(small / name, forged / name)
    fill(forged, 13)
    assert first_bad(forged) is None
    verdict = verify(forged, against=[head_in(witnessed)])
    assert "fork" in verdict.findings[0].words


def test_another_key_is_found_where_the_right_one_is_given(small: Path, tmp_path: Path) -> None:
    """A log made anew with a key of its own."""
    other = tmp_path / "other"
    fill(other)
    (key,) = _folder.log_keys(small)
    assert verify(small, [key]).is_sound
    findings = verify(other, [key]).findings
    assert "not one of those given" in findings[0].words
    assert any("by none of the keys" in finding.words for finding in findings)


def test_a_personal_part_taken_away_without_a_word_is_found(copies: Callable[[], Path]) -> None:
    """Erased by hand, removed, or changed; a copy without any is sound, and says so."""
    folder = copies()
    file = folder / "personal-0000000000.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    ten = next(k for k, line in enumerate(lines) if json.loads(line)["n"] == 10)
    erased = _folder.erased_line(10).ljust(len(lines[ten]) - 1) + b"\n"
    for changed in (
        [*lines[:ten], erased, *lines[ten + 1 :]],
        [*lines[:ten], *lines[ten + 1 :]],
        [*lines[:ten], lines[ten].replace(b"salt", b"pepr"), *lines[ten + 1 :]],
    ):
        file.write_bytes(b"".join(changed))
        assert first_bad(folder) == 10
    file.unlink()
    verdict = verify(folder)
    assert verdict.is_sound
    assert verdict.n_kept_back == 15


def write_events(folder: Path, n: int, *, head_every: int) -> None:
    """A log of events, with a signed head now and then."""
    log = AuditLog(folder, ORIGIN)
    for seq in range(n):
        log.append("event", {"seq": seq, "camera": "gate", "message_sha256": f"{seq:064x}"})
        if seq % head_every == 0:
            log.attend(is_last=True)
    log.close()


def test_random_edits_of_a_large_log_are_all_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of several files: bytes changed, ranges cut, lines moved, files swapped or lost."""
    monkeypatch.setattr(_folder, "SEGMENT", 64)
    folder = tmp_path / "audit"
    write_events(folder, 500, head_every=50)
    assert verify(folder, processes=1).is_sound
    chosen = random.Random(7)
    files = [f for f in sorted(folder.iterdir()) if f.name not in ("lock", "log.key", "log.vkey")]
    for _ in range(120):
        file = chosen.choice(files)
        whole = file.read_bytes()
        a, b = sorted(chosen.sample(range(len(whole)), 2))
        edit = chosen.choice(["flip", "cut", "double", "exchange", "empty", "lose"])
        if edit == "flip":
            file.write_bytes(
                whole[:a] + bytes([whole[a] ^ 1 << chosen.randrange(8)]) + whole[a + 1 :]
            )
        elif edit == "cut":
            file.write_bytes(whole[:a] + whole[b:])
        elif edit == "double":
            file.write_bytes(whole[:b] + whole[a:])
        elif edit == "exchange":
            lines = whole.splitlines(keepends=True)
            i, j = chosen.sample(range(len(lines)), 2)
            lines[i], lines[j] = lines[j], lines[i]
            file.write_bytes(b"".join(lines))
        elif edit == "empty":
            file.write_bytes(b"")
        elif not file.name.startswith("records"):
            continue  # a copy may do without the others; it is said what is not covered
        else:
            file.unlink()
        is_same = file.exists() and file.read_bytes() == whole
        verdict = verify(folder, processes=1)
        assert is_same or verdict.findings, f"{edit} {file.name} {a}..{b}"
        file.write_bytes(whole)
    assert verify(folder, processes=2).is_sound


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_edits_of_a_very_large_log_are_found_and_named(tmp_path: Path) -> None:
    """70 000 records in two files, read by two processes: the first bad record is named."""
    folder = tmp_path / "audit"
    write_events(folder, 70_000, head_every=1000)
    files = sorted(folder.glob("records-*.jsonl"))
    assert len(files) == 2
    chosen = random.Random(3)
    for n in range(16):
        file = files[n % 2]
        whole = file.read_bytes()
        lines = whole.splitlines(keepends=True)
        first = int(file.stem.rpartition("-")[2])
        k = chosen.randrange(len(lines) - 2)
        edit = ("flip", "remove", "double", "exchange")[n // 2 % 4]
        if edit == "flip":
            place = chosen.randrange(len(lines[k]) - 1)
            wrong = lines[k][place] ^ 1 << chosen.randrange(8)
            changed = lines[k][:place] + bytes([wrong]) + lines[k][place + 1 :]
            lines[k : k + 1] = [changed]
        elif edit == "remove":
            del lines[k]
        elif edit == "double":
            lines.insert(k, lines[k])
            k += 1
        else:
            other = chosen.randrange(k + 1, len(lines))
            lines[k], lines[other] = lines[other], lines[k]
        file.write_bytes(b"".join(lines))
        findings = verify(folder, processes=2).findings
        assert findings, f"{edit} {file.name} {k}"
        assert findings[0].n == first + k, f"{edit} {file.name}: {findings[0]}"
        file.write_bytes(whole)
    assert verify(folder, processes=2).is_sound


def test_a_record_that_was_changed_and_hashed_anew_is_found_by_the_head(small: Path) -> None:
    """Who can write records and tree cannot sign."""
    lines = (small / RECORDS).read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b"gate", b"gone")
    tree = Frontier()
    nodes = b"".join(b"".join(tree.append(leaf_hash(line[:-1]))) for line in lines)
    (small / RECORDS).write_bytes(b"".join(lines))
    (small / "tree").write_bytes(nodes)
    verdict = verify(small)
    assert "another root" in verdict.findings[0].words
    assert verdict.findings[0].n == 6  # the head over 6 is right, that over 11 is not


def _last_note(folder: Path) -> str:
    *_, note = _folder.head_notes(folder)
    return note


def test_a_key_is_its_owner_s_alone(small: Path) -> None:
    """0600, and the folder 0700."""
    assert (small / "log.key").stat().st_mode & 0o777 == 0o600
    assert small.stat().st_mode & 0o777 == 0o700
    assert key_in(small / "log.key", ORIGIN, LOG).public == _folder.log_keys(small)[-1]

"""The writer: nothing is lost to kill -9, and what is lost to a disk is said."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.audit import AuditLog, _log, read, verify
from edge.errors import AuditError
from tests.unit.audit.small_log import ORIGIN

RECORDS = "records-0000000000.jsonl"

ENDLESS = """
import sys
from pathlib import Path
from edge.audit import AuditLog
log = AuditLog(Path(sys.argv[1]), "s/n/audit")
n = 0
while True:
    log.append("event", {"seq": n, "message_sha256": "ab" * 32})
    print(n, flush=True)
    n += 1
    if n % 7 == 0:
        log.attend(is_last=n % 3 == 0)
"""


def test_a_kill_between_a_personal_part_and_its_record_is_called_so(tmp_path: Path) -> None:
    """What is left says that the record was cut off, and the next writer takes it away."""
    log = AuditLog(tmp_path, ORIGIN)
    log.append("event", {"seq": 1, "message_sha256": "ab" * 32})
    log.close()
    with next(tmp_path.glob("personal-*")).open("ab") as parts:
        parts.write(b'{"n":1,"personal":{"message_sha256":"cd"},"salt":"00"}\n')
    (finding,) = verify(tmp_path).findings
    assert (finding.n, finding.words) == (1, "a personal part whose record was cut off")
    AuditLog(tmp_path, ORIGIN).close()
    assert verify(tmp_path).is_sound


def test_kill_9_at_any_instant_loses_no_record_that_was_acknowledged(tmp_path: Path) -> None:
    """Killed again and again: every record that `append` gave a number for is there."""
    chosen = random.Random(5)
    acknowledged = 0
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(chosen.uniform(0.005, 0.08))
        os.kill(child.pid, signal.SIGKILL)
        told = first + child.stdout.read()
        child.stdout.close()
        child.wait()
        acknowledged += len(told.splitlines())  # a number cut off was acknowledged too
        verdict = verify(tmp_path)
        # What was half-written is no record; the next writer says so.
        words = [finding.words for finding in verdict.findings]
        assert all("cut off" in each or "hash" in each for each in words), words
    log = AuditLog(tmp_path, ORIGIN)
    log.close()
    n_events = sum(record.kind == "event" for record in read(tmp_path))
    assert acknowledged <= n_events <= acknowledged + 6
    assert verify(tmp_path).is_sound


def test_a_head_is_signed_after_256_records_or_five_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much, and no more, is under no signature."""
    assert (_log.HEAD_RECORDS, _log.HEAD_S) == (256, 300.0)
    log = AuditLog(tmp_path, ORIGIN)
    for _ in range(255):
        log.append("login", {})
    assert log.attend() is None
    log.append("login", {})
    head = log.attend()
    assert head is not None
    assert head.size == 256
    log.append("login", {})
    assert log.attend() is None
    monkeypatch.setattr(_log, "HEAD_S", 0.0)  # five minutes are over
    head = log.attend()
    assert head is not None
    assert head.size == 257
    log.close()


@pytest.mark.parametrize("cut", [1, 30, 120])
def test_a_torn_record_becomes_a_gap(tmp_path: Path, cut: int) -> None:
    """What a crash left of a record is set aside, with its hash, and the log goes on."""
    log = AuditLog(tmp_path, ORIGIN)
    for seq in range(3):
        log.append("event", {"seq": seq, "message_sha256": "ab" * 32})
    log._tail.close()
    whole = (tmp_path / RECORDS).read_bytes()
    (tmp_path / RECORDS).write_bytes(whole[:-cut])
    log = AuditLog(tmp_path, ORIGIN)
    log.append("stop", {})
    log.close()
    kinds = [record.kind for record in read(tmp_path)]
    assert kinds == ["event", "event", "log.gap", "stop"]
    verdict = verify(tmp_path)
    assert verdict.is_sound
    assert verdict.gaps == [(2, "a record was torn")]
    (aside,) = tmp_path.glob("cut-*")
    assert aside.read_bytes() in whole


def test_zeros_where_a_power_cut_came_before_the_disk_are_cut_away(tmp_path: Path) -> None:
    """A file that grew and whose last pages were never written."""
    log = AuditLog(tmp_path, ORIGIN)
    log.append("start", {})
    log.append("stop", {})
    log._tail.close()
    with (tmp_path / RECORDS).open("ab") as file:
        file.write(bytes(5000))
    (tmp_path / "tree").write_bytes((tmp_path / "tree").read_bytes()[:-40] + bytes(500))
    AuditLog(tmp_path, ORIGIN).close()
    assert [record.kind for record in read(tmp_path)] == ["start", "stop", "log.gap"]
    assert verify(tmp_path).is_sound


def test_a_lost_tree_is_made_of_the_records_again(tmp_path: Path) -> None:
    """It is derived; the heads before and after agree."""
    log = AuditLog(tmp_path, ORIGIN)
    for seq in range(300):
        log.append("event", {"seq": seq})
    log.close()
    before = (tmp_path / "tree").read_bytes()
    for damaged in (b"", before[:1000], bytes(len(before))):
        (tmp_path / "tree").write_bytes(damaged)
        AuditLog(tmp_path, ORIGIN).close()
        assert (tmp_path / "tree").read_bytes() == before
    (tmp_path / "tree").unlink()
    AuditLog(tmp_path, ORIGIN).close()
    assert verify(tmp_path).is_sound


def test_records_that_are_not_those_signed_are_kept_and_a_new_log_begins(tmp_path: Path) -> None:
    """The box goes on recording; the first record says what was signed, and where the rest lies."""
    log = AuditLog(tmp_path, ORIGIN)
    for seq in range(20):
        log.append("event", {"seq": seq})
    log.close()
    signed = log.head
    lines = (tmp_path / RECORDS).read_bytes().splitlines(keepends=True)
    (tmp_path / RECORDS).write_bytes(b"".join(lines[:9]))
    log = AuditLog(tmp_path, ORIGIN)
    log.append("start", {})
    log.close()
    first, second = read(tmp_path)
    assert (first.kind, second.kind) == ("log.gap", "start")
    assert (first.facts["size"], first.facts["root"]) == (20, signed.root.hex())
    assert (tmp_path / first.facts["folder"] / RECORDS).read_bytes() == b"".join(lines[:9])
    assert verify(tmp_path).is_sound
    assert not verify(tmp_path, against=[signed]).is_sound


def test_several_writers_share_a_log(tmp_path: Path) -> None:
    """Threads of one process, and a second writer as a command line is one."""
    daemon = AuditLog(tmp_path, ORIGIN)
    other = AuditLog(tmp_path, "another/name/audit")

    def write(log: AuditLog, who: str) -> None:
        for _ in range(50):
            log.record("login", {"who": who})
            log.attend()

    threads = [
        threading.Thread(target=write, args=(log, f"{k}"))
        for k, log in enumerate((daemon, daemon, other, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    daemon.close()
    records = list(read(tmp_path))
    assert [record.n for record in records] == list(range(200))
    assert sorted(record.personal["who"] for record in records) == sorted("0123" * 50)
    assert daemon.key.name == other.key.name == ORIGIN
    assert verify(tmp_path).is_sound


def test_a_full_disk_is_said_and_becomes_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`record` never raises; what was lost is counted, and said once the disk takes it again."""
    log = AuditLog(tmp_path, ORIGIN)
    log.record("start", {})
    real = os.write

    def full(fd: int, content: bytes) -> int:
        if len(content) > 40:
            return real(fd, content[:40])  # a disk takes what fits, then nothing
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    for seq in range(3):
        log.record("event", {"seq": seq, "message_sha256": "ab" * 32})
    assert "No space left" in log.trouble
    assert log.n_lost == 3
    with pytest.raises(AuditError, match=r"No space left.*review is not recorded"):
        log.append("review", {"verdict": "true"})
    monkeypatch.undo()
    log.attend()
    assert log.trouble == ""
    log.record("stop", {})
    log.close()
    start, gap, stop = read(tmp_path)
    assert [start.kind, gap.kind, stop.kind] == ["start", "log.gap", "stop"]
    assert gap.facts["lost"] == 4
    assert "No space left" in gap.facts["reason"]
    assert verify(tmp_path).is_sound


def test_a_kind_that_is_none_is_counted_not_raised(tmp_path: Path) -> None:
    """A fault of ours must not stop the watching, and is in the log."""
    log = AuditLog(tmp_path, ORIGIN)
    log.record("invented", {})
    log.record("stop", {"at": object(), "n": 2**60, "x": float("nan"), "\ud800": "\ud800"})
    with pytest.raises(ValueError, match="at most"):
        log.append("stop", {"long": "x" * 70_000})
    log.close()
    gap, stop, again = read(tmp_path)
    assert "invented" in gap.facts["reason"]
    assert stop.facts["n"] == str(2**60)
    assert again.facts["lost"] == 1
    assert verify(tmp_path).is_sound


def test_a_lost_key_is_replaced_and_said(tmp_path: Path) -> None:
    """Both keys are listed; who knows only the old one sees that it is another."""
    log = AuditLog(tmp_path, ORIGIN)
    log.append("start", {})
    log.close()
    old = log.key
    (tmp_path / "log.key").unlink()
    log = AuditLog(tmp_path, ORIGIN)
    log.close()
    assert log.key != old
    assert [record.kind for record in read(tmp_path)] == ["start", "log.key"]
    assert verify(tmp_path).is_sound
    assert verify(tmp_path, [old, log.key]).is_sound
    assert not verify(tmp_path, [old]).is_sound

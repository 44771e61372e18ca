"""The outbox on disks that are full, read-only, failing or damaged; the file systems are real."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.sinks import _refuge
from edge.sinks._outbox import MIB, Outbox
from tests.servers import eventually
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing, stay

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Callable[..., None]]:
    """A file system of its own at `folder`; gives what mounts it anew with other options."""

    def mount(*more: str) -> None:
        subprocess.run(["mount", *more, str(folder)], check=True, capture_output=True)

    folder.mkdir(parents=True, exist_ok=True)
    mount(*options)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is tried again after a moment, not after five seconds."""
    monkeypatch.setattr(_refuge, "RETRY_S", 0.05)


def opened(folder: Path) -> Outbox:
    return Outbox(folder / "outbox.db", reserve_bytes=MIB)


def is_well(outbox: Outbox) -> bool:
    outbox.attend()
    return not outbox.trouble


def numbers(outbox: Outbox) -> list[int]:
    return [stored.seq for stored in outbox.pending(100_000)]


def fill_up(folder: Path) -> Path:
    """Take every byte that is left."""
    greedy = folder / "greedy"
    with greedy.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return greedy


@as_root
def test_disk_that_is_full_before_the_first_start(tmp_path: Path) -> None:
    """It watches from memory, says so, and goes to the disk once there is space."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "tmpfs"):
        greedy = fill_up(tmp_path / "disk")
        outbox = opened(tmp_path / "disk")
        assert "in memory only" in outbox.trouble
        assert "df -h" in outbox.trouble or "No space left" in outbox.trouble
        outbox.append(stay("begin"), ORIGIN)
        sent = [outbox.append(crossing(n), ORIGIN)[0].seq for n in range(20)]
        assert numbers(outbox) == [1, *sent]
        outbox.acknowledge([1, *sent[:10]])
        assert not is_well(outbox)
        greedy.unlink()
        assert eventually(lambda: is_well(outbox))
        assert numbers(outbox) == sent[10:]
        assert [stored.seq for stored in outbox.delivered_since(0)] == [1, *sent[:10]]
        (end,) = outbox.append(stay("end", 1), ORIGIN)
        outbox.close()
        outbox = opened(tmp_path / "disk")
        assert numbers(outbox) == [*sent[10:], end.seq], "it is on the disk now"
        assert (
            json.loads(end.payload)["incident"]
            == json.loads(outbox.delivered_since(0, limit=1)[0].payload)["id"]
        )
        outbox.close()


@as_root
def test_disk_that_fills_up_and_is_freed_again(tmp_path: Path) -> None:
    """Beyond the reserve events go to memory; numbers and order hold, through a restart too."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "tmpfs"):
        outbox = opened(tmp_path / "disk")
        first = [outbox.append(crossing(n), ORIGIN)[0].seq for n in range(5)]
        greedy = fill_up(tmp_path / "disk")
        n = 5
        while not outbox.trouble and n < 20_000:
            outbox.append(crossing(n), ORIGIN)
            n += 1
        assert n > 500, "the reserve was used first"
        for _ in range(10):
            outbox.append(crossing(n), ORIGIN)
            n += 1
        assert numbers(outbox) == list(range(1, n + 1))
        outbox.acknowledge(first)
        assert numbers(outbox) == list(range(6, n + 1))
        assert outbox.stats.depth == n - 5
        outbox.refuse(6, "payload invalid")
        greedy.unlink()
        assert eventually(lambda: is_well(outbox))
        outbox.close()
        outbox = opened(tmp_path / "disk")
        assert numbers(outbox) == list(range(7, n + 1))
        assert [stored.seq for stored, _ in outbox.refused()] == [6]
        assert outbox.append(crossing(), ORIGIN)[0].seq == n + 1
        outbox.close()


@as_root
def test_read_only_before_the_start(tmp_path: Path) -> None:
    """What waits on the disk is delivered from there, what is new from memory; no number twice."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as mount:
        outbox = opened(tmp_path / "disk")
        outbox.append(stay("begin"), ORIGIN)
        for n in range(4):
            outbox.append(crossing(n), ORIGIN)
        outbox.close()
        mount("-o", "remount,ro")
        outbox = opened(tmp_path / "disk")
        assert "in memory only" in outbox.trouble
        assert [incident.kind for incident in outbox.open_incidents()] == ["zone_entered"]
        (end,) = outbox.end_open("the appliance was restarted", AT)
        assert end.seq > 5
        assert numbers(outbox) == [1, 2, 3, 4, 5, end.seq]
        outbox.acknowledge([1, 2, 3])
        assert numbers(outbox) == [4, 5, end.seq]
        assert outbox.stats.depth == 3
        mount("-o", "remount,rw")
        assert eventually(lambda: is_well(outbox))
        assert numbers(outbox) == [4, 5, end.seq]
        outbox.close()
        outbox = opened(tmp_path / "disk")
        assert numbers(outbox) == [4, 5, end.seq]
        assert outbox.open_incidents() == ()
        assert outbox.append(crossing(), ORIGIN)[0].seq == end.seq + 1
        outbox.close()


@as_root
def test_file_system_that_fails_under_way_and_is_read_only_then(tmp_path: Path) -> None:
    """A card that dies: ext4 gives up and is read-only; events of before and after go out."""
    image, folder = tmp_path / "card.img", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with mounted(folder, "-o", "loop,errors=remount-ro", str(image)) as mount:
        outbox = opened(folder)
        for n in range(10):
            outbox.append(crossing(n), ORIGIN)
        mount("-o", "remount,abort")
        for n in range(10, 30):
            outbox.append(crossing(n), ORIGIN)
        assert "in memory only" in outbox.trouble
        assert numbers(outbox) == list(range(1, 31))
        outbox.acknowledge(range(1, 26))
        assert numbers(outbox) == list(range(26, 31))
        outbox.close()


def test_disk_that_appears_later_with_an_earlier_run_on_it(tmp_path: Path) -> None:
    """A mount that was late: what waited there comes back, what was open there is ended."""
    outbox = opened(tmp_path)
    outbox.append(stay("begin"), ORIGIN)
    for n in range(4):
        outbox.append(crossing(n), ORIGIN)
    outbox.close()
    folder = tmp_path / "mount"
    outbox = Outbox(folder / "outbox.db", reserve_bytes=MIB)
    (begin,) = outbox.append(stay("begin", key="18"), ORIGIN)
    new = [outbox.append(crossing(n), ORIGIN)[0].seq for n in range(1200)]
    assert numbers(outbox) == [begin.seq, *new]
    folder.mkdir()
    for file in tmp_path.glob("outbox.*"):
        file.rename(folder / file.name)
    assert eventually(lambda: is_well(outbox))
    assert outbox.rewinds == 1, "the sender must look again from the start"
    assert numbers(outbox) == [1, 2, 3, 4, 5, begin.seq, *new, new[-1] + 1]
    end = json.loads(outbox.pending(10_000)[-1].payload)
    assert (end["phase"], end["reason"]) == ("end", "the appliance was restarted")
    assert [incident.key for incident in outbox.open_incidents()] == ["18"]
    outbox.close()


@as_root
def test_what_is_in_memory_goes_to_a_disk_that_is_well_when_the_box_stops(tmp_path: Path) -> None:
    """The last chance is taken, and needs no waiting for the next try."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "tmpfs"):
        greedy = fill_up(tmp_path / "disk")
        outbox = opened(tmp_path / "disk")
        sent = [outbox.append(crossing(n), ORIGIN)[0].seq for n in range(3000)]
        assert outbox.trouble
        greedy.unlink()
        outbox.close()
        outbox = opened(tmp_path / "disk")
        assert numbers(outbox) == sent
        outbox.close()


@pytest.mark.parametrize("seed", range(6))
def test_flipped_bytes_never_give_a_false_message(tmp_path: Path, seed: int) -> None:
    """Whatever bytes the disk has turned: what comes out is what went in, or it is said."""
    chance = random.Random(seed)
    outbox = opened(tmp_path)
    written = {
        stored.seq: stored for n in range(200) for stored in outbox.append(crossing(n), ORIGIN)
    }
    outbox.close()
    path = tmp_path / "outbox.db"
    content = bytearray(path.read_bytes())
    in_use = content.rfind(b"line_crossed")
    for _ in range(20):
        content[chance.randrange(in_use)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    outbox = opened(tmp_path)
    found = outbox.pending(1000)
    assert all(stored == written[stored.seq] for stored in found)
    n_told = outbox.stats.refused
    assert len(found) + n_told == 200 or outbox.trouble
    assert outbox.append(crossing(), ORIGIN)[0].seq > 200
    outbox.close()


def test_most_of_a_torn_database_is_saved(tmp_path: Path) -> None:
    """A page in the middle costs what was on it, not the rest, and incidents still end."""
    outbox = opened(tmp_path)
    outbox.append(stay("begin"), ORIGIN)
    for n in range(300):
        outbox.append(crossing(n), ORIGIN)
    outbox.close()
    path = tmp_path / "outbox.db"
    content = bytearray(path.read_bytes())
    place = content.find(b'"seq":150,') // 4096 * 4096
    content[place : place + 4096] = bytes(4096)
    path.write_bytes(content)
    outbox = opened(tmp_path)
    assert "damaged" in outbox.trouble
    assert outbox.stats.depth > 280
    assert f"{outbox.stats.depth} messages were saved" in outbox.trouble
    (end,) = outbox.append(stay("end"), ORIGIN)
    begin = outbox.pending(1)[0]
    assert json.loads(end.payload)["incident"] == json.loads(begin.payload)["id"]
    outbox.close()


@pytest.mark.parametrize("damage", ["missing", "flipped", "cut"])
def test_lost_log_is_noticed_and_no_number_given_twice(tmp_path: Path, damage: str) -> None:
    """SQLite takes a log without its newest part for a short one; the mark knows better."""
    outbox = opened(tmp_path)
    for n in range(100):
        outbox.append(crossing(n), ORIGIN)
    copy = tmp_path / "after-the-kill"
    copy.mkdir()
    for file in tmp_path.glob("outbox.*"):  # as kill -9 leaves them
        shutil.copy(file, copy)
    outbox.close()
    log = copy / "outbox.db-wal"
    if damage == "missing":
        log.unlink()
    elif damage == "flipped":
        content = bytearray(log.read_bytes())
        content[len(content) // 100] ^= 1
        log.write_bytes(content)
    else:
        log.write_bytes(log.read_bytes()[: 40 * 1024])
    outbox = opened(copy)
    assert outbox.stats.depth < 100
    assert "newest part of the outbox is gone" in outbox.trouble
    assert outbox.append(crossing(), ORIGIN)[0].seq > 100
    outbox.close()


def test_kill_without_damage_is_not_taken_for_one(tmp_path: Path) -> None:
    """The files as a kill leaves them: everything is there, and numbers go on without a gap."""
    outbox = opened(tmp_path)
    for n in range(100):
        outbox.append(crossing(n), ORIGIN)
    copy = tmp_path / "after-the-kill"
    copy.mkdir()
    for file in tmp_path.glob("outbox.*"):
        shutil.copy(file, copy)
    outbox.close()
    outbox = opened(copy)
    assert not outbox.trouble
    assert outbox.append(crossing(), ORIGIN)[0].seq == 101
    assert len(outbox.pending(1000)) == 101
    outbox.close()

"""An update is there whole or not at all, wherever the power goes and whatever is wrong."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.errors import InputError
from edge.update.bundle import ordered
from edge.update.releases import UpdateFailed
from edge.update.trial import Update
from tests.unit.update.boxes import Daemon, boots, bundle_of, green
from tests.unit.update.conftest import Maker, make

STEPS = (
    *("copied", "verified", "unpacked", "made", "checked", "noted"),
    *("turned", "restarted", "proved", "kept"),
)


def untouched(update: Update) -> bool:
    """Release 1.0 is in service, and nothing of another lies about."""
    update.releases.tidy()
    there = sorted(p.name for p in (update.releases.root / "releases").iterdir())
    return (update.releases.current, there, update.releases.trial) == ("1.0", ["1.0"], {})


def test_a_bundle_becomes_the_release_in_service(
    update: Update, tmp_path: Path, maker: Maker
) -> None:
    """The one before stays, to go back to; the one before that does not."""
    for version in ("1.1", "1.2"):
        update.install(maker.sign(bundle_of(tmp_path / "stick", version)))
    assert update.releases.current == "1.2"
    assert boots(update.releases.root) == "1.2"
    assert sorted(p.name for p in (update.releases.root / "releases").iterdir()) == ["1.1", "1.2"]
    assert update.roll_back() == "1.1"
    assert boots(update.releases.root) == "1.1"


@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_leaves_a_release_that_boots(
    update: Update, tmp_path: Path, maker: Maker, step: str
) -> None:
    """`kill -9` at every step; then the box boots, and what was begun is finished or undone."""
    root = update.releases.root
    bundle = maker.sign(bundle_of(tmp_path / "stick", "1.1"))
    command = [sys.executable, "-m", "tests.unit.update.boxes"]
    done = subprocess.run(
        [*command, str(root), str(maker.keys), str(bundle), step], check=False, timeout=60
    )
    assert done.returncode == -9
    is_turned = STEPS.index(step) >= STEPS.index("turned")
    assert boots(root) == ("1.1" if is_turned else "1.0")
    update.resume()
    assert boots(root) == ("1.1" if is_turned else "1.0")
    assert update.releases.trial == {}
    assert not update.releases.incoming.exists()
    assert update.install(bundle) == "1.1"  # and it can be had again
    assert boots(root) == "1.1"


def test_a_release_that_never_starts_is_turned_back_by_the_guard(update: Update) -> None:
    """Three starts after a power cut without proof; no Python of any release is needed for it."""
    releases = update.releases
    shutil.copytree(releases.folder("1.0"), releases.folder("1.1"))
    releases.begin_trial("1.1", "1.0")
    releases.turn("current", "1.1")
    for _ in range(3):
        boots(releases.root)
        assert releases.current == "1.1"
    boots(releases.root)
    assert releases.current == "1.0"
    assert releases.trial == {}
    assert "why=started 3 times" in (releases.root / "rolled-back").read_text()


def test_a_release_that_does_not_come_up_is_rolled_back(
    update: Update, tmp_path: Path, maker: Maker
) -> None:
    """And it is said why."""
    daemon = Daemon(update.releases, {"1.1": "it ended with exit code 1"})
    update.service = daemon
    with pytest.raises(UpdateFailed, match=r"exit code 1; release 1\.0 is in service again"):
        update.install(maker.sign(bundle_of(tmp_path / "stick", "1.1")))
    assert untouched(update)
    assert daemon.runs == "1.0"


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        pytest.param("cameras", "cameras: does not work", id="a camera is not back"),
        pytest.param("broker", "broker: does not work", id="no PUBACK"),
        pytest.param("engines", "engines: does not work", id="an engine sees something else"),
    ],
)
def test_what_worked_before_must_work_after(
    update: Update, tmp_path: Path, maker: Maker, lost: str, told: str
) -> None:
    """Judged by the new release's own interpreter."""

    def checks(release: Path, steps: Any) -> list[dict[str, Any]]:
        is_bad = release.name == "1.1"
        return [
            {**each, "level": "red", "found": "does not work"}
            if is_bad and each["name"] == lost
            else each
            for each in green(release, steps)
        ]

    update.checks = checks
    with pytest.raises(UpdateFailed, match=told):
        update.install(maker.sign(bundle_of(tmp_path / "stick", "1.1")))
    assert untouched(update)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("configuration", "configuration", id="unusable as ever"),
        pytest.param("configuration of gate", "configuration of yard", id="another camera"),
    ],
)
def test_a_configuration_is_not_forgiven_for_having_been_bad_before(
    update: Update, tmp_path: Path, maker: Maker, before: str, after: str
) -> None:
    """With one that cannot be used nothing was examined: nobody knows what the release does."""

    def checks(release: Path, steps: Any) -> list[dict[str, Any]]:
        green(release, steps)
        name = before if release.name == "1.0" else after
        return [{"name": name, "level": "red", "found": "no such key", "remedy": "mend it"}]

    update.checks = checks
    with pytest.raises(UpdateFailed, match=rf"{after}: no such key \(-> mend it\)"):
        update.install(maker.sign(bundle_of(tmp_path / "stick", "1.1")))
    assert untouched(update)


def test_a_camera_set_aside_as_before_holds_nothing_up(
    update: Update, tmp_path: Path, maker: Maker
) -> None:
    """Its file is no worse than it was."""
    update.checks = lambda _release, _steps: [
        {"name": "configuration of gate", "level": "red", "found": "no such zone"}
    ]
    assert update.install(maker.sign(bundle_of(tmp_path / "stick", "1.1"))) == "1.1"


def test_a_camera_that_was_lost_before_does_not_hold_an_update_up(
    update: Update, tmp_path: Path, maker: Maker
) -> None:
    """What failed under the old release may fail under the new one; but the broker must answer."""

    def checks(_: Path, steps: Any, red: str = "cameras") -> list[dict[str, Any]]:
        return [
            {"name": s, "level": "red" if s == red else "green", "found": "away"} for s in steps
        ]

    update.checks = checks
    assert update.install(maker.sign(bundle_of(tmp_path / "stick", "1.1"))) == "1.1"
    update.checks = lambda release, steps: checks(release, steps, "broker")
    with pytest.raises(UpdateFailed, match="broker: away"):
        update.install(maker.sign(bundle_of(tmp_path / "stick", "1.2")))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"version": "0.9"}, r"0\.9, older than 1\.0 in service", id="older"),
        pytest.param({"version": "2", "machine": "riscv64"}, "is for riscv64", id="architecture"),
        pytest.param({"version": "2", "python": "2.7"}, r"for Python 2\.7", id="Python"),
        pytest.param({"version": "2", "form": 7}, "has format 7", id="from the future"),
        pytest.param({"version": "../x"}, "is no version", id="a path as its version"),
    ],
)
def test_a_bundle_for_another_box_is_refused(
    update: Update, tmp_path: Path, maker: Maker, changes: dict[str, Any], told: str
) -> None:
    """Though it is signed; nothing is done."""
    name = changes.pop("version")
    bundle = bundle_of(tmp_path / "stick", name.replace("/", ""), **changes)
    if "/" in name:
        bundle = bundle_of(tmp_path / "other", "1.1")
        bundle.write_bytes(bundle.read_bytes().replace(b'"1.1"', b'"../'[:4] + b'"'))
    with pytest.raises(InputError, match=told):
        update.install(maker.sign(bundle))
    assert untouched(update)


def test_an_older_one_may_be_asked_for(update: Update, tmp_path: Path, maker: Maker) -> None:
    """With its own word."""
    bundle = maker.sign(bundle_of(tmp_path / "stick", "0.9"))
    assert update.install(bundle, allow_older=True) == "0.9"


def test_forged_and_cut_off_bundles_are_refused(
    update: Update, tmp_path: Path, maker: Maker
) -> None:
    """Before anything of them is run."""
    forged = make(tmp_path, "stranger").sign(bundle_of(tmp_path / "stick", "1.1"))
    with pytest.raises(InputError, match="this box trusts"):
        update.install(forged)
    maker.sign(forged)
    for size in (forged.stat().st_size - 1, 3000, 100, 0):
        os.truncate(forged, size)
        with pytest.raises(InputError, match=r"damaged|cut off|no bundle"):
            update.install(forged)
    with pytest.raises(InputError, match="is the stick mounted"):
        update.install(tmp_path / "nothing.tar")
    assert untouched(update)


def test_a_box_that_trusts_nobody_takes_nothing(
    update: Update, tmp_path: Path, maker: Maker
) -> None:
    """It says where a key belongs."""
    update.keys = tmp_path / "none"
    with pytest.raises(InputError, match="trusts no key"):
        update.install(maker.sign(bundle_of(tmp_path / "stick", "1.1")))


@pytest.mark.parametrize(
    ("number", "told"),
    [
        pytest.param(errno.EROFS, "read-only; mount -o remount,rw", id="read-only root"),
        pytest.param(errno.ENOSPC, "the disk is full; free some space", id="full disk"),
        pytest.param(errno.EIO, "was the stick pulled", id="a stick that is pulled"),
    ],
)
def test_a_disk_that_takes_nothing_is_explained(
    update: Update, tmp_path: Path, maker: Maker, number: int, told: str
) -> None:
    """The kernel's answer is simulated; the release in service goes on."""
    bundle = maker.sign(bundle_of(tmp_path / "stick", "1.1"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as context:
        context.setattr("shutil.copyfile", refuse)
        with pytest.raises(InputError, match=told):
            update.install(bundle)
    assert untouched(update)


def test_too_little_room_is_said_before_anything_is_done(
    update: Update, tmp_path: Path, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is needed and what there is."""
    bundle = maker.sign(bundle_of(tmp_path / "stick", "1.1"))
    monkeypatch.setattr("edge.update.trial.ROOM", 1 << 40)
    with pytest.raises(InputError, match=r"MiB are needed, \d+ MiB are free; nothing was done"):
        update.install(bundle)
    assert untouched(update)


def test_two_updates_at_once_are_one_too_many(update: Update, tmp_path: Path) -> None:
    """The timer and an engineer, say."""
    with update.releases.locked(), pytest.raises(InputError, match="another update is under way"):
        update.resume()


def test_what_lies_in_the_inbox_is_taken_once(
    update: Update, tmp_path: Path, maker: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a fleet's agent puts it there; what it came to stands beside it."""
    inbox = tmp_path / "inbox"
    bundle_of(inbox, "1.3")  # its signature is still on its way
    maker.sign(bundle_of(inbox, "1.1"))
    make(tmp_path, "stranger").sign(bundle_of(inbox, "1.2"))
    (tmp_path / "etc").mkdir()
    where = ["--root", str(update.releases.root), "--keys", str(maker.keys)]
    command = ["update", "--resume", "--inbox", str(inbox), "--config", str(tmp_path / "etc")]
    assert main([*command, *where]) == 1
    assert boots(update.releases.root) == "1.1"
    assert sorted(path.name for path in inbox.iterdir() if path.is_file()) == [
        *("edge-1.1.tar.result", "edge-1.2.tar.result", "edge-1.3.tar"),
    ]
    assert (inbox / "edge-1.1.tar.result").read_text() == "release 1.1 is in service\n"
    assert "this box trusts" in (inbox / "edge-1.2.tar.result").read_text()
    assert "edge-1.2.tar: edge-1.2.tar is signed by key" in capsys.readouterr().err
    assert main([*command, *where]) == 0


def test_versions_are_ordered_as_people_do() -> None:
    """Not as text."""
    told = ["1.0", "0.10", "0.10rc1", "0.9", "0.10.1", "0.10.dev1", "0.10.post1", "0.10a1"]
    rising = ["0.9", "0.10.dev1", "0.10a1", "0.10rc1", "0.10", "0.10.post1", "0.10.1", "1.0"]
    assert sorted(told, key=ordered) == rising
    assert ordered("1.0") == ordered("1.0.0")

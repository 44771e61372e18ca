"""The disk outbox: numbers, incidents, bounds, damage."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import OutboxError
from edge.message import EventMessage, Evidence
from edge.sinks._outbox import MIB, Outbox, Stored
from tests.unit.sinks.events_builder import AT, ORIGIN, crossing, stay


def opened(folder: Path, **options: Any) -> Outbox:
    return Outbox(folder / "outbox.db", **{"reserve_bytes": MIB, **options})


def body(stored: Stored) -> Any:
    return json.loads(stored.payload)


def bodies(outbox: Outbox) -> list[Any]:
    return [body(stored) for stored in outbox.pending(10_000)]


def test_numbers_go_on_after_a_restart_even_when_all_were_delivered(tmp_path: Path) -> None:
    """A number is never used twice, so the hub can tell a gap from a restart."""
    outbox = opened(tmp_path)
    first = [outbox.append(crossing(n), ORIGIN)[0].seq for n in range(3)]
    outbox.acknowledge(first)
    outbox.close()
    outbox = opened(tmp_path)
    assert outbox.stats.depth == 0
    assert outbox.append(crossing(), ORIGIN)[0].seq == 4
    outbox.close()


def test_undelivered_messages_survive_a_restart_unchanged(tmp_path: Path) -> None:
    """Same bytes, same identifier: what the hub gets twice it can recognise."""
    outbox = opened(tmp_path)
    stored = [outbox.append(crossing(n), ORIGIN)[0] for n in range(5)]
    outbox.close()
    outbox = opened(tmp_path)
    assert list(outbox.pending(10)) == stored
    assert outbox.pending(2, after=3) == tuple(stored[3:5])
    assert outbox.stats.depth == 5
    outbox.close()


def test_topic_carries_site_node_camera_and_kind() -> None:
    """The address is stored with the message, so a renamed node does not readdress old ones."""
    outbox = Outbox(None)
    (stored,) = outbox.append(crossing(), ORIGIN)
    assert stored.topic == "v1/westminster/cabinet-017/camera/high-street-north/event/line_crossed"
    outbox.close()


def test_phases_of_one_stay_share_an_incident() -> None:
    """Begin, update and end carry the begin's id; another key or camera is another incident."""
    outbox = Outbox(None)
    other = stay("begin", key="18"), stay("begin", camera="quay")
    events = (stay("begin"), *other, stay("update", 1), stay("end", 2), stay("begin", 3))
    for event in events:
        outbox.append(event, ORIGIN)
    begin, key, camera, update, end, again = bodies(outbox)
    assert begin["incident"] == begin["id"] == update["incident"] == end["incident"]
    assert len({begin["incident"], key["incident"], camera["incident"], again["incident"]}) == 4
    outbox.close()


def test_pulse_is_its_own_incident() -> None:
    """Two crossings are two incidents."""
    outbox = Outbox(None)
    outbox.append(crossing(), ORIGIN)
    outbox.append(crossing(), ORIGIN)
    assert [message["incident"] for message in bodies(outbox)] == [
        message["id"] for message in bodies(outbox)
    ]
    outbox.close()


def test_what_becomes_known_later_is_an_update_that_opens_and_ends_nothing() -> None:
    """Of a pulse, of something open and of something over: same incident, next number."""
    outbox = Outbox(None)
    files = (Evidence(ref="a.jpg", sha256="3fa1c2d4" * 8),)
    for phase in ("pulse", "begin", "end"):
        event = crossing() if phase == "pulse" else stay(phase)
        (stored,) = outbox.append(event, ORIGIN)
        before = outbox.open_incidents()
        sent = EventMessage.model_validate_json(stored.payload)
        outbox.supplement(sent, files, "the clip ends here")
        added = EventMessage.model_validate_json(outbox.pending(9)[-1].payload)
        assert (added.phase, added.incident, added.seq) == ("update", sent.incident, sent.seq + 1)
        assert (added.at, added.rule, added.priority) == (sent.at, sent.rule, sent.priority)
        assert (added.evidence, added.reason, added.objects) == (files, "the clip ends here", None)
        assert outbox.open_incidents() == before
    outbox.close()


def test_second_begin_first_ends_the_old_one() -> None:
    """Every begin has exactly one end, also when a rule forgot that it had begun."""
    outbox = Outbox(None)
    outbox.append(stay("begin"), ORIGIN)
    stored = outbox.append(stay("begin", 5), ORIGIN)
    begin, end, again = bodies(outbox)
    assert [item.seq for item in stored] == [2, 3]
    assert (end["phase"], end["reason"], end["incident"]) == ("end", "superseded", begin["id"])
    assert again["incident"] == again["id"]
    assert len(outbox.open_incidents()) == 1
    outbox.close()


def test_end_without_a_known_begin_is_sent_all_the_same() -> None:
    """After a lost database an end is still news; it gets an incident of its own."""
    outbox = Outbox(None)
    outbox.append(stay("end"), ORIGIN)
    (end,) = bodies(outbox)
    assert end["incident"] == end["id"]
    outbox.close()


def test_a_restart_ends_what_a_crash_left_open(tmp_path: Path) -> None:
    """What nobody saw end is ended, with the reason, in the old incident, and only once."""
    outbox = opened(tmp_path)
    outbox.append(stay("begin"), ORIGIN)
    outbox.append(stay("begin", camera="quay"), ORIGIN)
    outbox.close()
    outbox = opened(tmp_path)
    assert [incident.camera for incident in outbox.open_incidents()] == [
        "high-street-north",
        "quay",
    ]
    later = AT + timedelta(minutes=5)
    (stored,) = outbox.end_open("the camera was removed", later, camera="quay")
    assert body(stored)["camera"] == "quay"
    (stored,) = outbox.end_open("the appliance was restarted", later)
    begin, end = bodies(outbox)[0], body(stored)
    assert (end["phase"], end["incident"]) == ("end", begin["id"])
    assert (end["reason"], end["at"]) == (
        "the appliance was restarted",
        "2026-11-23T09:32:38.123Z",
    )
    assert (end["rule"], end["where"], end["priority"]) == ("yard-entry", "yard", "review")
    assert "objects" not in end, "nobody saw who was there at the end"
    assert outbox.end_open("the appliance was restarted", later) == ()
    outbox.close()


def test_clock_set_back_does_not_end_before_the_begin() -> None:
    """An incident never has a negative duration."""
    outbox = Outbox(None)
    outbox.append(stay("begin"), ORIGIN)
    (stored,) = outbox.end_open("restarted", AT - timedelta(hours=1))
    assert body(stored)["at"] == bodies(outbox)[0]["at"]
    outbox.close()


def test_full_outbox_drops_updates_then_info_then_review_then_alerts() -> None:
    """The order in which a box long cut off forgets; each loss is a gap and a count."""
    room = 4200  # six messages
    outbox = Outbox(None, max_bytes=room)
    outbox.append(stay("begin", priority="alert"), ORIGIN)
    outbox.append(stay("update", 1, priority="alert"), ORIGIN)
    outbox.append(crossing(2, priority="review"), ORIGIN)
    outbox.append(crossing(3, priority="info"), ORIGIN)
    outbox.append(crossing(4, priority="info"), ORIGIN)
    order: list[str] = []
    for n in range(5, 25):
        outbox.append(crossing(n), ORIGIN)
        order += [rank for rank in outbox.stats.dropped if rank not in order]
    assert order == ["update", "info", "review", "alert"]
    dropped = outbox.stats.dropped
    assert (dropped["update"], dropped["info"], dropped["review"]) == (1, 2, 1)
    assert sum(dropped.values()) + outbox.stats.depth == outbox.stats.seq == 25 + 1  # the report
    assert outbox.stats.bytes <= room
    assert bodies(outbox)[-1]["seq"] == 26, "the newest alert is kept"
    outbox.close()


def test_info_does_not_push_an_alert_out() -> None:
    """A message of lower rank than all that wait is itself the one that is dropped."""
    outbox = Outbox(None, max_bytes=3000)
    while not outbox.stats.dropped:
        outbox.append(crossing(), ORIGIN)
    n_alerts = outbox.stats.depth
    outbox.append(crossing(priority="info"), ORIGIN)
    assert outbox.stats.depth == n_alerts
    assert outbox.stats.dropped["info"] == 1
    outbox.close()


def test_drop_counts_survive_a_restart(tmp_path: Path) -> None:
    """A loss is not forgotten by restarting the box."""
    outbox = opened(tmp_path, max_bytes=3000)
    for n in range(20):
        outbox.append(crossing(n), ORIGIN)
    before = outbox.stats
    outbox.close()
    outbox = opened(tmp_path, max_bytes=3000)
    assert outbox.stats == before
    assert before.dropped["alert"] > 0
    outbox.close()


@pytest.mark.parametrize("damage", ["rubbish", "torn", "foreign"])
def test_damaged_database_is_moved_aside_and_numbers_go_on(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The box keeps working, support keeps the file, and no number is used twice."""
    outbox = opened(tmp_path)
    last = [outbox.append(crossing(n), ORIGIN)[0].seq for n in range(30)][-1]
    outbox.close()
    path = tmp_path / "outbox.db"
    if damage == "rubbish":
        path.write_bytes(b"not a database" * 1000)
    elif damage == "torn":
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xff" * 20_000 + whole[24_096:])
    else:
        path.unlink()
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 77")
        other.close()
    with caplog.at_level(logging.ERROR):
        outbox = opened(tmp_path)
    assert outbox.stats.moved_aside == 1
    assert "outbox damaged" in caplog.text
    assert len(list(tmp_path.glob("outbox.db.damaged-*"))) == 1
    assert outbox.append(crossing(), ORIGIN)[0].seq > last
    outbox.close()


def test_damage_while_running_loses_no_new_event(tmp_path: Path) -> None:
    """An append that meets a damaged file succeeds in a new one."""
    outbox = opened(tmp_path)
    last = outbox.append(crossing(), ORIGIN)[0].seq
    outbox._medium.store._db.execute("DROP TABLE message")
    (stored,) = outbox.append(crossing(1), ORIGIN)
    assert stored.seq > last
    assert outbox.pending(10) == (stored,)
    assert outbox.stats.moved_aside == 1
    outbox.close()


@pytest.mark.parametrize("what", ["deleted", "deleted with an unreadable mark"])
def test_numbers_go_on_without_the_database(tmp_path: Path, what: str) -> None:
    """A deleted database does not start numbering at 1 again."""
    outbox = opened(tmp_path)
    last = outbox.append(crossing(), ORIGIN)[0].seq
    outbox.close()
    (tmp_path / "outbox.db").unlink()
    if "unreadable" in what:
        (tmp_path / "outbox.seq").write_bytes(b"\0\0garbled\n")
    outbox = opened(tmp_path)
    assert outbox.append(crossing(), ORIGIN)[0].seq > last
    outbox.close()
    outbox = opened(tmp_path)
    assert outbox.append(crossing(), ORIGIN)[0].seq == outbox.stats.seq
    outbox.close()


def test_a_kill_before_the_very_first_event_is_no_loss(tmp_path: Path) -> None:
    """The mark was raised for number 1, which was never committed: nothing is gone, no gap."""
    file = tmp_path / "outbox.db"
    Outbox(file, reserve_bytes=0).close()
    (tmp_path / "outbox.seq").write_bytes(b"%020d\n%020d\n" % (1000, 0))
    outbox = Outbox(file, reserve_bytes=0)
    assert outbox.trouble == ""
    (stored,) = outbox.append(crossing(), ORIGIN)
    assert stored.seq == 1
    outbox.close()


def test_second_process_is_refused_in_words(tmp_path: Path) -> None:
    """Two daemons on one outbox would use numbers twice."""
    outbox = opened(tmp_path)
    with pytest.raises(OutboxError, match="another process is using it; stop the other one"):
        opened(tmp_path)
    outbox.close()
    opened(tmp_path).close()


def test_missing_folder_is_named(tmp_path: Path) -> None:
    """It watches from memory, and the engineer reads which folder to make."""
    outbox = Outbox(tmp_path / "nowhere" / "outbox.db")
    assert "No such file" in outbox.trouble
    assert f"make sure {tmp_path}/nowhere exists" in outbox.trouble
    outbox.close()


def test_full_disk_uses_the_reserve_and_then_memory(tmp_path: Path) -> None:
    """With no byte left for others thousands of events still fit; what comes then is in memory."""
    script = """
import resource, sys
from pathlib import Path
from edge.sinks._outbox import MIB, Outbox
from tests.unit.sinks.events_builder import ORIGIN, crossing
folder = Path(sys.argv[1])
outbox = Outbox(folder / "outbox.db", reserve_bytes=2 * MIB)
for _ in range(3):
    outbox.append(crossing(), ORIGIN)
full = max(path.stat().st_size for path in folder.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (full, full))   # no file grows any more
n = 0
while n < 9000 and not outbox.trouble:
    outbox.append(crossing(n), ORIGIN)
    n += 1
for _ in range(10):
    outbox.append(crossing(), ORIGIN)
numbers = [stored.seq for stored in outbox.pending(9999)]
print(n, numbers == list(range(1, n + 14)), outbox.stats.depth == n + 13, outbox.trouble)
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    n, is_in_order, is_counted, words = run.stdout.split(maxsplit=3)
    assert int(n) > 1000
    assert (is_in_order, is_counted) == ("True", "True")
    assert "in memory only" in words
    assert "df -h" in words


def test_event_that_no_message_can_carry_changes_nothing() -> None:
    """A bad name neither uses a number nor leaves an incident open."""
    outbox = Outbox(None)
    with pytest.raises(ValueError, match="camera"):
        outbox.append(stay("begin", camera="No Such Name"), ORIGIN)
    assert outbox.open_incidents() == ()
    assert outbox.append(crossing(), ORIGIN)[0].seq == 1
    outbox.close()


def test_many_cameras_append_while_one_sender_reads(tmp_path: Path) -> None:
    """Numbers are continuous, and each camera's events are in its own order."""
    outbox = opened(tmp_path)
    sent: list[Stored] = []

    def watch(camera: str) -> None:
        for n in range(40):
            outbox.append(crossing(n, camera=camera), ORIGIN)

    threads = [threading.Thread(target=watch, args=(f"camera-{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    while len(sent) < 200:
        batch = outbox.pending(20)
        outbox.acknowledge([stored.seq for stored in batch])
        sent += batch
    for thread in threads:
        thread.join()
    assert [stored.seq for stored in sent] == list(range(1, 201))
    times: dict[str, list[str]] = {}
    for stored in sent:
        times.setdefault(body(stored)["camera"], []).append(body(stored)["at"])
    assert all(at == sorted(at) for at in times.values())
    assert (outbox.stats.depth, outbox.stats.bytes) == (0, 0)
    outbox.close()


def test_refused_message_is_set_aside_and_counted(tmp_path: Path) -> None:
    """What the broker can never take is out of the way, and can be looked at."""
    outbox = opened(tmp_path)
    (stored,) = outbox.append(crossing(), ORIGIN)
    outbox.refuse(stored.seq, "payload invalid")
    assert outbox.pending(10) == ()
    outbox.close()
    outbox = opened(tmp_path)
    assert outbox.refused() == ((stored, "payload invalid"),)
    assert (outbox.stats.refused, outbox.stats.depth) == (1, 0)
    outbox.close()


def test_replay_with_repeatable_randomness_gives_the_same_bytes() -> None:
    """Same input, same events: replay injects its randomness."""

    def replayed() -> list[Stored]:
        outbox = Outbox(None, randomness=lambda n: bytes(range(n)))
        for event in (crossing(), stay("begin", 1), stay("end", 2)):
            outbox.append(event, ORIGIN)
        stored = list(outbox.pending(10))
        outbox.close()
        return stored

    assert replayed() == replayed()


_steps = st.lists(
    st.tuples(st.sampled_from(["begin", "update", "end", "restart"]), st.sampled_from("ab")),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(_steps)
def test_every_begin_has_exactly_one_end(steps: list[tuple[str, str]]) -> None:
    """Whatever order rules, crashes and restarts come in, incidents pair up."""
    outbox = Outbox(None)
    for n, (step, key) in enumerate(steps):
        if step == "restart":
            outbox.end_open("restarted", AT + timedelta(seconds=n))
        else:
            outbox.append(stay(step, n, key=key), ORIGIN)
    outbox.end_open("stopped", AT + timedelta(seconds=60))
    messages = bodies(outbox)
    for begin in (message for message in messages if message["phase"] == "begin"):
        ends = [
            message
            for message in messages
            if message["incident"] == begin["incident"] and message["phase"] == "end"
        ]
        assert len(ends) == 1
        assert ends[0]["seq"] > begin["seq"]
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    outbox.close()

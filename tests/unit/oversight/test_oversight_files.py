"""A truth or events file that cannot be used is named with line, cause and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.cli import main
from edge.errors import InputError
from edge.oversight.truth import MOST_PROBLEMS, read_alarms, read_truth

HEADER = (
    '{"truth":1,"camera":"gate","clip":"gate.mp4","seconds":60,"rules":["in"],'
    '"labelled_by":"a test"}'
)
EVENT = '{"rule":"in","at":5}'
ALARM = (
    '{"id":"a","camera":"gate","kind":"line_crossed","rule":"in","phase":"pulse",'
    '"at":"1970-01-01T00:00:05.000Z"}'
)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(
            [], "t.jsonl: is empty; expected a recording's header in its first line", id="empty"
        ),
        pytest.param(
            [EVENT],
            "t.jsonl:1: expected a recording's header first; begin the file with a line such as "
            '{"truth":1,"camera":"gate","clip":"gate.mp4","seconds":600,"rules":["gate-in"],'
            '"labelled_by":"A. Name, by eye"}',
            id="no header",
        ),
        pytest.param(
            [HEADER, '{"rule":"in","at":5'],
            "t.jsonl:2: is not JSON: Expecting ',' delimiter; write one JSON object a line",
            id="cut off",
        ),
        pytest.param([HEADER, "[1]"], "t.jsonl:2: expected a JSON object, got a list", id="a list"),
        pytest.param(
            [HEADER, '{"rule":"in","at":"soon"}'],
            "t.jsonl:2: at: expected a valid number, got 'soon'; it means: Seconds into the "
            "recording, or UTC: when an alarm is due.",
            id="no time",
        ),
        pytest.param(
            [HEADER, '{"rule":"in","at":5,"direktion":"left"}'],
            "t.jsonl:2: there is no key 'direktion'; an event has rule, at, until, "
            "direction, class, doubtful, early, late, tags, note",
            id="a misspelt key",
        ),
        pytest.param(
            [HEADER, '{"rule":"in"}'],
            "t.jsonl:2: 'at' is missing: add it (Seconds into the recording, or UTC: when an alarm "
            "is due.)",
            id="a missing key",
        ),
        pytest.param(
            [HEADER, '{"rule":"out","at":5}'],
            "t.jsonl:2: rule 'out' is not among the header's rules (in); add it there, or "
            "correct it",
            id="a rule the header has not",
        ),
        pytest.param(
            [HEADER, '{"rule":"in","at":61}'],
            "t.jsonl:2: at: 61 s is outside the recording, which has 60 s; correct it, or the "
            "header's `seconds` or `start`",
            id="after the end",
        ),
        pytest.param(
            [HEADER, '{"rule":"in","at":9,"until":5}'],
            "t.jsonl:2: until: 5 s is before at, 9 s; swap them",
            id="over before it began",
        ),
        pytest.param(
            [HEADER, '{"ignore":[9,5]}'],
            "t.jsonl:2: ignore: ends at 5 s before it begins, 9 s",
            id="ignored backwards",
        ),
        pytest.param(
            [HEADER.replace("60", "-1")],
            "t.jsonl:1: seconds: expected greater than 0, got -1; it means: How much of it was "
            "looked at.",
            id="a header's number",
        ),
    ],
)
def test_a_truth_file_s_faults_are_named(lines: list[str], message: str) -> None:
    """File, line, what was expected and what to do."""
    with pytest.raises(InputError) as caught:
        read_truth("t.jsonl", lines, early=1, late=10)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(
            "hello",
            "e.jsonl:1: is not JSON: Expecting value; write one JSON object a line",
            id="text",
        ),
        pytest.param(
            ALARM.replace('"phase":"pulse",', ""),
            "e.jsonl:1: 'phase' is missing: add it",
            id="no phase",
        ),
        pytest.param(
            ALARM.replace("pulse", "punch"),
            "e.jsonl:1: phase: expected 'begin', 'update', 'end' or 'pulse', got 'punch'",
            id="a phase there is not",
        ),
    ],
)
def test_an_events_file_s_faults_are_named(line: str, message: str) -> None:
    """The same for messages."""
    with pytest.raises(InputError) as caught:
        read_alarms("e.jsonl", [line])
    assert str(caught.value) == message


def test_all_faults_are_told_at_once_up_to_a_limit() -> None:
    """Nobody corrects a file line by line, and nobody reads a thousand lines."""
    with pytest.raises(InputError) as caught:
        read_alarms("e.jsonl", ["hello"] * 100)
    lines = str(caught.value).splitlines()
    assert lines[1].startswith("e.jsonl:2: ")
    assert len(lines) == MOST_PROBLEMS + 1
    assert lines[-1] == "... and 80 more"


def test_a_message_of_a_newer_node_is_read() -> None:
    """Fields and kinds that are not known yet do not matter to a score."""
    (alarm,) = read_alarms("e.jsonl", [ALARM.replace('"id"', '"novel":{},"id"'), "", ""])
    assert alarm.rule == "in"


def test_times_may_be_utc() -> None:
    """For a live camera whose truth is written down from a clock."""
    header = HEADER.replace('"seconds"', '"start":"2026-11-23T09:00:00Z","seconds"')
    row = '{"rule":"in","at":"2026-11-23T09:00:05Z","until":"2026-11-23T10:00:30+01:00"}'
    (recording,) = read_truth("t.jsonl", [header, row], early=1, late=60)
    (event,) = recording.expected
    assert (event.at, event.opens, event.closes) == (5, 4, 30)


def test_the_command_prints_a_score_and_answers_with_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text for people, JSON for scripts, 1 where it is not good enough, 2 for a wrong file."""
    truth, events = tmp_path / "truth.jsonl", tmp_path / "events.jsonl"
    truth.write_text(f"{HEADER}\n{EVENT}\n" + EVENT.replace("5", "50") + "\n", "utf-8")
    events.write_text(ALARM + "\n", "utf-8")
    files = ["score", "--truth", str(truth), "--events", str(events)]

    assert main(files) == 0
    text = capsys.readouterr().out
    assert "0.500 (0.095-0.905)  1.000 (0.207-1.000)     0.717         0.504" in text
    assert "missed: gate/in at 50.00 s of gate.mp4" in text

    assert main([*files, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["total"]["recall"] == 0.5
    assert plain["total"]["recall_95"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert plain["delay_s"] == {"n": 1, "p50": 0.0, "p95": 0.0}
    assert plain["parameters"]["alpha_alert"] == 0.65

    assert main([*files, "--at-least", "0.5"]) == 0
    assert main([*files, "--at-least", "0.9"]) == 1
    capsys.readouterr()

    assert main([*files, "--events", str(tmp_path / "absent.jsonl")]) == 2
    assert "absent.jsonl: cannot be read: No such file or directory; check the path" in (
        capsys.readouterr().err
    )
    truth.write_bytes(b"\xff\xfe")
    assert main(files) == 2
    assert "truth.jsonl: is not UTF-8 text (byte 0)" in capsys.readouterr().err

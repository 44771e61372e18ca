"""A camera's file is changed where it has to be, and nowhere else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.config.amend import Unamendable, amended, rounded, unordered
from edge.config.credentials import Secrets
from edge.config.marks import parse

HEAD = """\
# The bakery's corner.
version: 1
camera: corner    # as in the contract
source: {kind: rtsp,   url: "rtsp://${USER}:${WORD}@10.0.0.21/s" }   # do not touch
analyse:
    detector: street
    fps:   8
"""
NAMES = st.sampled_from(["yard", "kerb", "no", "gate-2", "a", "b"])
NUMBERS = st.integers(0, 1000).map(lambda n: n / 1000)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS).map(list), min_size=3, max_size=5)
ZONES = st.dictionaries(NAMES, POINTS, max_size=4)
RULES = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["zone_entry", "loitering"]), "zone": NAMES},
        optional={
            "seconds": st.integers(1, 90),
            "classes": st.lists(st.sampled_from(["person", "car"]), min_size=1, max_size=2),
            "purpose": st.sampled_from(["theft: of bicycles", "no", "# not a comment", "a'b\"c"]),
            "enabled": st.booleans(),
        },
    ),
    max_size=3,
).map(lambda by_name: [{"name": name, **rule} for name, rule in by_name.items()])


def data_of(text: str) -> dict[str, Any]:
    """What a text says, as this program reads it."""
    document = parse(text.encode(), Path("corner.yaml"), Secrets(Path("nowhere")))
    assert isinstance(document.data, dict), document.findings
    return document.data


def quoted(value: Any) -> str:
    """A value in one line, as a technician may write it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key}: {quoted(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ",  ".join(map(quoted, value)) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"  # 0.500: a rewritten one would lose its noughts
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A file as people write them, with comments everywhere, and what its shapes say."""
    zones, masks, rules = draw(ZONES), draw(ZONES), draw(RULES)
    text = HEAD
    for block, shapes in (("zones", zones), ("masks", masks)):
        if not shapes:
            continue
        text += f"\n# about {block}\n{block}:   # {block} here\n"
        for name, points in shapes.items():
            text += draw(st.sampled_from(["", f"  # {block} {name}\n", f"\n    # {name}, twice\n"]))
            style = draw(st.sampled_from(["flow", "lines", "list"]))
            if style == "flow":
                text += f"  {name}: {quoted(points)}   # beside {name}\n"
            elif style == "lines":
                inner = ",  # a corner\n    ".join(map(quoted, points))
                text += f"  {name}: [\n    {inner},\n  ]\n"
            else:
                text += f"  {name}:\n" + "".join(f"    - {quoted(p)}\n" for p in points)
    if rules:
        text += "\nrules:\n"
        indent = draw(st.sampled_from(["", "  "]))
        for rule in rules:
            text += draw(st.sampled_from(["", f"{indent}# rule {rule['name']}\n"]))
            if draw(st.booleans()):
                text += f"{indent}- {quoted(rule)}  # {rule['name']}\n"
            else:
                lines = [f"{key}: {quoted(value)}" for key, value in rule.items()]
                text += f"{indent}- " + f"\n{indent}  ".join(lines) + "\n"
    text += draw(st.sampled_from(["", "# the end\n", "\n\n"]))
    return text.rstrip("\n") if draw(st.booleans()) else text, {
        "zones": zones,
        "masks": masks,
        "rules": rules,
    }


def comments(text: str) -> list[str]:
    """Lines that are a comment and nothing else."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), ZONES, ZONES, RULES)
def test_it_says_what_it_is_to_say_and_keeps_comments_and_order(
    written: tuple[str, dict[str, Any]],
    zones: dict[str, Any],
    masks: dict[str, Any],
    rules: list[dict[str, Any]],
) -> None:
    """Whatever is added, moved or taken out: all comment lines stay, in order."""
    text, _ = written
    new = {"zones": zones, "masks": masks, "rules": rules}
    result = amended(text, data_of(text), new)
    said = data_of(result)
    for key, value in new.items():
        assert unordered(said.get(key) or type(value)()) == unordered(value)
    assert comments(result) == comments(text)
    assert result.startswith(HEAD[:-1])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), st.data())
def test_only_the_line_that_changes_changes(
    written: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    """One corner is moved: every other byte stays, down to `0.500`."""
    text, old = written
    if not old["zones"]:
        return
    new = copy.deepcopy(old)
    name = data.draw(st.sampled_from(sorted(new["zones"])))
    new["zones"][name][1][0] = 0.12345
    result = amended(text, data_of(text), {"zones": new["zones"]})
    before, after = text.splitlines(), result.splitlines()
    assert len(before) == len(after)
    differing = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert len(differing) == 1
    was = f"{old['zones'][name][1][0]:.3f}"
    before_line, after_line = differing[0]
    assert after_line.split("0.12345", 1) in (
        [before_line[:i], before_line[i + len(was) :]]
        for i in range(len(before_line))
        if before_line.startswith(was, i)
    )


@given(files())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_to_do_changes_nothing(written: tuple[str, dict[str, Any]]) -> None:
    """The same values give the same bytes."""
    text, old = written
    assert amended(text, data_of(text), old) == text


def test_a_comment_above_a_deleted_entry_and_below_it_stays() -> None:
    """The comment under an entry belongs to the next one."""
    text = (
        "camera: a\nzones:\n  # first\n  a: [[0, 0], [1, 0], [1, 1]]\n"
        "  # second\n  b: [[0, 0], [1, 0], [1, 1]]\n"
    )
    wanted = {"zones": {"b": [[0, 0], [1, 0], [1, 1]]}}
    assert amended(text, data_of(text), wanted) == (
        "camera: a\nzones:\n  # first\n  # second\n  b: [[0, 0], [1, 0], [1, 1]]\n"
    )


def test_a_new_block_stands_in_its_usual_place() -> None:
    """Lines come after zones and before rules, wherever people look for them."""
    text = "camera: a\nzones:\n  a: [[0, 0], [1, 0], [1, 1]]\n\nrules: []\n"
    wanted = {
        "lines": {"gate": [[0.2, 0.8], [0.8, 0.8]]},
        "rules": [{"name": "in", "kind": "line_crossing", "line": "gate"}],
    }
    assert amended(text, data_of(text), wanted) == (
        "camera: a\nzones:\n  a: [[0, 0], [1, 0], [1, 1]]\n"
        "lines:\n  gate: [[0.2, 0.8], [0.8, 0.8]]\n\n"
        "rules:\n  - {name: in, kind: line_crossing, line: gate}\n"
    )


def test_an_empty_block_keeps_the_comment_in_its_line() -> None:
    """What stands beside `{}` is a comment as well."""
    text = "camera: a\nzones: {}   # none yet\nmasks:\n"
    new = {"zones": {"a": [[0, 0], [1, 0], [1, 1]]}, "masks": {"b": [[0, 0], [1, 0], [1, 1]]}}
    assert amended(text, data_of(text), new) == (
        "camera: a\nzones: {a: [[0, 0], [1, 0], [1, 1]]}   # none yet\n"
        "masks:\n  b: [[0, 0], [1, 0], [1, 1]]\n"
    )


def test_lines_end_as_they_did() -> None:
    """A file from Windows stays one."""
    text = "camera: a\r\nzones:\r\n  a: [[0, 0], [1, 0], [1, 1]]\r\n"
    new = {"zones": {"a": [[0, 0], [1, 0], [1, 1]], "b": [[0, 0], [1, 0], [0, 1]]}}
    assert amended(text, data_of(text), new) == text + "  b: [[0, 0], [1, 0], [0, 1]]\r\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{camera: a, zones: {}}", id="in braces"),
        pytest.param(
            "camera: a\nzones:\n  a: &x [[0, 0], [1, 0], [1, 1]]\n  b: *x\n", id="anchors"
        ),
    ],
)
def test_what_cannot_be_done_well_is_refused(text: str) -> None:
    """A layout that would have to be written anew is left to people."""
    with pytest.raises(Unamendable, match="by hand"):
        amended(text, data_of(text), {"zones": {"c": [[0, 0], [1, 0], [1, 1]]}})


def test_numbers_are_rounded_where_they_are_new() -> None:
    """A mouse says 0.123456789; what a technician wrote stays to the last digit."""
    assert rounded({"a": [[0.123456789, 0.3]]}, {"a": [[0.5, 0.3]]}) == {"a": [[0.1235, 0.3]]}
    assert rounded([0.123456789], [0.123456789]) == [0.123456789]

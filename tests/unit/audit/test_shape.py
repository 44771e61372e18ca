"""A line whose form is known is read as if it had been parsed, and refused where that refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.audit._record import parsed
from edge.audit._shape import IN_FULL, Shapes

TEXTS = st.text(max_size=6) | st.sampled_from(["a:1", "},{", '"', "\\", "é", "\x7f", "\x1f", ""])
VALUES = st.recursive(
    TEXTS | st.integers(-(2**60), 2**60) | st.booleans() | st.none() | st.floats(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.builds(
    lambda facts, kind, personal, extra: {
        "at": "2026-11-24T18:00:00.123Z", "facts": facts, "kind": kind, "n": 17, "v": 1,
        **({"personal": personal} if personal is not None else {}), **extra,
    },
    st.dictionaries(TEXTS | st.sampled_from(["kind", "n", "personal", "v"]), VALUES, max_size=4),
    TEXTS | st.sampled_from(["event", "log.gap"]),
    st.none() | TEXTS | st.just(7),
    st.dictionaries(st.sampled_from(["w", "a"]), VALUES, max_size=1),
)  # fmt: skip


def _line(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _read(shapes: Shapes, line: bytes) -> Any:
    try:
        return shapes.read(line)
    except ValueError as wrong:
        return str(wrong)


def _parsed(line: bytes) -> Any:
    try:
        record = parsed(line)
    except ValueError as wrong:
        return str(wrong)
    facts = record["facts"] if record["kind"] in IN_FULL else {}
    return record["n"], record["kind"], record.get("personal"), facts


@settings(max_examples=60)
@given(learnt=RECORDS, data=st.data())
def test_what_is_read_by_its_form_is_what_is_parsed(learnt: dict[str, Any], data: Any) -> None:
    """Whatever is done to a line of a form that was learnt: the same answer, the same refusal."""
    shapes, line = Shapes(), _line(learnt)
    for _ in range(6):
        assert _read(shapes, line) == _parsed(line)
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    put = data.draw(
        st.binary(max_size=2)
        | st.sampled_from(
            [b"0", b"01", b"-0", b"1.0", b"1e3", b'"', b'"a":1,', b"\\u0041", b"\xff"]
        )
        | st.just(line[a:b] * 2)
    )
    changed = line[:a] + put + (line[b:] if data.draw(st.booleans()) else line[a + len(put) :])
    assert _read(shapes, changed) == _parsed(changed)
    assert _read(shapes, line) == _parsed(line)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param(b'"seq":5', b'"seq":05', id="a zero too many"),
        pytest.param(b'"seq":5', b'"seq":5.0', id="a point"),
        pytest.param(b'"seq":5', b'"seq":-0', id="minus nothing"),
        pytest.param(b'"seq":5', b'"seq": 5', id="a space"),
        pytest.param(b'"gate"', b'"g\\u0061te"', id="a letter escaped"),
        pytest.param(b'"gate"', b'"g\tte"', id="a control character"),
        pytest.param(b'"gate"', b'"g\xffte"', id="not UTF-8"),
        pytest.param(b'"gate"', b'"gate","camera":"gate"', id="a name twice"),
        pytest.param(b'"v":1', b'"v":2', id="another version"),
        pytest.param(b'"n":3', b'"n":"3"', id="a number as text"),
    ],
)
def test_one_record_has_one_form(was: bytes, becomes: bytes) -> None:
    """Though its form was seen often before."""
    shapes = Shapes()
    line = b'{"facts":{"camera":"gate","seq":5},"kind":"event","n":3,"v":1}'
    for _ in range(9):
        assert shapes.read(line)[:3] == (3, "event", None)
    assert shapes.read(line.replace(b"3", b"4"))[0] == 4
    assert line.replace(was, becomes) != line
    with pytest.raises(ValueError, match=r"canonical|JSON|version|lacks"):
        shapes.read(line.replace(was, becomes))


def test_forms_that_never_come_again_cost_no_memory() -> None:
    """A log of records that are all different is read, and what is kept stays small."""
    shapes = Shapes()
    for k in range(3000):
        names = ",".join(f'"{k:04}{j}":{j}' for j in range(3))
        line = b'{"facts":{%s},"kind":"event","n":%d,"v":1}' % (names.encode(), k)
        for _ in range(4 if k % 10 == 0 else 1):
            assert shapes.read(line)[:2] == (k, "event")
    assert len(shapes._known) <= 32
    assert len(shapes._counted) <= 512

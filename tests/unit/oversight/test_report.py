"""A report says what the log says, points to it, and makes nothing up."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.audit import AuditLog, collect
from edge.cli import main
from edge.errors import InputError
from edge.oversight.evaluated import evaluation_facts
from edge.oversight.facts import read_month
from edge.oversight.page import page
from edge.oversight.report import month_of, reports
from edge.oversight.spans import common, hours, union, without
from edge.oversight.table import NOT_PROVIDED, Figure, Report, plain, ranges
from tests.unit.oversight.month_log import ARMED, EVALUATED, MODEL, Log, at, month_log

GOLDEN = Path(__file__).parents[2] / "golden" / "reports"
AUDIENCES = ("public", "committee")


def made() -> dict[str, Report]:
    """The month's reports."""
    verdict = f"verified: {len(month_log())} records as they were written"
    return reports(month_log(), "2026-11", "harbour/cabinet-1/audit", "edge 1.1", verdict)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_report_is_the_golden_one(audience: str) -> None:
    """Renew with EDGE_WRITE_EXPECTED=1; the diff is what changed for whoever reads it."""
    report = made()[audience]
    text = json.dumps(plain(report), indent=1, ensure_ascii=False) + "\n"
    for name, now in ((f"{audience}.json", text), (f"{audience}.html", page(report))):
        if "EDGE_WRITE_EXPECTED" in os.environ:
            GOLDEN.mkdir(exist_ok=True)
            (GOLDEN / name).write_text(now, encoding="utf-8")
        assert now == (GOLDEN / name).read_text(encoding="utf-8")


def rows(audience: str, table: str) -> list[dict[str, Any]]:
    """One table, as a machine reads it."""
    found: list[dict[str, Any]] = plain(made()[audience])["tables"][table]["rows"]
    return found


def test_hours_are_of_watching() -> None:
    """30 days less 2 blind, 1 off, and 3 of which nothing is known after the power failed."""
    (watching,) = rows("public", "watching")
    # 1 to 20, 21 to 26, and 29 to the last record before December: none after, so 0.
    assert watching["hours"]["value"] == (19 + 5 - 2) * 24
    assert watching["blind"]["value"] == 48
    outages = {row["what"]: row["hours"]["value"] for row in rows("public", "outages")}
    assert outages["camera_lost"] == 48
    assert outages["not running"] == 24 + 72 + 48


def test_false_alarms_have_their_interval() -> None:
    """10 of 19 judged; what was unclear or not reviewed is in neither, and said."""
    camera = rows("committee", "false_alarms")[0]
    assert camera["share"]["value"] == pytest.approx(10 / 19, abs=1e-4)
    assert re.fullmatch(r"52\.6% \(31\.7% to 72\.7%\)", camera["share"]["shown"])
    assert camera["reviewed"]["value"] == pytest.approx(21 / 42, abs=1e-4)
    by_kind = {row["kind"]: row for row in rows("committee", "alerts")}
    entered = by_kind["zone_entered"]
    assert [entered[key]["value"] for key in ("n", "true", "false", "unclear", "unreviewed")] == [
        41, 9, 10, 2, 20,
    ]  # fmt: skip


def test_a_breach_of_the_policy_calls_for_re_referral() -> None:
    """Even the lower end of the interval is above the limit; a changed threshold is one too."""
    found = {row["what"]: row for row in rows("public", "referrals")}
    assert found["share of false alarms"]["limit"] == "20.0%"
    assert found["gate not watching"]["figure"]["value"] == pytest.approx(2 / 24, abs=1e-3)
    assert found["threshold changed: detectors.street.confidence"]["figure"]["value"] == "0.3"
    difference = found["person missed, age: child less adult"]
    assert difference["figure"]["shown"] == "+20.0% (14.1% to 26.0%)"
    assert difference["limit"] == "5.0%"
    assert not [what for what in found if what.startswith("model changed")]  # the same again


def test_the_public_is_shown_nobody() -> None:
    """No name, no reason, no recipient, no count of a few; the committee sees them."""
    public = json.dumps(plain(made()["public"])) + page(made()["public"])
    committee = json.dumps(plain(made()["committee"]))
    for word in ("A. Patel", "Operator 4", "Police, case 12", "request 7", "J. Smith", "ethics"):
        assert word not in public
    assert "Police, case 12" in committee
    crossed = next(row for row in rows("public", "alerts") if row["kind"] == "line_crossed")
    assert crossed["n"] == {"value": None, "shown": "fewer than 5", "records": []}
    assert crossed["unreviewed"]["shown"] == "not shown"


def test_every_number_links_to_records_of_the_log() -> None:
    """Each figure of a table names records there are, or is none or withheld."""
    known = {record.n for record in month_log()}
    report = plain(made()["committee"])
    figures = [
        (table, key, cell)
        for table, told in report["tables"].items()
        for row in told["rows"]
        for key, cell in row.items()
        if isinstance(cell, dict)
    ]
    assert len(figures) > 60
    for table, key, cell in figures:
        numbers = {n for a, b in cell["records"] for n in range(a, b + 1)}
        assert numbers <= known
        assert numbers or cell["value"] in (0, 0.0, None), (table, key, cell)


def figures(records: list[Any]) -> dict[tuple[Any, ...], Figure]:
    """Every figure of both reports, by audience, table, first words of its row, and column."""
    found: dict[tuple[Any, ...], Figure] = {}
    for audience, report in reports(records, "2026-11", "a/b/audit", "edge", "-").items():
        for table in report.tables:
            n_rows: Counter[tuple[str, ...]] = Counter()
            for row in table.rows:
                words = tuple(cell for cell in row.values() if isinstance(cell, str))[:2]
                n_rows[words] += 1
                cells = {key: cell for key, cell in row.items() if isinstance(cell, Figure)}
                found |= {
                    (audience, table.key, words, n_rows[words], key): cell
                    for key, cell in cells.items()
                }
    return found


def test_no_number_rests_on_a_record_it_does_not_name() -> None:
    """Take away any one record, and only figures that named it are others.

    But for counts of what has no record: that nobody reviewed an alert, and nothing of a kind.
    """
    log = month_log()
    whole = figures(log)
    for n, record in enumerate(log):
        less = figures([*log[:n], *log[n + 1 :]])
        for place, figure in whole.items():
            now = less.get(place)
            is_other = now is None or (now.value, now.shown) != (figure.value, figure.shown)
            if not is_other or figure.is_small or place[-1] == "unreviewed" or figure.value == 0:
                continue
            assert record.n in figure.records, (place, record.n, record.kind)


def test_a_breach_of_a_few_reviews_is_said_to_the_public_without_them() -> None:
    """That there is one everybody may know; which four alerts it was, not."""
    log = Log()
    log.say(at(1), "start", {"config": "ab" * 32})
    log.say(at(1), "threshold.changed", {"of": "refer.false_alarm_share", "value": 0.2})
    log.say(at(1), "rule.armed", ARMED)
    for n in range(4):
        log.say(at(3), "review", {"event": log.event(at(2), n), "verdict": "false", "who": "Op"})
    told = reports(log.records, "2026-11", "a/b/audit", "edge", "verified")
    (public,) = plain(told["public"])["tables"]["referrals"]["rows"]
    assert public["what"] == "share of false alarms"
    assert public["figure"] == {"value": None, "shown": "fewer than 5 reviewed", "records": []}
    (committee,) = plain(told["committee"])["tables"]["referrals"]["rows"]
    assert committee["figure"]["value"] == 1.0
    assert committee["figure"]["records"] == [[1, 1], [3, 10]]


def test_of_several_reviews_the_newest_judgement_counts() -> None:
    """Not the one that came last: a desk may have been away, and the broker delivers late."""
    log = Log()
    log.say(at(1), "start", {"config": "ab" * 32})
    log.say(at(1), "rule.armed", ARMED)
    event = log.event(at(2), 1)
    for day, verdict in ((4, "false"), (3, "true"), (4, "unclear")):
        judged = f"{at(day):%Y-%m-%dT%H:%M:%S.000Z}"
        log.say(at(5), "review", {"event": event, "verdict": verdict, "at": judged, "who": "Op"})
    for n, outcome in ((5, "unclear"), (4, "false")):
        told = plain(
            reports(log.records[: n + 1], "2026-11", "a/b/audit", "edge", "-")["committee"]
        )
        (row,) = told["tables"]["alerts"]["rows"]
        assert row[outcome] == {"value": 1, "records": [[2, 3]] if n == 4 else [[2, 2], [5, 5]]}


def test_an_evaluation_s_groups_are_in_the_report() -> None:
    """Each rate with its interval, each comparison with its verdict; to the public not of a few."""
    told = {(row["by"], row["level"]): row for row in rows("public", "fairness")}
    assert told["group age", "child"]["rate"]["shown"] == "30.0% (25.1% to 35.4%)"
    assert told["group age", "child less adult"]["verdict"]["value"] == "difference shown"
    assert told["condition light", "dusk"]["objects"]["value"] is None
    assert ("condition light", "dusk less day") not in told
    committee = {row["level"]: row for row in rows("committee", "fairness")}
    words = committee["dusk less day"]["verdict"]["shown"]
    assert words == "not enough data: 900 more of dusk and 400 of day are needed"


def test_a_purpose_that_nobody_signed_is_not_said_to_be_signed() -> None:
    """In a laboratory rules arm under a policy without signatures."""

    def fourth(n_signatures: int) -> str:
        records = [
            type(one)(one.n, one.at, one.kind, {**one.facts, "n_signatures": n_signatures})
            if one.kind == "rule.armed"
            else one
            for one in month_log()
        ]
        told = plain(reports(records, "2026-11", "a/b/audit", "edge", "verified")["public"])
        proof: str = told["tables"]["principles"]["rows"][3]["proof"]["shown"]
        return proof

    assert fourth(2).startswith("1 of 1 armed rules")
    assert fourth(0).startswith("0 of 1 armed rules")


def test_a_copy_is_not_told_that_a_report_was_made(tmp_path: Path) -> None:
    """Whoever has no key has a copy, and a copy stays as it is."""
    folder = tmp_path / "audit"
    log = AuditLog(folder, "harbour/cabinet-1/audit")
    log.append("start", {})
    log.close()
    (folder / "log.key").unlink()
    before = sorted(folder.iterdir())
    assert main(["audit", "report", str(folder), "--month", "2026-11", "--json"]) == 0
    assert sorted(folder.iterdir()) == before


def test_what_was_evaluated_becomes_a_record(tmp_path: Path) -> None:
    """As `edge model eval --json` prints it; anything else is refused in words."""
    folder = tmp_path / "audit"
    AuditLog(folder, "harbour/cabinet-1/audit").close()
    file = tmp_path / "eval.json"
    measured = {"precision": "fp32", "engine": "onnx", "metric": "mAP", "value": 30.1, "date":
                "2026-11-14", "dataset": "yard", "software": "x", "weights": "3f" * 32}  # fmt: skip
    rates = {key: EVALUATED[key] for key in ("class", "confidence", "margin", "factors")}
    for factor in rates["factors"]:
        for one in factor["compared"]:
            one.setdefault("bootstrap", None)
    file.write_text(json.dumps({"measured": measured, "map": 30.1, "miss_rates": rates}))
    asked = ["audit", "evaluation", str(file), "--folder", str(folder), "--who", "A. Patel"]
    assert main(asked) == 0
    ((_, kind, told),) = collect(folder)
    assert (kind, told["sha256"], told["who"]) == ("model.evaluated", "3f" * 32, "A. Patel")
    assert told["factors"][1]["levels"][1]["n_missed"] == 90
    crowded = {**rates["factors"][0], "compared": rates["factors"][0]["compared"] * 60}
    for wrong, words in (
        ({"measured": measured}, "miss_rates: Field required"),
        ({"measured": measured, "miss_rates": {**rates, "factors": []}}, "compares nothing"),
        ({"measured": measured, "miss_rates": {**rates, "factors": [crowded] * 5}}, "fewer"),
    ):
        with pytest.raises(InputError, match=words):
            evaluation_facts("eval.json", json.dumps(wrong).encode())


def test_what_only_the_operator_knows_is_not_made_up() -> None:
    """ATRS and principles are filled from facts, or say NOT PROVIDED."""
    record = {row["key"]: row for row in rows("public", "atrs")}
    for key in ("organisation", "owner", "contact", "benefit", "training", "risks"):
        assert record[key]["says"] == NOT_PROVIDED
        assert record[key]["source"] == "operator"
    assert record["street_sha256"]["says"]["value"] == MODEL["sha256"]
    assert record["assessment"]["says"]["value"] == "DPIA-2026-017 v2"
    assert len(rows("public", "principles")) == 12
    empty = reports([], "2026-11", "a/b/audit", "edge", "verified: 0 records")
    fields = {row["key"]: row for row in plain(empty["public"])["tables"]["atrs"]["rows"]}
    assert fields["description"]["says"] == NOT_PROVIDED
    assert fields["frequency"]["says"] == NOT_PROVIDED


class _Reader(HTMLParser):
    """Gathers what the tests ask of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note identifiers, links, and whatever is loaded from elsewhere."""
        told = dict(attrs)
        self.tags.append(tag)
        if told.get("id"):
            self.ids.append(str(told["id"]))
        if tag == "a":
            self.links.append(str(told.get("href")))
        self.loaded += [str(told[key]) for key in ("src", "srcset") if told.get(key)]
        if tag == "svg":
            assert told.get("role") == "img"
            assert told.get("aria-label")
        if tag == "th":
            assert told.get("scope") == "col"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_page_stands_alone(audience: str) -> None:
    """Nothing is loaded, no script, each link has its place, each chart its words."""
    reader = _Reader()
    reader.feed(page(made()[audience]))
    assert not reader.loaded
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert len(reader.ids) == len(set(reader.ids))
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    assert reader.tags.count("svg") == 3
    assert reader.tags.count("h1") == 1


def test_what_a_box_says_cannot_become_markup() -> None:
    """A camera's name is a technician's text, and is shown as text."""
    records = month_log()
    hostile = "<script>alert(1)</script>\" onload='x"
    for i, one in enumerate(records):
        if one.kind == "rule.armed":
            records[i] = type(one)(one.n, one.at, one.kind, {**ARMED, "place": hostile})
    text = page(reports(records, "2026-11", "a/b/audit", "edge", "verified")["public"])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_log_on_disk_becomes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four files; of a log that was changed, exit 1 and the page says so at its top."""
    folder = tmp_path / "audit"
    log = AuditLog(folder, "harbour/cabinet-1/audit")
    other = {**MODEL, "sha256": "4e" * 32}
    for kind, facts in (
        ("start", {}), ("rule.armed", ARMED), ("model.changed", MODEL), ("model.changed", other),
    ):  # fmt: skip
        log.append(kind, facts)
    log.close()
    month = f"{datetime.now(timezone.utc):%Y-%m}"
    out = tmp_path / "out"
    asked = ["audit", "report", str(folder), "--month", month, "--out", str(out)]
    assert main(asked) == 0
    assert len(capsys.readouterr().out.split()) == 4
    said = json.loads((out / f"report-{month}-public.json").read_text())
    assert said["log"].startswith("verified: 4 records as they were written")
    assert said["box"] == "harbour/cabinet-1"
    ((_, kind, told),) = collect(folder)
    assert (kind, told["month"], told["is_sound"]) == ("report.made", month, True)
    assert told["referrals"] == ["model changed: street"]
    public = (out / f"report-{month}-public.html").read_bytes()
    assert told["files"][f"report-{month}-public.html"] == hashlib.sha256(public).hexdigest()
    (records,) = folder.glob("records-*.jsonl")
    records.write_bytes(records.read_bytes().replace(b"yard-entry", b"yard-entri"))
    assert main(asked) == 1
    assert "NOT as it was written" in (out / f"report-{month}-public.html").read_text()


@pytest.mark.parametrize("text", ["2026-13", "2026", "november", "2026-1", "0000-01"])
def test_a_month_is_a_month(text: str) -> None:
    """Anything else is said."""
    with pytest.raises(InputError, match="expected a month such as 2026-11"):
        month_of(text)


def test_what_the_policy_refuses_is_not_armed_by_the_end_of_an_incident() -> None:
    """`rule_disarmed` ends at a stop; that arms nothing, and a person's arming does."""
    place = {"camera": "gate", "rule": "kerb"}
    log = Log()
    log.say(at(1), "start", {})
    log.say(at(1), "rule.refused", {**place, "reason": "it has no purpose"})
    log.say(at(2), "rule.armed", {**place, "id": "0199"})
    assert read_month(log.records, at(1), at(1, 12)).armed == []
    log.say(at(3), "rule.armed", {**place, "kind": "zone_entry"})
    log.say(at(4), "stop", {})
    (armed,) = read_month(log.records, at(1), at(1, 12)).armed
    assert armed.span == (at(3), at(4))


def test_what_goes_on_goes_on_into_the_month() -> None:
    """A rule armed and a camera lost in October are so in November, until a record says else."""
    month = read_month(month_log(), at(1), at(1, 12))
    assert month.armed[0].span[0] == at(1)
    assert month.before["model.changed", "street"].facts["model"] == "yolox-nano"


moments = st.integers(0, 48).map(lambda n: at(1 + n / 24))
some_spans = st.lists(st.tuples(moments, moments), max_size=6)


@given(some_spans, some_spans)
def test_spans_add_up(first: list[Any], second: list[Any]) -> None:
    """What is in both and what is in the first alone are together the first."""
    both, alone = common(first, second), without(first, second)
    assert hours(both) + hours(alone) == pytest.approx(hours(union(first)))
    assert not common(alone, second)


@given(st.sets(st.integers(0, 60)))
def test_ranges_are_the_numbers(numbers: set[int]) -> None:
    """No more, no fewer, none twice."""
    assert [n for a, b in ranges(numbers) for n in range(a, b + 1)] == sorted(numbers)

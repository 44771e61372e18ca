"""Records: what an authority has to publish, filled from what the box knows. Pure.

The Algorithmic Transparency Recording Standard (field names as of its version 2.1 and 3; the
numbers of version 3 are second-hand), the facts an impact assessment needs, and the twelve
principles of the Surveillance Camera Code (the wording of 1 to 8 is known, of 9 to 12 second-hand).
Where only the operator can say something it is NOT PROVIDED: no text is made up.
"""

# ruff: noqa: E501 - tables of prose, a row a line
# fmt: off

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge.oversight._governed import history
from edge.oversight.facts import Month, Stretch, text
from edge.oversight.table import NOT_PROVIDED, Cell, Figure, Row, Table, counted

ARCHITECTURE = (
    "Camera stream, decoder, detector network, tracker, geometric rules, event message. The rules "
    "are fixed logic that a technician configures; only the detector is learnt, and it does not "
    "learn in service."
)
OUTPUT = (
    "Messages about places and moments: kind, camera, rule, time, classes and boxes of objects. No "
    "identity, no personal attribute and no picture is in a message."
)
SIGNATURES = 2
"""Approvers who have signed a policy that governs; `edge.admission` asks for as many."""

REVIEW = (
    "Each alert goes to a person, who decides what is done and whose finding (true, false, "
    "unclear) is counted in this report. Nothing acts or retrains by itself."
)


def atrs(month: Month, site: str, software: str, *, is_public: bool) -> Table:
    """The transparency record.

    Args:
        month: The facts.
        site: Site and node, as the log's origin has them.
        software: Version of this software.
        is_public: Without counts of a few.
    """
    purposes = _said(month, "statement") or _said(month, "purpose")
    models = list(_models(month))
    rules = _records(month.armed)
    fields: list[tuple[str, str, Cell, str]] = [
        ("name", "Tier 1: name", f"Video analytics at {site}", "log"),
        ("description", "Tier 1: description", _joined(purposes, rules), "configuration"),
        ("website", "Tier 1: website", NOT_PROVIDED, "operator"),
        ("contact", "Tier 1: contact", NOT_PROVIDED, "operator"),
        ("organisation", "2.1 Organisation and team", NOT_PROVIDED, "operator"),
        ("owner", "2.1 Senior responsible owner", NOT_PROVIDED, "operator"),
        ("third_party", "2.1 Third parties and procurement", NOT_PROVIDED, "operator"),
        ("detailed_description", "2.2 Detailed description", ARCHITECTURE, "software"),
        ("scope", "2.2 Scope", _joined(_scope(month), rules), "configuration"),
        ("benefit", "2.2 Benefit", NOT_PROVIDED, "operator"),
        ("previous_process", "2.2 Previous process", NOT_PROVIDED, "operator"),
        ("alternatives", "2.2 Alternatives considered", NOT_PROVIDED, "operator"),
        ("integration", "2.3 Process integration", NOT_PROVIDED, "operator"),
        ("provided_information", "2.3 Provided information", OUTPUT, "software"),
        ("frequency", "2.3 Frequency and scale of usage", _scale(month, is_public=is_public), "measured"),
        ("human_decisions", "2.3 Human decisions and review", REVIEW, "software"),
        ("training", "2.3 Required training", NOT_PROVIDED, "operator"),
        ("appeals", "2.3 Appeals and review", NOT_PROVIDED, "operator"),
        ("architecture", "2.4.1 System architecture", ARCHITECTURE, "software"),
        ("system_input", "2.4.1 System-level input", _joined(_inputs(month), rules), "configuration"),
        ("system_output", "2.4.1 System-level output", OUTPUT, "software"),
        ("maintenance", "2.4.1 Maintenance", NOT_PROVIDED, "operator"),
        ("version", "2.4.1 Software", software, "software"),
        *models,
        ("development_data", "2.4.3 Development data", NOT_PROVIDED, "operator"),
        ("operational_data", "2.4.4 Operational data: sources", _joined(_inputs(month), rules), "configuration"),
        ("sensitive", "2.4.4 Operational data: sensitive attributes", "none are inferred or recorded", "software"),
        ("sharing", "2.4.4 Data sharing agreements", NOT_PROVIDED, "operator"),
        ("assessment", "2.5 Impact assessment", _joined(_said(month, "dpia"), rules), "policy"),
        ("risks", "2.5 Risks and mitigations", NOT_PROVIDED, "operator"),
    ]
    return Table(
        "atrs",
        "Algorithmic Transparency Record (UK ATRS)",
        {"field": "Field", "says": "Says", "source": "From"},
        [
            {"field": heading, "key": key, "says": says, "source": source}
            for key, heading, says, source in fields
        ],
        "For the operator to complete and to publish; headings of tier 2 follow version 3 as far as "
        "they are known here.",
    )


def dpia(month: Month, *, is_public: bool) -> Table:
    """The facts a data protection impact assessment needs from the box."""
    rules = _records(month.armed)
    rows: list[Row] = [
        {"what": "Data items", "says": "Camera pictures in memory while they are analysed; event "
         "messages; clips and snapshots where evidence is configured; this log"},
        {"what": "Sources", "says": _joined(_inputs(month), rules)},
        {"what": "Privacy masks", "says": _joined(_masks(month), rules)},
        {"what": "Purposes", "says": _joined(_said(month, "statement") or _said(month, "purpose"), rules)},
        {"what": "Legal basis", "says": _joined(_said(month, "legal_basis"), rules)},
        {"what": "Assessment", "says": _joined(_said(month, "dpia"), rules)},
        {"what": "Special categories, biometrics", "says": "none: the box identifies nobody and infers "
         "no personal attribute; there is no reference database"},
        {"what": "Automated decisions about people", "says": "none: an alert asks a person to look"},
        {"what": "Evidence kept in the month", "says": _files(month, "evidence.made")},
        {"what": "Evidence erased in the month", "says": _files(month, "evidence.erased")},
        {"what": "Disclosures in the month", "says": _times(month, ("evidence.exported",), "times", is_public=is_public)},
        {"what": "Recipients", "says": NOT_PROVIDED},
        {"what": "Consultation of the public", "says": NOT_PROVIDED},
        {"what": "Necessity and proportionality", "says": NOT_PROVIDED},
    ]
    return Table("dpia", "Facts for the impact assessment", {"what": "What", "says": "Says"}, rows)


def principles(month: Month, *, is_public: bool) -> Table:
    """The twelve principles of the Surveillance Camera Code, and what the box proves of each."""
    rules = _records(month.armed)
    with_purpose = [one for one in month.armed if text(one.facts, "legal_basis")]
    # A laboratory's policy need not be signed, and arms all the same.
    answered = [one for one in with_purpose if int(one.facts.get("n_signatures") or 0) >= SIGNATURES]
    refused = [one.n for one in month.of("rule.refused", "model.refused")]
    due = [one.n for one in month.of("rule.due")]
    n_rules, n_stated, n_answered = (
        len({(s.camera, s.what) for s in some}) for some in (month.armed, with_purpose, answered)
    )
    access = ("evidence.viewed", "evidence.exported", "login", "command")
    proofs: list[tuple[str, Cell, str]] = [
        ("Specified purpose, legitimate aim, pressing need",
         Figure(n_stated, rules, f"{n_stated} of {n_rules} armed rules: with a purpose and its legal basis"),
         "the pressing need"),
        ("Effect on individuals and privacy, regular reviews",
         Figure(len(due), tuple(due), f"{_n(len(due), 'warning')} of a review to come; masked areas are black before anything sees the picture"),
         "the assessment itself"),
        ("Transparency, published contact point", "this report, and what the box says of itself over MQTT",
         "contact point, signage"),
        ("Responsibility and accountability", Figure(n_answered, _records(answered), f"{n_answered} of {n_rules} armed rules: with an owner in a policy that two approvers signed"),
         "who answers for the system"),
        ("Rules, policies and procedures before use",
         Figure(len(refused), tuple(refused), f"{_n(len(refused), 'refusal')} by the policy"),
         "procedures of the people who use it"),
        ("No more stored than necessary", _files(month, "evidence.erased", "erased"), "retention periods, justified"),
        ("Restricted access, limited disclosure",
         _times(month, access, "times, each a record", is_public=is_public),
         "who may have access"),
        ("Approved operational, technical and competency standards", _measured(month), "competency of staff"),
        ("Security against unauthorised access", "the log is signed and append-only; whoever has a copy can verify it",
         "security of the site and of the broker"),
        ("Effective review and audit mechanisms, regular reports",
         _times(month, ("review",), "findings of review; this report", is_public=is_public),
         "who reads it"),
        ("Used effectively, images of evidential value", _files(month, "evidence.made", "kept with their hashes"), "outcomes of cases"),
        ("Reference databases accurate and up to date", "there is no reference database", "-"),
    ]
    return Table(
        "principles",
        "The twelve principles of the Surveillance Camera Code",
        {"n": "No.", "principle": "Principle", "proof": "What the box proves", "left": "Operator"},
        [
            {
                "n": str(n),
                "principle": principle,
                "proof": proof,
                "left": f"{NOT_PROVIDED}: {left}" if left != "-" else "-",
            }
            for n, (principle, proof, left) in enumerate(proofs, 1)
        ],
        "The wording of principles 9 to 12 is shortened from secondary sources.",
    )


def _records(stretches: Iterable[Stretch]) -> tuple[int, ...]:
    """Numbers of the records that began them."""
    return tuple(dict.fromkeys(one.records[0] for one in stretches))


def _said(month: Month, key: str) -> list[str]:
    """What armed rules say of one thing, each once."""
    return sorted({text(one.facts, key) for one in month.armed} - {""})


def _joined(words: list[str], records: tuple[int, ...]) -> Cell:
    return Figure("; ".join(words), records) if words else NOT_PROVIDED


def _scope(month: Month) -> list[str]:
    return sorted(
        {f"{text(one.facts, 'place') or one.camera}: {text(one.facts, 'kind')}" for one in month.armed}
    )


def _inputs(month: Month) -> list[str]:
    return sorted(
        {f"camera {one.camera}" + (f" ({place})" if (place := text(one.facts, "place")) else "")
         for one in month.armed}
    )


def _masks(month: Month) -> list[str]:
    found = {one.camera: int(one.facts.get("n_masks") or 0) for one in month.armed}
    return [f"{camera}: {n} areas" for camera, n in sorted(found.items())]


def _scale(month: Month, *, is_public: bool) -> Cell:
    events = tuple(
        one.n for one in month.of("event")
        if one.facts.get("rule") and one.facts.get("phase") in ("begin", "pulse")
        and one.facts.get("kind") != "rule_disarmed"
    )
    cameras = {one.camera for one in month.armed}
    if not cameras:
        return NOT_PROVIDED
    return _counted(events, f"alerts of {len(cameras)} cameras in the month", is_public=is_public)


def _times(month: Month, kinds: tuple[str, ...], words: str, *, is_public: bool) -> Figure:
    """How often something of people's was done, in words."""
    return _counted(tuple(one.n for one in month.of(*kinds)), words, is_public=is_public)


def _counted(numbers: tuple[int, ...], words: str, *, is_public: bool) -> Figure:
    found = counted(numbers, is_public=is_public, is_sensitive=True)
    return replace(found, shown=f"{found.text} {words}")


def _files(month: Month, kind: str, word: str = "") -> Cell:
    numbers = tuple(one.n for one in month.of(kind))
    return Figure(len(numbers), numbers, f"{_n(len(numbers), 'file')} {word}".strip())


def _n(n: int, word: str) -> str:
    return f"{n} {word}{'s' * (n != 1)}"


def _measured(month: Month) -> Cell:
    """How many of the engines in force have an accuracy record of their own."""
    models = history(month, "model.changed")
    good = [one.n for one in models if text(one.facts, "accuracy")]
    words = f"{len(good)} of {_n(len(models), 'engine')} in force had an accuracy measured as it runs"
    return Figure(len(good), tuple(one.n for one in models), words) if models else "no model ran"


def _models(month: Month) -> Iterable[tuple[str, str, Cell, str]]:
    seen = {text(one.facts, "detector"): one for one in history(month, "model.changed")}
    for name, one in sorted(seen.items()):
        for key, heading, source in (
            ("model", "name", "model card"),
            ("sha256", "version (SHA-256)", "measured"),
            ("intended_use", "task", "model card"),
            ("accuracy", "performance", "measured"),
            ("known_limits", "known limits", "model card"),
        ):
            says = text(one.facts, key)
            cell: Cell = Figure(says, (one.n,)) if says else NOT_PROVIDED
            yield f"{name}_{key}", f"2.4.2 Model of {name}: {heading}", cell, source

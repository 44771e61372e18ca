"""A policy in service: what it keeps back is silent, and said everywhere else."""

from __future__ import annotations

import datetime as dt
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.admission.signatures import add_signature, sign
from edge.cli import main
from edge.config import Config, ConfigUnusable, load
from edge.detectors import Models
from edge.event import Event
from edge.message import About, EventMessage
from edge.runtime.arming import Arming, Disarming
from edge.runtime.governance import Governance
from edge.runtime.service import Service, origin_of
from edge.sinks import Publisher, open_publisher
from edge.sinks._outlet import SinkOptions
from tests.clips import encode
from tests.servers import eventually
from tests.unit.admission.policies import TODAY, keys, write_policy
from tests.unit.runtime.test_arming import at, told
from tests.unit.sinks.events_builder import crossing, stay


class Kept:
    """An outlet that keeps what it is given."""

    acknowledges = False

    def __init__(self) -> None:
        self.events: list[EventMessage] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.vital: list[dict[str, Any]] = []

    def deliver(self, stored: Any) -> None:
        """Keep an event."""
        self.events.append(EventMessage.model_validate_json(stored.payload))

    def retain(self, subtopic: str, payload: bytes) -> None:
        """Keep a state."""
        self.states[subtopic] = json.loads(payload or b"{}")

    def keep_only(self, subtopics: Any) -> None:
        """Nothing to remove."""

    def health(self, payload: bytes) -> None:
        """Keep vital signs."""
        self.vital.append(json.loads(payload))

    def hear(self, subtopics: Any, ear: Any) -> None:
        """Nobody speaks."""

    def start(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to let go."""


class Keeping(SinkOptions):
    """Opens the same `Kept` always."""

    kind: str = "kept"

    def open(self, outbox: Any, origin: Any, folder: Path) -> Any:  # noqa: ARG002
        """Give it."""
        return KEPT[0]


KEPT: list[Kept] = []


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with one camera of two rules, one with a purpose; not governed yet."""
    encode(tmp_path / "clip.mp4", fps=25)
    appliance = {
        "version": 1,
        "site": "street",
        "node": "cabinet",
        "mqtt": {"url": "mqtt://127.0.0.1"},
        "storage": {"path": "storage"},
        "detectors": {"street": {"kind": "motion"}},
    }
    camera = {
        "version": 1,
        "camera": "gate",
        "source": {"kind": "file", "path": "clip.mp4", "loop": True},
        "analyse": {"detector": "street"},
        "lines": {"line": [[0.4, 1.0], [0.4, 0.0]]},
        "rules": [
            {"name": "with", "kind": "line_crossing", "line": "line", "purpose": "yard-safety"},
            {"name": "without", "kind": "line_crossing", "line": "line"},
        ],
    }
    (tmp_path / "cameras").mkdir()
    (tmp_path / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    (tmp_path / "cameras/gate.yaml").write_text(yaml.safe_dump(camera))
    return tmp_path


def signed(site: Path, public: dict[str, str], **changes: Any) -> Config:
    """The folder with a policy that both approvers signed."""
    write_policy(site, public, thresholds=[], **changes)
    for name in public:
        config = load(site)
        assert config.policy is not None
        one = sign(site / f"{name}.pem", config.policy_sha256, config.policy.approvers)
        add_signature(site, one, config.policy_sha256, set(config.signers))
    return load(site)


def publisher_of(config: Config) -> tuple[Publisher, Kept]:
    """A publisher, and what it says."""
    KEPT[:] = [Kept()]
    storage = config.appliance.storage.path
    return open_publisher(storage, origin_of(config), [Keeping()], folder=storage), KEPT[0]


def test_a_rule_without_a_purpose_is_not_armed_and_that_is_said(site: Path) -> None:
    """An event, the rule's state and `about` say it; a command cannot get around it."""
    config = signed(site, keys(site), deployment={
        "name": "Yard", "authoriser": "Chief", "start": "2020-01-01", "review": "2999-01-01",
    }, purposes={"yard-safety": {
        "statement": "Safety", "legal_basis": "Law", "owner": "analytics",
        "review": "2999-01-01", "dpia": "D-1",
    }})  # fmt: skip
    publisher, kept = publisher_of(config)
    service = Service(config, publisher)
    try:
        service.start()
        assert eventually(lambda: service.cameras[0].status.state == "watching", 30)
        assert service.cameras[0].refused("without") == "it has no purpose"
    finally:
        service.stop("the test ended")
        publisher.close()
    begun, ended = (one for one in kept.events if one.kind == "rule_disarmed")
    assert (begun.rule, begun.phase, ended.phase) == ("without", "begin", "end")
    assert begun.reason == "not armed, by the policy: it has no purpose"
    assert kept.states["camera/gate/state/without"]["armed"] is False
    assert kept.states["camera/gate/state/without"]["refused"] == "it has no purpose"
    assert kept.states["camera/gate/state/with"]["armed"] is True
    about = About.model_validate_json(json.dumps(kept.states["about"]))
    assert about.policy is not None
    assert about.policy.state == "governed"
    assert about.policy.refused is not None
    assert [one.what for one in about.policy.refused] == ["rule gate/without"]
    assert set(about.policy.signed_by or ()) == {"analytics", "ethics"}


@pytest.mark.parametrize("is_trial", [False, True])
def test_a_laboratory_marks_every_message_and_nothing_else_does(site: Path, is_trial: bool) -> None:
    """Events, states, vital signs and `about`; without a policy only `about` has a word more."""
    if is_trial:
        (site / "policy.yaml").write_text("version: 1\nprofile: laboratory\n")
    config = load(site)
    publisher, kept = publisher_of(config)
    service = Service(config, publisher)
    try:
        service.start()
        assert eventually(lambda: service.cameras[0].status.state == "watching", 30)
        service.say_health()
        until = datetime(2030, 1, 1, tzinfo=timezone.utc)
        service.cameras[0].disarm(Disarming("with", 1e9, until, "by a test"))
        service.cameras[0].arm("with", "armed by a test")
    finally:
        service.stop("the test ended")
        publisher.close()
    mark = "laboratory" if is_trial else None
    assert kept.events
    assert {one.profile for one in kept.events} == {mark}
    assert {state.get("profile") for state in kept.states.values()} == {mark}
    assert {one.get("profile") for one in kept.vital} == {mark}
    assert kept.states["about"]["policy"]["state"] == (mark or "ungoverned")
    assert all(state["armed"] for topic, state in kept.states.items() if "/state/" in topic)


def test_a_deployment_past_its_review_disarms_while_it_runs(site: Path) -> None:
    """Weeks of notices, then nothing arms; each is recorded once, not daily."""
    config = signed(site, keys(site))
    days = [TODAY]
    said: list[tuple[str, dict[str, object]]] = []
    governance = Governance(
        Models([]), lambda: days[0], lambda kind, facts: said.append((kind, dict(facts)))
    )
    assert governance.is_due
    governance.review(config, {"street": ""})
    assert not governance.is_due
    assert set(governance.standing.refused) == {("gate", "without")}
    days[0] = dt.date(2027, 4, 1)
    assert governance.is_due
    assert governance.review(config, {"street": ""})
    assert "was to be reviewed by 2027-01-10" in governance.standing.refused["gate", "with"]
    assert (governance.about(config).due or ())[0].startswith("deployment has to be reviewed by")
    days[0] = dt.date(2027, 5, 1)
    assert governance.review(config, {"street": ""})
    assert "the deployment was to be reviewed" in governance.standing.refused["gate", "with"]
    kinds = [kind for kind, _ in said]
    assert (kinds.count("model.admitted"), kinds.count("rule.due")) == (1, 1)
    assert not governance.review(config, {"street": ""})
    assert [kind for kind, _ in said] == kinds


def test_a_detector_that_is_not_admitted_arms_nothing(site: Path) -> None:
    """What watches in its place was evaluated by nobody."""
    config = signed(site, keys(site))
    governance = Governance(Models([]), lambda: TODAY)
    governance.review(config, {"street": "watching for motion only"})
    assert governance.standing.refused["gate", "with"] == (
        "its detector is not admitted: watching for motion only"
    )
    about = governance.about(config)
    assert next(one.what for one in about.refused or ()) == "detector street"


def test_a_broken_policy_is_never_none(site: Path) -> None:
    """The box does not start, or what is in force goes on; it does not become ungoverned."""
    (site / "policy.yaml").write_text("version: 1\nprofile: govrned\n")
    with pytest.raises(ConfigUnusable, match=r"policy\.yaml:2:1: profile"):
        load(site)


def test_a_changed_policy_has_to_be_signed_again(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`edge policy verify` says who has not, and exits 1; signing both again is all it takes."""
    signed(site, keys(site))
    text = (site / "policy.yaml").read_text()
    (site / "policy.yaml").write_text(text.replace("Yard, trial", "Yard, for good"))
    assert main(["policy", "verify", "--config", str(site)]) == 1
    said = capsys.readouterr().out
    assert "has not signed this version" in said
    assert "0 of 2 signatures" in said
    for name, verb in (("analytics", "sign"), ("ethics", "approve")):
        key = str(site / f"{name}.pem")
        assert main(["policy", verb, "--config", str(site), "--key", key]) == 0
    assert "2 of its approvers have" in capsys.readouterr().out
    main(["policy", "verify", "--config", str(site), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["signed_by"]) == {"analytics", "ethics"}
    assert [one["rule"] for one in answer["refused"]] == ["without"]


def test_what_the_policy_refuses_nobody_can_arm() -> None:
    """A person's arming ends their own disarming; what went on meanwhile stays unsaid."""
    arming = Arming(refused={"yard-entry": "it has no purpose"})
    begun = told(arming.start(at(0)))
    assert begun[0][1:] == ("begin", "yard-entry", "not armed, by the policy: it has no purpose")
    inside: Event = stay("begin")
    assert [event.rule for event in arming.pass_on([inside, crossing()])] == [crossing().rule]
    assert arming.arm("yard-entry", at(1), "armed by somebody") == []
    assert arming.refused("yard-entry") == "it has no purpose"
    events = arming.refuse({}, at(2))
    assert told(events)[0][1:] == ("end", "yard-entry", "the policy lets it arm")
    assert [event.phase for event in events[1:]] == ["begin"]

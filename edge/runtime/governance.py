"""Governance: the policy applied to what runs: which engine is admitted, which rule arms today."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone

from edge.admission import Candidate, Standing, refusal, standing
from edge.config import Config
from edge.detectors import DetectorOptions, Models, NetworkOptions
from edge.errors import MissingDependency, ModelError
from edge.message import PolicyAbout, RefusalAbout
from edge.rules import RuleOptions

log = logging.getLogger("edge.governance")

MOST_LISTED = 20
"""Refusals `about` lists; every rule's own is in its state."""

Recorder = Callable[[str, Mapping[str, object]], None]
"""Takes a kind of audit record and its facts."""


def utc_today() -> dt.date:
    """The day by the box's clock."""
    return datetime.now(timezone.utc).date()


class Governance:
    """What one configuration's policy lets run.

    Args:
        models: Where cards and weights are found.
        today: Tells the day.
        record: Keeps what was decided, for auditors.
    """

    def __init__(
        self,
        models: Models,
        today: Callable[[], dt.date] = utc_today,
        record: Recorder = lambda _kind, _facts: None,
    ) -> None:
        self._models = models
        self._today = today
        self._record = record
        self._running: dict[str, NetworkOptions] = {}
        self._refused: dict[str, str] = {}  # detectors
        self._admitted: set[str] = set()
        self._standing = Standing()
        self._said_due: set[str] = set()
        self._in_force: dict[tuple[str, str], dict[str, object]] = {}
        self._day: dt.date | None = None

    @property
    def standing(self) -> Standing:
        """As of the last review."""
        return self._standing

    @property
    def is_due(self) -> bool:
        """A day has begun since the last review."""
        return self._day != self._today()

    def runs(self, detector: str, options: DetectorOptions | None) -> None:
        """Note what a detector runs on; None where it runs no model."""
        self._running.pop(detector, None)
        self._day = None  # a review is due
        if isinstance(options, NetworkOptions):
            self._running[detector] = options

    def review(self, config: Config, engines: Mapping[str, str]) -> bool:
        """Judge again: at the start, after a reload, each day.

        Args:
            config: In force.
            engines: Why a detector is less than was asked for, by name; empty words where it is
                not. Under a policy its rules do not arm then.

        Returns:
            Whether anything is another than before.
        """
        self._day = self._today()
        signers = frozenset(config.signers)
        detectors: dict[str, str] = {}
        for name, reason in engines.items():
            running = self._running.get(name)
            detectors[name] = reason or (self.refusal(config, name, running) if running else "")
        watched = [camera for camera in config.cameras if camera.enabled]
        found = standing(
            config.policy,
            signers,
            {camera.camera: camera.rules for camera in watched},
            {camera.camera: detectors.get(camera.analyse.detector, "") for camera in watched},
            self._day,
        )
        is_governed = config.policy is not None and config.policy.profile == "governed"
        self._say(found, detectors if is_governed else {})
        self._record_changes(config, found)
        is_other = found != self._standing
        self._standing = found
        return is_other

    def _record_changes(self, config: Config, found: Standing) -> None:
        """Record what is in force now and was not; the reports live of it."""
        now = dict(in_force(config, found, self._running, self._models))
        for place, facts in now.items():
            if self._in_force.get(place) != facts:
                self._record(place[0], facts)
        for kind, name in self._in_force.keys() - now.keys():
            if kind == "rule.armed" and name not in {"/".join(at) for at in found.refused}:
                camera, _, rule = name.partition("/")
                facts = {"camera": camera, "rule": rule, "reason": "the configuration changed"}
                self._record("rule.disarmed", facts)
        self._in_force = now

    def about(self, config: Config) -> PolicyAbout:
        """What governs the box, for `about`."""
        policy = config.policy
        if policy is None:
            return PolicyAbout(state="ungoverned")
        refused = [
            *((f"detector {name}", why) for name, why in sorted(self._refused.items())),
            *((f"rule {a}/{b}", why) for (a, b), why in sorted(self._standing.refused.items())),
        ]
        deployment = policy.deployment
        return PolicyAbout(
            state=policy.profile,
            sha256=config.policy_sha256 or None,
            signed_by={
                name: f"{policy.approvers[name].key} {at}"
                for name, at in sorted(config.signers.items())
            }
            or None,
            deployment=deployment.name if deployment else None,
            review=deployment.review.isoformat() if deployment else None,
            due=tuple(map(str, self._standing.notices)) or None,
            n_refused=len(refused),
            refused=tuple(RefusalAbout(what=a, why=b) for a, b in refused[:MOST_LISTED]) or None,
        )

    def refusal(self, config: Config, detector: str, options: DetectorOptions) -> str:
        """Why what wants to run is not admitted; empty where it is."""
        if config.policy is None or not isinstance(options, NetworkOptions):
            return ""  # motion runs no model
        try:
            key, card = options.engine_key(self._models), self._models.card(options.model)
        except (ModelError, MissingDependency) as exc:
            return str(exc)
        seen = Candidate(
            detector,
            options.confidence,
            card,
            key.model_sha256,
            options.kind,
            key.precision,
        )
        return refusal(config.policy, frozenset(config.signers), seen, self._today())

    def _say(self, found: Standing, detectors: Mapping[str, str]) -> None:
        """Log and record what is new; nothing is said twice."""
        refused = {name: why for name, why in detectors.items() if why}
        for name, why in refused.items():
            if self._refused.get(name) != why:
                log.error("detector %s: not admitted: %s", name, why)
                self._record("model.refused", {"detector": name, "reason": why})
        for name in detectors.keys() - refused.keys():
            if name in self._refused or name not in self._admitted:
                self._record("model.admitted", {"detector": name})
        self._admitted = set(detectors) - set(refused)
        self._refused = refused
        before = self._standing.refused
        for (camera, rule), why in found.refused.items():
            if before.get((camera, rule)) != why:
                log.error("camera %s: rule %s: not armed, by the policy: %s", camera, rule, why)
                facts = {"camera": camera, "rule": rule, "reason": why}
                self._record("rule.refused", facts)
        for camera, rule in before.keys() - found.refused.keys():
            log.info("camera %s: rule %s: the policy lets it arm", camera, rule)
        said = {str(notice) for notice in found.notices}
        for notice in found.notices:
            if str(notice) not in self._said_due:
                log.warning("%s", notice)
                self._record("rule.due", {"what": notice.what, "due": notice.due.isoformat()})
        self._said_due = said


def in_force(
    config: Config, found: Standing, running: Mapping[str, NetworkOptions], models: Models
) -> Iterator[tuple[tuple[str, str], dict[str, object]]]:
    """Kind, name and facts of everything that decides now.

    Args:
        config: In force.
        found: What its policy keeps back.
        running: Detectors that run a model, by name.
        models: Where its card and weights are found.
    """
    policy = config.policy
    for name, options in running.items():
        try:
            key, card = options.engine_key(models), models.card(options.model)
        except (ModelError, MissingDependency):
            continue
        seen = Candidate(
            name, options.confidence, card, key.model_sha256, options.kind, key.precision
        )
        record = next((m for m in card.measured if seen.is_measured_by(m)), None)
        use = policy.models.get(card.name) if policy else None
        yield (
            ("model.changed", name),
            {
                "detector": name,
                "model": card.name,
                "sha256": key.model_sha256,
                "engine": seen.engine,
                "licence": card.licence.spdx,
                "intended_use": card.intended_use,
                "known_limits": card.known_limits,
                "use": use.use if use else None,
                "accuracy": f"{record.metric} {record.value:g} on {record.dataset}, {record.date}"
                if record
                else None,
            },
        )
    governed = {one.of: one for one in policy.thresholds} if policy else {}
    values = {
        f"detectors.{name}.confidence": detector.confidence
        for name, detector in config.appliance.detectors.items()
    }
    if policy:
        values |= {one.of: one.value for one in policy.thresholds}
        refer = {f"refer.{name}": value for name, value in policy.refer.model_dump().items()}
        values |= {name: value for name, value in refer.items() if value is not None}
    for of, value in values.items():
        one = governed.get(of)
        facts: dict[str, object] = {"of": of, "value": value}
        if one is not None:
            facts |= {"owner": one.owner, "approver": one.approved_by, "why": one.reason}
        yield ("threshold.changed", of), facts
    for camera in config.cameras:
        for rule in camera.rules if camera.enabled else ():
            if (camera.camera, rule.name) in found.refused:
                continue
            purpose = policy.purposes.get(rule.purpose) if policy else None
            yield (
                ("rule.armed", f"{camera.camera}/{rule.name}"),
                {
                    "camera": camera.camera,
                    "place": camera.name,
                    "rule": rule.name,
                    "kind": rule.kind,
                    "classes": list(rule.classes),
                    "priority": rule.priority,
                    "sha256": _digest(rule),
                    "purpose": rule.purpose or None,
                    "statement": purpose.statement if purpose else None,
                    "legal_basis": purpose.legal_basis if purpose else None,
                    "review": purpose.review.isoformat() if purpose else None,
                    "dpia": purpose.dpia if purpose else None,
                    "n_masks": len(camera.masks),
                    "n_signatures": len(config.signers) if policy else None,
                },
            )


def _digest(rule: RuleOptions) -> str:
    """SHA-256 of everything a rule was told, so that any change of it shows."""
    told = rule.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

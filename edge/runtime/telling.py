"""Telling: what one camera has to say, each event once and each state when it changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from edge.errors import SinkError
from edge.event import Event, RuleState
from edge.evidence.witness import Witness
from edge.pipeline import Step
from edge.rules import Rule
from edge.runtime.arming import Arming
from edge.runtime.counters import Counters
from edge.runtime.standing import Status

log = logging.getLogger("edge.camera")


@dataclass(frozen=True)
class Reports:
    """What a camera tells the rest of the box; each is called from its threads.

    Attributes:
        emit: Takes each event and gives the message it became, where it became one; may raise
            `SinkError`.
        status: Takes the camera's id and how it is, at every change.
        rule_state: Takes camera, rule and state, at every change.
    """

    emit: Callable[[Event], bytes | None]
    status: Callable[[str, Status], None]
    rule_state: Callable[[str, str, RuleState], None]


class Teller:
    """Tells for one camera; from any of its threads.

    Args:
        camera: The camera's id.
        counters: Where events are counted.
        reports: Takes events, status and rule states.
        arming: Which of its rules are disarmed.
        witness: Makes evidence; None where none is kept.
    """

    def __init__(
        self,
        camera: str,
        counters: Counters,
        reports: Reports,
        arming: Arming,
        witness: Witness | None,
    ) -> None:
        self._camera = camera
        self._counters = counters
        self._reports = reports
        self._arming = arming
        self._witness = witness
        self._status: Status | None = None
        self._states: dict[str, RuleState] = {}

    @property
    def rule_states(self) -> dict[str, RuleState]:
        """What was last said of each rule, by name."""
        return dict(self._states)

    def status(self, status: Status) -> None:
        """Tell how it is, where that changed since it was last told."""
        if self._status is not status:
            self._status = status
            self._reports.status(self._camera, status)

    def rules(self, rules: Iterable[Rule]) -> None:
        """Tell the rules' states that changed since they were last told."""
        for rule in rules:
            state = replace(
                rule.state,
                disarmed_until=self._arming.until(rule.name),
                refused=self._arming.refused(rule.name),
            )
            if self._states.get(rule.name) != state:
                self._states[rule.name] = state
                self._reports.rule_state(self._camera, rule.name, state)

    def events(self, events: Iterable[Event], step: Step | None = None) -> None:
        """Tell events, and have evidence made of them.

        Args:
            events: In order.
            step: What they were seen in; None where in no picture.
        """
        for event in events:
            try:
                message = self._reports.emit(event)
                self._counters.n_events += 1
            except SinkError as exc:
                self._counters.n_unstored += 1
                log.error("camera %s: event %s not stored: %s", self._camera, event.kind, exc)
            except Exception:
                # A fault of ours must not keep the rest from being said, the ends at a stop least.
                self._counters.n_unstored += 1
                log.exception("camera %s: event %s not stored", self._camera, event.kind)
            else:
                self._bear_witness(event, message, step)

    def _bear_witness(self, event: Event, message: bytes | None, step: Step | None) -> None:
        """Have evidence made of an event that was told."""
        if self._witness is None or message is None:
            return
        try:
            self._witness.saw(event, message, step)
        except Exception:
            # A fault of ours in what proves an event must not keep the next one from being said.
            log.exception("camera %s: no evidence of %s", self._camera, event.kind)

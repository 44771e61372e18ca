"""Witness: one camera's side of the evidence: what is worth keeping, and of which packets.

Called from the watcher's thread at each event; hands over and goes on.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime, timezone
from pathlib import Path

from edge.detections import ModelRef
from edge.errors import EvidenceUnmade
from edge.event import Event
from edge.evidence.case import Case, Footage
from edge.evidence.clip import Clip
from edge.evidence.policy import Policy
from edge.evidence.recorder import WITHHELD, Recorder
from edge.evidence.sidecar import ModelUsed, Sidecar
from edge.masks import Masks
from edge.message import EventMessage, Origin
from edge.pipeline import Step
from edge.uuid7 import unix_ms, uuid7

MOST_INCIDENTS = 256
"""Open incidents that are remembered; the clip of one that is forgotten runs to its limit."""


class Witness:
    """Makes cases of one camera's events.

    Args:
        camera: The camera's id.
        recorder: Makes the files.
        evidence: `storage.path/evidence`.
        origin: Who is speaking now.
        policy: What is kept and hidden.
        masks: What of the picture nobody may see.
        purposes: What rules are for, by name.
    """

    def __init__(
        self,
        camera: str,
        recorder: Recorder,
        evidence: Path,
        *,
        origin: Callable[[], Origin],
        policy: Policy,
        masks: Masks,
        purposes: Mapping[str, str | None],
    ) -> None:
        self.policy = policy
        self._camera = camera
        self._recorder = recorder
        self._evidence = evidence
        self._origin = origin
        self._masks = masks
        self._purposes = purposes
        self._footage: Footage | None = None
        self._open: dict[tuple[str, str, str], Case] = {}

    def figures(self) -> dict[str, int]:
        """Counters for the health message."""
        return self._recorder.counts(self._camera)

    def follow(self, footage: Footage) -> None:
        """A new connection: its packets are the camera's from now on."""
        self._footage = footage

    def saw(self, event: Event, message: bytes, step: Step | None) -> None:
        """Note an event that was sent; never waits.

        Args:
            event: What was decided.
            message: As it was stored, JSON.
            step: The deciding picture and what was in it; None where it was no picture.
        """
        footage = self._footage
        if footage is None:
            return
        pts = step.frame.stamp.pts if step is not None else footage.ring.newest_dts
        place = (event.rule, event.kind, event.key)
        if event.phase == "end":
            ended = self._open.pop(place, None)
            if ended is not None:
                self._recorder.end(ended, -math.inf if pts is None else pts)
            return
        if not self.policy.wants(event) or pts is None:
            return
        detections = None if step is None else step.detections
        model = detections.model if event.model and detections is not None else None
        case = self._case(EventMessage.model_validate_json(message), model)
        until = math.inf if event.phase == "begin" else pts + self.policy.post_seconds
        if event.phase == "begin":
            if (before := self._open.pop(place, None)) is not None:  # superseded
                self._recorder.end(before, pts)
            self._open[place] = case
            if len(self._open) > MOST_INCIDENTS:
                self._open.pop(next(iter(self._open)))
        if step is not None:
            self._recorder.snapshot(case, step.frame, detections)
        self._recorder.clip(lambda: self._clip(case, pts, until), case)

    def past(self, seconds: float) -> Future[Sidecar]:
        """Have the last seconds kept, because somebody asks for them.

        Raises:
            EvidenceUnmade: The policy does not let it, or there is nothing to keep.
        """
        if self.policy.metadata_only:
            raise EvidenceUnmade(METADATA_ONLY)
        if self._masks and self.policy.masked_clips == "withhold":
            raise EvidenceUnmade(WITHHELD)
        footage = self._footage
        until = None if footage is None else footage.ring.newest_dts
        if footage is None or until is None:
            raise EvidenceUnmade(f"camera {self._camera} has sent no pictures yet")
        policy = self.policy.model_copy(update={"pre_seconds": seconds, "chunk_seconds": math.inf})
        answer: Future[Sidecar] = Future()
        case = self._asked_for(policy, lambda why: answer.set_exception(EvidenceUnmade(why)))

        def made(case: Case, sidecars: list[Sidecar], remark: str, n_missed: int) -> None:
            self._recorder.made(case, sidecars, remark, n_missed)
            if not answer.done():
                answer.set_result(sidecars[0])

        self._recorder.clip(
            lambda: Clip(
                case,
                lambda: footage,
                until,
                until=until,
                evidence=self._evidence,
                made=made,
            ),
            case,
        )
        return answer

    def close(self) -> None:
        """The camera is not watched any more."""
        self._recorder.finish(self._camera)

    def _clip(self, case: Case, pts: float, until: float) -> Clip:
        return Clip(
            case,
            self._newest,
            pts,
            until=until,
            evidence=self._evidence,
            made=self._recorder.made,
        )

    def _newest(self) -> Footage:
        assert self._footage is not None  # a case is made only of a camera that sent pictures
        return self._footage

    def _case(self, message: EventMessage, model: ModelRef | None) -> Case:
        return Case(
            site=message.site,
            node=message.node,
            camera=message.camera,
            event=message.id,
            incident=message.incident,
            kind=message.kind,
            rule=message.rule or "",
            purpose=self._purposes.get(message.rule or "") or None,
            model=ModelUsed(model.name, model.sha256) if model is not None else None,
            config=self._origin().config,
            policy=self.policy,
            masks=self._masks,
            message=message,
        )

    def _asked_for(self, policy: Policy, unmade: Callable[[str], None]) -> Case:
        origin = self._origin()
        name = uuid7(unix_ms(datetime.now(timezone.utc)), secrets.token_bytes(10))
        return Case(
            site=origin.site,
            node=origin.node,
            camera=self._camera,
            event=name,
            incident=name,
            kind="clip",
            rule="",
            purpose=None,
            model=None,
            config=origin.config,
            policy=policy,
            masks=self._masks,
            unmade=unmade,
        )


METADATA_ONLY = "this camera stores and sends no pictures (metadata_only)"

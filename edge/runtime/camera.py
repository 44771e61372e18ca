"""Camera: one camera in service, from its reader's packets to the sinks.

The watcher thread is a straight line: next packet -> decode -> frame wanted? -> pipeline ->
events. It waits for no other camera. Newest wins: when it falls behind it skips to the newest
keyframe, counts what it passed over, and says so if it lasts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial

from edge.decoders import DecoderOptions, Picture
from edge.errors import DetectorStalled, EdgeError
from edge.event import RuleState
from edge.evidence.policy import Policy
from edge.evidence.witness import Witness
from edge.frame import Frame, Stamp
from edge.gates import Rate
from edge.pipeline import Pipeline, Step
from edge.runtime.arming import Arming, Disarming
from edge.runtime.attention import Attention
from edge.runtime.counters import Counters
from edge.runtime.diagnosis import Diagnosis
from edge.runtime.hiding import Hiding
from edge.runtime.reader import Feed, Reader
from edge.runtime.remembered import Remembered
from edge.runtime.standing import Standing, Status, Troubles
from edge.runtime.telling import Reports, Teller
from edge.runtime.viewer import Viewers

log = logging.getLogger("edge.camera")

LAG_S = 2.0
"""A watcher this far behind skips to the newest keyframe: an alert later than that is stale."""

CHECK_S = 0.5
"""How often it is judged how the camera is, with pictures or without."""

DEFAULT_POLICY = Policy()


class Camera:
    """One camera in service.

    Args:
        name: The camera's id.
        reader: Its packets.
        pipeline: What to do with its frames.
        decoder: What decodes its packets.
        fps: Frames to analyse each second.
        reports: Takes events, status and rule states.
        degraded: Why it watches with less than was asked for; empty if it does not.
        clock_doubt: Tells why the box's own UTC is in doubt; empty while it is not.
        disarmed: Rules that are disarmed from the start.
        refused: Why the policy does not let rules arm, by rule.
        storage_trouble: Tells why events are not safe on the disk; empty while they are.
        viewers: Who looks at this camera; its own where nobody could from before.
        policy: What its pictures may show, and whether there may be any.
        witness: Makes evidence; None where none is kept.
        remembered: Keeps who was followed, for rules to be tried on; None where nobody tries any.
    """

    def __init__(
        self,
        name: str,
        reader: Reader,
        pipeline: Pipeline,
        *,
        decoder: DecoderOptions,
        fps: float,
        reports: Reports,
        degraded: str = "",
        clock_doubt: Callable[[], str] = str,
        disarmed: Iterable[Disarming] = (),
        refused: Mapping[str, str] | None = None,
        storage_trouble: Callable[[], str] = str,
        viewers: Viewers | None = None,
        policy: Policy = DEFAULT_POLICY,
        witness: Witness | None = None,
        remembered: Remembered | None = None,
    ) -> None:
        self.name = name
        self.counters = Counters()
        self.reader = reader
        self._pipeline = pipeline
        self._decoder = decoder
        self._fps = fps
        self._rate = Rate(fps)
        self._diagnosis = Diagnosis(name, reader, degraded)
        self._clock_doubt = clock_doubt
        self._arming = Arming(disarmed, refused)
        self._teller = Teller(name, self.counters, reports, self._arming, witness)
        self._viewers = viewers or Viewers()
        self._remembered = remembered
        self._storage_trouble = storage_trouble
        self.policy = policy
        self._hiding = Hiding(policy.redaction, pipeline.look)
        self.witness = witness
        self._stopping = threading.Event()
        self._stamp = _now(name)  # of the last frame, to end incidents with
        self._n_steps = 0
        self._beat_at = time.monotonic()
        self._stalled_since: float | None = None
        self._standing = Standing()
        self._thread = threading.Thread(target=self._run, name=f"watcher-{name}", daemon=True)

    @property
    def status(self) -> Status:
        """How it is."""
        return self._standing.status

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of its rules."""
        return tuple(rule.name for rule in self._pipeline.rules)

    @property
    def rule_states(self) -> dict[str, RuleState]:
        """What was last said of each rule, by name."""
        return self._teller.rule_states

    @property
    def disarmed(self) -> tuple[Disarming, ...]:
        """Rules whose events are kept back now."""
        return self._arming.disarmings

    def figures(self) -> dict[str, int | float]:
        """Counters for the health message."""
        return {
            "packets": self.reader.n_packets,
            "connections": self.reader.n_connections,
            "headless": self.reader.n_headless,
            "disarmed": self._arming.n_withheld,
            **{name.removeprefix("n_"): value for name, value in asdict(self.counters).items()},
            **(self.witness.figures() if self.witness is not None else {}),
        }

    @property
    def n_steps(self) -> int:
        """Rises while it gets on: a picture judged, or a reason said why there is none.

        It stands still while its thread does, and while its detector owes it an answer.
        """
        return self._n_steps

    @property
    def is_accounted_for(self) -> bool:
        """It shows pictures, or the control room was told why it does not."""
        return self.status.state != "lost" or self._standing.is_lost

    def announce(self) -> None:
        """Tell how it is before it starts; of many cameras all do before the first one starts."""
        self._teller.status(self._standing.status)
        self._teller.rules(self._pipeline.rules)

    def start(self) -> None:
        """Begin to watch."""
        self._teller.events(self._arming.start(_now(self.name)))
        self.announce()
        self.reader.start()
        self._thread.start()

    def request_stop(self) -> None:
        """Let both threads begin to stop, so that many cameras stop at once."""
        self._stopping.set()
        self.reader.request_stop()

    def stop(self, reason: str) -> None:
        """Stop both threads and end what is open, for the reason given."""
        self.request_stop()
        self.reader.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        self._teller.events(self._arming.pass_on(self._pipeline.close(self._stamp, reason)))
        self._teller.events(self._arming.close(_now(self.name), reason))
        self._teller.events(self._standing.close(_now(self.name), reason))
        self.announce()
        if self.witness is not None:
            self.witness.close()

    def next_picture(self, timeout_s: float, *, is_redacted: bool = True) -> Frame | None:
        """The next picture that is analysed, masks applied.

        Args:
            timeout_s: Longest wait.
            is_redacted: With people hidden as its policy says: for everybody without the evidence
                role.

        Returns:
            None where none came in time, and where the policy lets no picture out.
        """
        if self.policy.metadata_only:
            return None
        return self._viewers.ask(timeout_s, is_redacted=is_redacted)

    def slow(self, share: float) -> None:
        """Analyse this share of its configured rate from now on; below 1 it is said."""
        hot = f"the box is too hot: {100 * share:.0f} % of the pictures are analysed"
        heat = hot if share < 1.0 else ""
        if heat != self._diagnosis.heat:
            self._diagnosis.heat, self._rate = heat, Rate(self._fps * share)

    def disarm(self, disarming: Disarming) -> None:
        """Keep a rule's events back for a time, and say so; from any thread."""
        self._teller.events(self._arming.disarm(disarming, _now(self.name)))
        self._teller.rules(self._pipeline.rules)

    def refuse(self, refused: Mapping[str, str]) -> None:
        """Keep back what the policy refuses from now on, and only that; from any thread."""
        self._teller.events(self._arming.refuse(refused, _now(self.name)))
        self._teller.rules(self._pipeline.rules)

    def refused(self, rule: str) -> str:
        """Why the policy does not let a rule arm; empty while it does."""
        return self._arming.refused(rule)

    def arm(self, rule: str, reason: str) -> RuleState:
        """End a disarming before its time, and say so; from any thread."""
        self._teller.events(self._arming.arm(rule, _now(self.name), reason))
        self._teller.rules(self._pipeline.rules)
        return next(found.state for found in self._pipeline.rules if found.name == rule)

    def _run(self) -> None:
        feed: Feed | None = None
        while not self._stopping.is_set():
            self._check()
            following = self.reader.next_feed(feed, CHECK_S)
            if following is None:
                if self.reader.is_empty:
                    self._diagnosis.read_out()
                continue
            self._diagnosis.connected()
            feed = following
            try:
                self._watch(feed)
            except EdgeError as exc:  # nothing here decodes it
                self._diagnosis.failure = str(exc)
                feed = None
                self._stopping.wait(1.0)
            except Exception as exc:
                # A fault of ours on one picture must not end the watching, nor pass unsaid.
                log.exception("camera %s: internal error, going on", self.name)
                self._diagnosis.failure = f"internal error: {type(exc).__name__}: {exc}"
                feed = None  # the same connection again, from where it is
                self._stopping.wait(1.0)

    def _watch(self, feed: Feed) -> None:
        """Analyse one connection until it ends."""
        decoder = self._decoder.open(feed.stream)
        if self.witness is not None:
            self.witness.follow(feed)
        attention = Attention(
            self.name, feed.ring, decoder, self._pipeline, lambda: self._viewers.is_watched
        )
        before = replace(self.counters)
        complaint = ""
        try:
            while not self._stopping.is_set():
                attention.keep_up(LAG_S)
                taken = attention.take(CHECK_S)
                if taken is not None:
                    self._analyse(attention.pictures(taken.packet))
                    if not complaint and attention.cannot_rest and self._pipeline.is_idle:
                        complaint = attention.cannot_rest
                        log.warning("camera %s: %s", self.name, complaint)
                elif feed.ring.is_read_out:
                    self._analyse(attention.flush())
                    self._diagnosis.read_out()
                    return
                # Not only with each picture: packets may come for ever and show none.
                if time.monotonic() - self._beat_at >= CHECK_S:
                    self._check()
                self.counters.n_passed = before.n_passed + attention.n_passed
                self._note_drops(
                    before.n_skipped + attention.n_skipped,
                    before.n_corrupt + decoder.n_corrupt,
                    before.n_withheld + decoder.n_withheld,
                )
        finally:
            decoder.close()

    def _note_drops(self, n_skipped: int, n_corrupt: int, n_withheld: int) -> None:
        """Count what was not analysed, and remember when, so that it is said if it lasts."""
        counters = self.counters
        if n_skipped != counters.n_skipped:
            counters.n_skipped = n_skipped
            self._diagnosis.skipped()
        if (n_corrupt, n_withheld) != (counters.n_corrupt, counters.n_withheld):
            counters.n_corrupt, counters.n_withheld = n_corrupt, n_withheld
            self._diagnosis.damaged(n_corrupt, n_withheld)

    def _analyse(self, pictures: Iterable[Picture]) -> None:
        for picture in pictures:
            self._diagnosis.pictured()
            if not self._rate.is_due(picture.packet.pts):
                continue
            frame = picture.frame(self.name, self.counters.n_frames)
            self.counters.n_frames += 1
            self._stamp = frame.stamp
            try:
                step = self._pipeline.step(frame)
            except DetectorStalled as exc:
                self._viewers.show(partial(self._pipeline.masked, frame), lambda: None)
                self.counters.n_stalled += 1
                self._stalled_since = self._stalled_since or time.monotonic()
                self._check(stalled=str(exc))
                continue
            self._stalled_since = None
            self._diagnosis.failure = ""
            self.counters.n_looked += step.detections is not None
            self._teller.events(self._arming.pass_on(step.events), step)
            self._show(step)
            if self._remembered is not None:
                self._remembered.add(step)
            self._viewers.tell(step)
            self._check()

    def _show(self, step: Step) -> None:
        """Let those see it who wait for a picture; nobody, where the policy lets none out."""
        if self.policy.metadata_only:
            return

        self._hiding.note(step)
        self._viewers.show(lambda: step.frame, partial(self._hiding.hidden, step))

    def _check(self, *, stalled: str = "") -> None:
        """Tell how the camera is; cheap enough for every frame."""
        self._beat_at = time.monotonic()
        lost = self._diagnosis.lost(self._beat_at, is_said=self._standing.is_lost)
        if lost and not self._standing.is_lost:
            closed = self._pipeline.close(self._stamp, f"camera lost: {lost}")
            self._teller.events(self._arming.pass_on(closed))
        unstored = self.counters.n_unstored
        troubles = Troubles(
            lost=lost,
            waiting=self._diagnosis.waiting(),
            stalled=stalled if stalled or self._stalled_since is None else None,
            less=self._diagnosis.less(self._beat_at),
            scene=self._pipeline.troubles,
            clock=self._clock_doubt() or self.reader.clock_doubt,
            unstored=f"{unstored} events could not be stored" if unstored else "",
            storage=self._storage_trouble(),
            hushed=self._diagnosis.is_hushed,
        )
        now = _now(self.name)
        self._teller.events([*self._standing.judge(now, troubles), *self._arming.expire(now)])
        self.announce()
        if self._stalled_since is None or lost:
            self._n_steps += 1


def _now(camera: str) -> Stamp:
    """The moment as a stamp: conditions of the box run on its own clocks."""
    return Stamp(camera, 0, time.monotonic(), datetime.now(timezone.utc), 0)

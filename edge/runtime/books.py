"""Books: keeps the audit log while the daemon runs, publishes its heads, and hears who checks it.

Boundary: one thread, that signs, answers reviews and takes what witnesses say. Whoever has
something to record calls `record` from any thread; it never raises and never stops the watching.
"""

from __future__ import annotations

import base64
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from edge.audit import (
    FOLDER,
    AuditLog,
    Head,
    collect,
    has_event,
    heard_cosignature,
    last_number,
    proofs_of,
)
from edge.commands import Outcome, Refusal, Reply
from edge.errors import AuditError, EdgeError
from edge.files import write_atomically
from edge.message import (
    AuditHead,
    AuditHealth,
    ConsistencyProof,
    Cosigned,
    Origin,
    encode,
)
from edge.runtime.desk import may_answer
from edge.runtime.entries import Entry, event_entries
from edge.runtime.reviews import checked, event_of, facts
from edge.sinks import Answer, Incoming, Post, Publisher, Stored
from edge.topics import AUDIT, REVIEW, WITNESSED

_log = logging.getLogger("edge.audit")

_TICK_S = 1.0
_AGAIN_S = 10.0  # between attempts to open a log whose disk is not well
_MOST_WAITING = 64
_MOST_BYTES = 4096
_MOST_WITNESSES = 16


class Books:
    """The audit log of a running daemon.

    Args:
        storage: `storage.path`; the log is in a folder of it.
        origin: Who the box is.
    """

    def __init__(self, storage: Path, origin: Origin) -> None:
        self._folder = storage / FOLDER
        self._name = f"{origin.site}/{origin.node}/audit"
        self._guard = threading.Lock()
        self._log: AuditLog | None = None
        self._n_unopened = 0  # records while it could not be opened
        self._unopened = ""
        self._again_at = 0.0
        self._publisher: Publisher | None = None
        self._published = 0  # size of the head that was published last
        self._witnessed: dict[str, int] = {}  # sizes, by witness
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(_MOST_WAITING)
        self._open()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why nothing can be recorded now; empty while it can."""
        with self._guard:
            words = self._log.trouble if self._log is not None else self._unopened
        return f"the audit log cannot be written: {words}" if words else ""

    @property
    def health(self) -> AuditHealth:
        """The log in numbers."""
        with self._guard:
            log, n_unopened = self._log, self._n_unopened
        return AuditHealth(
            records=log.size if log is not None else 0,
            lost=n_unopened + (log.n_lost if log is not None else 0),
            trouble=self.trouble or None,
        )

    def record(self, kind: str, facts: Mapping[str, object]) -> None:
        """Record something; never raises."""
        with self._guard:
            log = self._log
            if log is None:
                self._n_unopened += 1
        if log is not None:
            log.record(kind, facts)

    def record_all(self, entries: Iterable[Entry]) -> None:
        """Record several things."""
        for entry in entries:
            self.record(*entry)

    def note(self, stored: Stored) -> None:
        """Record an event message that has just become durable."""
        try:
            self.record_all(event_entries(stored.payload))
        except Exception:  # noqa: BLE001 - it is logged; the event itself is out already
            _log.exception("fault in the audit of event %d, please report it", stored.seq)

    def begin(self, facts: Mapping[str, object], seq: int) -> None:
        """Record the start, and which events an earlier run could not record before it died.

        Args:
            facts: Versions and hashes.
            seq: Number of the newest event message there is.
        """
        with self._guard:
            log = self._log
        if log is not None:
            try:
                known = last_number(self._folder, log.size)
            except EdgeError as exc:
                _log.error("%s", exc)
                known = None
            if known is not None and known < seq:
                reason = "events that were not recorded before the process ended"
                self.record("log.gap", {"reason": reason, "from": known + 1, "to": seq})
        self.record("start", {**facts, "seq": seq})

    def attach(self, publisher: Publisher) -> None:
        """Publish heads there, and hear reviews and witnesses; before it dials its brokers."""
        self._publisher = publisher
        publisher.listen((f"{REVIEW}/+",), self.take_review)
        publisher.listen((f"{WITNESSED}/+",), self._take_witness)

    def sign(self) -> None:
        """Have a head over what a start or a reload has recorded, at once."""
        self._offer(self._sign_now)

    def take_review(self, incoming: Incoming, answer: Answer) -> None:
        """Take a review that came; never waits."""
        if not self._offer(partial(self._review, incoming, answer)):
            self._reply(incoming, answer, "busy", "too many reviews wait already: send fewer")

    def close(self) -> None:
        """Sign a last head, publish it, and let go; in a bounded time."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=2.0)
        self._thread.join(5.0)
        with self._guard:
            log, self._log = self._log, None
        if log is not None:
            log.close()
            self._publish(log)

    def _run(self) -> None:
        while True:
            try:
                job = self._waiting.get(timeout=_TICK_S)
                if job is None:
                    return
                job()
            except queue.Empty:
                pass
            except Exception:  # noqa: BLE001 - it is logged, and the log goes on
                _log.exception("fault in the audit, please report it")
            self._attend()

    def _attend(self) -> None:
        if self._log is None:
            self._open()
            return
        self._collect()
        try:
            if self._log.attend() is not None:
                self._publish()
        except AuditError as exc:
            _log.error("%s", exc)  # shown as trouble as well

    def _collect(self) -> None:
        """Record what commands have left."""
        for file, kind, left in collect(self._folder):
            self.record(kind, left)
            try:
                file.unlink()
            except OSError as exc:
                _log.error("%s is recorded and cannot be removed: %s", file, exc.strerror)
                return

    def _offer(self, job: Callable[[], None]) -> bool:
        try:
            self._waiting.put_nowait(job)
        except queue.Full:
            return False
        return True

    def _open(self) -> None:
        """Open the log, and say what could not be recorded without it."""
        if time.monotonic() < self._again_at:
            return
        self._again_at = time.monotonic() + _AGAIN_S
        try:
            log = AuditLog(self._folder, self._name)
        except AuditError as exc:
            if str(exc) != self._unopened:
                _log.error("%s; it is tried again, and the watching goes on", exc)
            with self._guard:
                self._unopened = str(exc)
            return
        with self._guard:
            n, why, self._unopened = self._n_unopened, self._unopened, ""
            if n:
                log.record("log.gap", {"reason": why, "lost": n})
            self._log = log

    # Heads, and those who sign beside the box.

    def _sign_now(self) -> None:
        if self._log is not None:
            self._log.attend(is_last=True)
        self._publish()

    def _publish(self, log: AuditLog | None = None) -> None:
        log = log or self._log
        publisher = self._publisher
        if log is None or publisher is None or not log.head.size:
            return
        head = log.head
        try:
            proofs = proofs_of(
                self._folder, head.size, [self._published, *self._witnessed.values()]
            )
        except AuditError as exc:
            _log.error("%s; the head is published without proofs", exc)
            proofs = []
        origin = publisher.origin
        told = tuple(
            ConsistencyProof(
                size=proof.size,
                hashes=tuple(base64.b64encode(node).decode() for node in proof.hashes),
            )
            for proof in proofs
        )
        message = AuditHead(
            site=origin.site,
            node=origin.node,
            at=datetime.now(timezone.utc),
            size=head.size,
            checkpoint=head.note,
            key=str(log.key),
            proofs=told or None,
            profile=origin.profile,
        )
        publisher.state(AUDIT, message)
        self._published = head.size

    def _take_witness(self, incoming: Incoming, _answer: Answer) -> None:
        self._offer(partial(self._hear_witness, incoming))

    def _hear_witness(self, incoming: Incoming) -> None:
        """Remember what a witness has signed last, and prove to it what came since."""
        log = self._log
        name = incoming.topic.rpartition("/")[2]
        if log is None or len(incoming.payload) > _MOST_BYTES:
            return
        try:
            said = Cosigned.model_validate_json(incoming.payload)
            head = heard_cosignature(said.witness, said.checkpoint, log)
        except (ValidationError, ValueError) as wrong:
            _log.warning("what the witness %r says is not taken: %s", name[:64], wrong)
            return
        is_new = self._witnessed.get(name) != head.size
        if name not in self._witnessed and len(self._witnessed) >= _MOST_WITNESSES:
            _log.warning("more than %d witnesses: %r is not heard", _MOST_WITNESSES, name[:64])
            return
        self._witnessed[name] = head.size
        self._keep(name, head)
        if is_new and head.size < log.head.size:
            self._publish()

    def _keep(self, name: str, head: Head) -> None:
        """Keep a cosigned head beside the log: it shows who else has seen it."""
        folder = self._folder / "cosigned"
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            write_atomically(folder / f"{name}.note", head.note.encode(), mode=0o640)
        except OSError as exc:
            _log.error("the cosignature of %s was not kept: %s", name, exc.strerror)

    # Reviews.

    def _review(self, incoming: Incoming, answer: Answer) -> None:
        """Judge a review, record it, and answer."""
        refusal = self._refusal(incoming)
        if refusal is not None:
            place = incoming.topic[-64:]
            _log.warning("review on %r: %s: %s", place, refusal.outcome, refusal.why)
            self._reply(incoming, answer, refusal.outcome, refusal.why)
        else:
            self._reply(incoming, answer, "done", "")

    def _refusal(self, incoming: Incoming) -> Refusal | None:
        """Record a review; why not, where it was not."""
        review = checked(incoming, datetime.now(timezone.utc))
        if isinstance(review, Refusal):
            return review
        if (log := self._log) is None:
            return Refusal("failed", self.trouble)
        try:
            if not has_event(self._folder, event_of(incoming)):
                return Refusal("unknown", "this box has recorded no event with that id")
            log.append("review", facts(event_of(incoming), review))
        except EdgeError as exc:
            return Refusal("failed", str(exc))
        return None

    def _reply(self, incoming: Incoming, answer: Answer, outcome: Outcome, why: str) -> None:
        publisher = self._publisher
        topic = incoming.response_topic
        root = incoming.topic.partition("/")[0]
        if not topic or publisher is None or not may_answer(topic, root):
            return
        reply = Reply(
            site=publisher.origin.site,
            node=publisher.origin.node,
            verb=REVIEW,
            id=event_of(incoming)[:64],
            at=datetime.now(timezone.utc),
            ok=outcome == "done",
            outcome=outcome,
            why=why or None,
            profile=publisher.origin.profile,
        )
        answer([Post(topic, encode(reply), correlation=incoming.correlation)])

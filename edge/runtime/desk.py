"""Desk: takes commands from the broker one at a time, answers each, logs each, counts each.

Boundary: one thread. The sink's thread hands over what came and goes on; `edge.commands` decides;
the answer goes back through the sink it came from.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from edge.commands import (
    Admitted,
    Box,
    CommandFailed,
    Gate,
    Options,
    Outcome,
    Picture,
    Reply,
    run,
)
from edge.config import Appliance
from edge.message import encode
from edge.sinks import Answer, Incoming, Post, Publisher

_log = logging.getLogger("edge.commands")

_MOST_WAITING = 32
_LOG_EVERY_S = 1.0  # for each way of being refused: a flood must not fill the journal

Record = Callable[[str, Mapping[str, object]], None]


def unrecorded(_kind: str, _facts: Mapping[str, object]) -> None:
    """Where nothing keeps an audit log."""


def may_answer(topic: str, root: str) -> bool:
    """Whether a topic is one for answers: nobody has us speak where our own messages are."""
    is_plain = len(topic) <= 256 and not set(topic) & set("+#\0") and topic[0] != "$"
    return is_plain and not f"{topic}/".startswith(f"{root}/v1/")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A command on the desk, when it came, and where its answer goes."""

    incoming: Incoming
    answer: Answer
    came_at: datetime


class Desk:
    """Takes commands as soon as it hears, and works on them from `start` until closed.

    Args:
        box: What commands can do.
        publisher: Who is speaking, and through what.
        record: Takes every command for the audit log.
    """

    def __init__(self, box: Box, publisher: Publisher, record: Record = unrecorded) -> None:
        self._box = box
        self._record = record
        self._publisher = publisher
        self._root = ""
        self._gate = Gate(Options(allow=("ping",)), datetime.now(timezone.utc))
        self._is_open = False
        self._counts: Counter[str] = Counter()
        self._quiet: dict[str, tuple[float, int]] = {}
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        """Work on what came, and comes: there is now something to command."""
        self._thread.start()

    def hear(self, appliance: Appliance) -> None:
        """Hear what a configuration allows, on every broker it has; the ids seen are remembered."""
        self._root = appliance.mqtt.root
        self._is_open = appliance.commands is not None
        if appliance.commands is None:
            return
        self._gate.options = appliance.commands
        self._publisher.listen(("cmd/+", "cmd/+/+"), self.take)

    @property
    def counts(self) -> dict[str, int]:
        """Commands since the start, by what became of them."""
        return dict(self._counts)

    def take(self, incoming: Incoming, answer: Answer) -> None:
        """Take what came from the broker; never waits."""
        if not self._is_open:
            return
        waiting = _Waiting(incoming, answer, datetime.now(timezone.utc))
        try:
            self._waiting.put_nowait(waiting)
        except queue.Full:
            self._close(waiting, "busy", f"{_MOST_WAITING} commands wait already: send fewer", "")

    def close(self) -> None:
        """Let the command under way end, in a bounded time."""
        self._is_open = False
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            try:
                self._obey(waiting)
            except Exception:  # noqa: BLE001 - it is logged and answered
                # A fault of ours in one command must not leave the next ones unanswered.
                _log.exception("fault in a command, please report it")
                self._close(waiting, "failed", "a fault in this box; its log has it", "")

    def _obey(self, waiting: _Waiting) -> None:
        incoming = waiting.incoming
        levels = incoming.topic.partition("/cmd/")[2]
        judged = self._gate.admit(
            levels,
            incoming.payload,
            waiting.came_at,  # what waited here is not the sender's delay
            is_retained=incoming.is_retained,
            properties=dict(incoming.properties),
        )
        if not isinstance(judged, Admitted):
            self._close(waiting, judged.outcome, judged.why, judged.id)
            return
        request = judged.request
        about = request.model_dump(exclude={"v", "id", "at"}, exclude_none=True)
        words = f"{judged.verb} {about or ''} from {judged.caller}, id {request.id}"
        try:
            result = run(judged.verb, request, judged.caller, self._box)
        except CommandFailed as failed:
            _log.warning("command %s, sent %s: %s", words, request.at, failed)
            # Recorded before it is answered: whoever has the answer can find the record.
            self._note(incoming, "failed", request.id, {"arguments": about})
            self._close(waiting, "failed", str(failed), request.id)
            return
        _log.info("command %s, sent %s: done", words, request.at)
        self._note(incoming, "done", request.id, {"arguments": about})
        self._counts["done"] += 1
        if isinstance(result, Picture):
            self._send(waiting, [self._picture(waiting, judged, result)])
        else:
            told = result.model_dump(mode="json", exclude_none=True)
            reply = self._reply(incoming, "done", request.id)
            self._send(waiting, [self._post(incoming, reply.model_copy(update={"result": told}))])

    def _close(self, waiting: _Waiting, outcome: Outcome, why: str, id_: str) -> None:
        """Answer, count and log a command that was not done."""
        self._counts[outcome] += 1
        self._say(outcome, waiting.incoming, why)
        reply = self._reply(waiting.incoming, outcome, id_).model_copy(update={"why": why})
        self._send(waiting, [self._post(waiting.incoming, reply)])

    def _say(self, outcome: Outcome, incoming: Incoming, why: str) -> None:
        now = time.monotonic()
        quiet_until, n_unsaid = self._quiet.get(outcome, (0.0, 0))
        if now < quiet_until:
            self._quiet[outcome] = quiet_until, n_unsaid + 1
            return
        self._quiet[outcome] = now + _LOG_EVERY_S, 0
        if outcome != "failed":  # a command that was let through is recorded with what it said
            self._note(incoming, outcome, "", {"more": n_unsaid or None})
        more = f" (and {n_unsaid} more since)" if n_unsaid else ""
        _log.warning("command on %r: %s: %s%s", incoming.topic[-80:], outcome, why, more)

    def _note(
        self, incoming: Incoming, outcome: Outcome, id_: str, facts: Mapping[str, object]
    ) -> None:
        """Tell the audit log; what an argument says is a person's, such as why."""
        verb, _, named = incoming.topic.partition("/cmd/")[2].partition("/")
        said = dict(facts)
        arguments = said.pop("arguments", None)
        told = {"verb": verb[:32], "outcome": outcome, "id": id_ or None, **said}
        self._record("command", {**told, "caller": named[:64] or None, "why": arguments or None})

    def _reply(self, incoming: Incoming, outcome: Outcome, id_: str) -> Reply:
        origin = self._publisher.origin
        verb = incoming.topic.partition("/cmd/")[2].partition("/")[0]
        return Reply(
            site=origin.site,
            node=origin.node,
            verb=verb[:32],
            id=id_ or None,
            at=datetime.now(timezone.utc),
            ok=outcome == "done",
            outcome=outcome,
            profile=origin.profile,
        )

    def _send(self, waiting: _Waiting, posts: list[Post]) -> None:
        topic = waiting.incoming.response_topic
        if not topic:
            return
        if not may_answer(topic, self._root) or not waiting.answer(posts):
            self._counts["unanswered"] += 1

    @staticmethod
    def _post(incoming: Incoming, reply: Reply) -> Post:
        return Post(incoming.response_topic, encode(reply), correlation=incoming.correlation)

    def _picture(self, waiting: _Waiting, admitted: Admitted, picture: Picture) -> Post:
        stamp, profile = picture.stamp, self._publisher.origin.profile
        width, height = picture.size_wh
        properties = (
            ("verb", admitted.verb),
            ("id", admitted.request.id),
            ("camera", stamp.camera),
            ("at", stamp.captured_at.astimezone(timezone.utc).isoformat(timespec="milliseconds")),
            ("clock_ms", str(stamp.clock_ms)),
            ("size", f"{width}x{height}"),
            *((("profile", profile),) if profile is not None else ()),
        )
        incoming = waiting.incoming
        return Post(
            incoming.response_topic,
            picture.jpeg,
            "image/jpeg",
            correlation=incoming.correlation,
            properties=properties,
        )

"""Walk: which rules said something while an engineer walked. Pure: messages and time come in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from edge.config.schema import Camera
from edge.site.commission.report import Seen, Walked


class Walk:
    """Listens for the rules of a box.

    Args:
        cameras: As configured.
        left_out: Rules nobody walks for, as `camera/rule`.
    """

    def __init__(self, cameras: Iterable[Camera], left_out: Collection[str] = ()) -> None:
        self._rules: list[str] = []
        self._left_out: dict[str, str] = {}
        for camera in cameras:
            for rule in camera.rules:
                name = f"{camera.camera}/{rule.name}"
                self._rules.append(name)
                if not camera.enabled:
                    self._left_out[name] = "its camera is disabled"
                elif name in left_out:
                    self._left_out[name] = "the engineer left it out"
        self._events: dict[str, tuple[int, Seen]] = {}
        self._fired: set[str] = set()

    @property
    def waiting(self) -> list[str]:
        """Rules that have to say something yet, as `camera/rule`."""
        done = self._fired | set(self._left_out)
        return [rule for rule in self._rules if rule not in done]

    def note_state(self, camera: str, rule: str, state: Mapping[str, Any]) -> None:
        """Take a rule's retained state: one that is not armed cannot fire, and is left out."""
        name = f"{camera}/{rule}"
        if name in self._rules and not state.get("armed", True):
            why = state.get("refused") or "not armed now: disarmed, or outside its schedule"
            self._left_out.setdefault(name, str(why))

    def take(self, event: Mapping[str, Any], *, is_heard: bool) -> Seen | None:
        """Take an event message.

        Args:
            event: As it came; the same one may come twice.
            is_heard: From the broker.

        Returns:
            The event, where it is news; None for one of no rule, an update or an end.
        """
        name = f"{event.get('camera')}/{event.get('rule')}"
        if event.get("phase") not in ("begin", "pulse") or name not in self._rules:
            return None
        known = self._events.get(str(event.get("id")))
        if known is not None and (known[1].is_heard or not is_heard):
            return None
        objects = event.get("objects") or ()
        seen = Seen(
            at=str(event.get("at")),
            camera=str(event.get("camera")),
            rule=str(event.get("rule")),
            kind=str(event.get("kind")),
            where=str(event.get("where") or ""),
            classes=", ".join(sorted({str(one.get("class")) for one in objects})),
            is_heard=is_heard,
        )
        self._events[str(event.get("id"))] = (int(event.get("seq", 0)), seen)
        self._fired.add(name)
        self._left_out.pop(name, None)  # it said something after all
        return seen if known is None else None

    def result(self, seconds: float) -> Walked:
        """What came of it."""
        return Walked(
            seconds=round(seconds, 1),
            events=tuple(seen for _, seen in sorted(self._events.values(), key=lambda e: e[0])),
            fired=tuple(rule for rule in self._rules if rule in self._fired),
            silent=tuple(self.waiting),
            left_out=dict(self._left_out),
        )

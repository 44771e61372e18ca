"""Entries: what the audit log is told of a configuration and of an event. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from edge.config import Config
from edge.config.changes import Changes
from edge.options import Options
from edge.runtime.asker import Asker

Entry: TypeAlias = tuple[str, dict[str, object]]
"""Kind and facts of a record."""


def event_entries(payload: bytes) -> Iterator[Entry]:
    """What an event message leaves in the log: itself, and what it says of a rule's arming.

    Args:
        payload: UTF-8 JSON, as it is stored.
    """
    message = json.loads(payload)
    names = ("id", "seq", "incident", "camera", "kind", "rule", "phase", "priority", "at", "model")
    facts = {name: message[name] for name in names if name in message}
    yield "event", {**facts, "message_sha256": hashlib.sha256(payload).hexdigest()}
    if message["kind"] == "rule_disarmed" and message["phase"] in ("begin", "end"):
        kind = "rule.disarmed" if message["phase"] == "begin" else "rule.armed"
        told = {name: message.get(name) for name in ("camera", "rule", "id")}
        yield kind, {**told, "why": message.get("reason")}


def reload_entries(before: Config, after: Config, found: Changes, by: Asker) -> Iterator[Entry]:
    """What taking up a configuration leaves in the log.

    Args:
        before: In force until now.
        after: In force from now on.
        found: What differs.
        by: Who asked for it.
    """
    differing = [str(change) for change in found.appliance]
    for camera, changed in found.restart:
        differing += [f"{camera}: {change}" for change in changed]
    differing += [f"{camera}: watched" for camera in found.start]
    differing += [f"{camera}: not watched" for camera in found.stop]
    yield (
        "config.applied",
        {
            "config": after.sha256,
            "was": before.sha256,
            **by.facts,
            "changes": differing[:100],
            "n_changes": len(differing),
            "diff_sha256": hashlib.sha256("\n".join(differing).encode()).hexdigest(),
        },
    )
    yield from _thresholds(before, after)


def _named(place: tuple[str, str]) -> dict[str, object]:
    return {"camera": place[0], "rule": place[1]}


def _rules(config: Config) -> dict[tuple[str, str], Options]:
    return {
        (camera.camera, rule.name): rule
        for camera in config.cameras
        if camera.enabled
        for rule in camera.rules
    }


def _thresholds(before: Config, after: Config) -> Iterator[Entry]:
    """Numbers of detectors and rules that differ."""
    old, new = before.appliance.detectors, after.appliance.detectors
    for name in old.keys() & new.keys():
        for key, was, becomes in _numbers(old[name], new[name]):
            facts = {"detector": name, "name": key, "was": was, "becomes": becomes}
            yield "threshold.changed", facts
    rules, anew = _rules(before), _rules(after)
    for place in rules.keys() & anew.keys():
        for key, was, becomes in _numbers(rules[place], anew[place]):
            facts = {**_named(place), "name": key, "was": was, "becomes": becomes}
            yield "threshold.changed", facts


def _numbers(old: Options, new: Options) -> Iterator[tuple[str, Any, Any]]:
    was, becomes = old.model_dump(), new.model_dump()
    for key in sorted(was.keys() | becomes.keys()):
        pair = was.get(key), becomes.get(key)
        if pair[0] != pair[1] and any(
            isinstance(value, (int, float)) and not isinstance(value, bool) for value in pair
        ):
            yield key, *pair

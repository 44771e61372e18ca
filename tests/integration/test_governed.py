"""`edge run` under a signed policy: what it refuses is silent, explained, and survives a kill."""

from __future__ import annotations

import datetime as dt
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.admission.signatures import add_signature, sign
from edge.audit import read, verify
from edge.config import load
from tests.integration.test_chain import Appliance, walk
from tests.integration.test_commands import Room, _configure
from tests.servers import eventually, mosquitto
from tests.unit.admission.policies import keys, policy_as_data, write_policy

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(120)]

GOVERNED = "cameras.yard.rules.across.cool_down_seconds"


def day(days: int) -> str:
    """A date so many days from now."""
    return (dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=days)).isoformat()


def policy(folder: Path, public: dict[str, str], *, review: str, name: str = "Trial") -> None:
    """Write one that governs the rule's threshold; nobody has signed it."""
    usual = policy_as_data()
    write_policy(
        folder,
        public,
        deployment={"name": name, "authoriser": "Chief", "start": "2020-01-01", "review": review},
        purposes={"yard-safety": {**usual["purposes"]["yard-safety"], "review": day(400)}},
        thresholds=[{**usual["thresholds"][0], "of": GOVERNED, "value": 1}],
    )


def signed(folder: Path, public: dict[str, str]) -> None:
    """Have both approvers sign what is there."""
    for name in public:
        config = load(folder)
        assert config.policy is not None
        one = sign(folder / f"{name}.pem", config.policy_sha256, config.policy.approvers)
        add_signature(folder, one, config.policy_sha256, set(config.signers))


def ruled(folder: Path, cool_down_seconds: int) -> None:
    """Two rules: one with a purpose and a governed number, one with neither."""
    file = folder / "cameras" / "yard.yaml"
    camera = yaml.safe_load(file.read_text())
    across = {**camera["rules"][0], "name": "across", "purpose": "yard-safety"}
    bare = {**camera["rules"][0], "name": "bare"}
    bare.pop("purpose", None)
    camera["rules"] = [{**across, "cool_down_seconds": cool_down_seconds}, bare]
    file.write_text(yaml.safe_dump(camera))


def test_a_box_under_a_policy_explains_each_refusal(tmp_path: Path) -> None:  # noqa: PLR0915 - one story
    """No purpose, a threshold nobody signed, a policy changed, a review passed; and kill -9."""
    (tmp_path / "broker").mkdir()
    clip = walk(tmp_path / "walk.mp4", still_s=1.0, moving_s=2.0)
    with mosquitto(tmp_path / "broker") as broker:
        folder = _configure(tmp_path / "box", broker.port, clip)
        log = folder / "var" / "audit"
        public = keys(folder)
        policy(folder, public, review=day(20))
        ruled(folder, 1)
        signed(folder, public)
        room = Room(broker.port)
        box = Appliance(folder)

        def state(rule: str) -> dict[str, Any]:
            return room.states.get(f"camera/yard/state/{rule}", {})

        def refused(rule: str, words: str) -> bool:
            told = room.states.get("about", {}).get("policy", {}).get("refused") or ()
            why = {one["what"]: one["why"] for one in told}.get(f"rule yard/{rule}", "")
            return state(rule).get("armed") is False and words in state(rule)["refused"] == why

        def reloaded() -> None:
            box.process.send_signal(signal.SIGHUP)

        try:
            assert eventually(lambda: room.of("line_crossed", "pulse"), 40), box.output
            assert eventually(lambda: refused("bare", "it has no purpose"), 10), room.states
            assert state("across")["armed"] is True
            about = room.states["about"]["policy"]
            (due,) = about["due"]
            assert due.startswith(f"deployment has to be reviewed by {day(20)}, in 20 days")
            (begun,) = room.of("rule_disarmed", "begin")
            assert (begun["rule"], begun["priority"]) == ("bare", "alert")

            ruled(folder, 9)  # by one person alone
            reloaded()
            assert eventually(lambda: refused("across", GOVERNED), 15), room.states
            assert room.ask("arm", camera="yard", rule="across")["ok"] is False
            box.process.kill()
            box.process.wait()
            n_heard = len(room.of("line_crossed", "pulse"))
            room.states.clear()
            box.start()
            assert eventually(lambda: refused("across", GOVERNED), 30), box.output
            assert eventually(lambda: refused("bare", "it has no purpose"), 10), room.states

            ruled(folder, 1)
            reloaded()
            assert eventually(lambda: state("across")["armed"] is True, 15), room.states
            assert eventually(lambda: len(room.of("line_crossed", "pulse")) > n_heard, 15)

            policy(folder, public, review=day(20), name="For good")
            reloaded()
            assert eventually(lambda: refused("across", "0 of 2 signatures"), 15), room.states
            policy(folder, public, review=day(-1))
            signed(folder, public)
            reloaded()
            words = f"the deployment was to be reviewed by {day(-1)}"
            assert eventually(lambda: refused("across", words), 15), room.states
            assert box.end(signal.SIGTERM) == 0
        finally:
            if box.process.poll() is None:
                box.end(signal.SIGKILL)
            room.close()
    assert {one["rule"] for one in room.of("line_crossed", "pulse")} == {"across"}
    assert verify(log).is_sound
    records = list(read(log))
    reasons = [r.facts["reason"] for r in records if r.kind == "rule.refused"]
    for expected in ("it has no purpose", GOVERNED, "0 of 2 signatures", words):
        assert any(expected in reason for reason in reasons), expected
    assert {r.facts["what"] for r in records if r.kind == "rule.due"} == {"deployment"}
    assert any(r.kind == "command" and r.facts["outcome"] == "failed" for r in records)

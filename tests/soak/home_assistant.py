"""Home Assistant itself, against the daemon's discovery messages: which entities it makes of them.

    python -m tests.soak.home_assistant --hass /tmp/ha/bin/hass --json result.json

`--hass` is Home Assistant's own program, in an environment of its own, for it wants other versions
of the same libraries and a newer Python: `pip install homeassistant paho-mqtt`. Nothing in it is
replaced: it is told where the broker is, discovers, and a few lines run inside it write down the
states it has.

The box is watched while it works, while a rule is taken out of it, and when it has stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.integration.test_chain import Appliance, walk
from tests.servers import eventually, free_port, mosquitto

NODE = "cabinet-001"
START_S = 600.0  # it imports a hundred integrations first
AT = "2026-01-01T00:00:00.000000+00:00"

LISTENER = '''"""Writes down the states Home Assistant has, each second."""

import json
import os
from datetime import timedelta
from pathlib import Path

from homeassistant.helpers.event import async_track_time_interval


async def async_setup(hass, config):
    place = Path(hass.config.config_dir) / "states.json"

    def replace(states):
        part = place.with_suffix(".part")
        part.write_text(json.dumps(states, default=str))
        os.replace(part, place)

    async def write(_now):
        states = {one.entity_id: one.as_dict() for one in hass.states.async_all()}
        await hass.async_add_executor_job(replace, states)

    async_track_time_interval(hass, write, timedelta(seconds=1))
    return True
'''


class Home:
    """A Home Assistant that has the broker, and what it shows.

    Args:
        hass: Its program.
        folder: Its configuration, written here.
        broker_port: On the loopback.
    """

    def __init__(self, hass: Path, folder: Path, broker_port: int) -> None:
        self._states = folder / "states.json"
        self.output = folder / "output.txt"
        listener = folder / "custom_components" / "listener"
        listener.mkdir(parents=True)
        (listener / "__init__.py").write_text(LISTENER)
        manifest = {"domain": "listener", "name": "Listener", "version": "1.0.0"}
        (listener / "manifest.json").write_text(json.dumps(manifest))
        settings = {"http": {"server_port": free_port()}, "listener": {}}
        (folder / "configuration.yaml").write_text(yaml.safe_dump(settings))
        entry: dict[str, Any] = {
            "created_at": AT, "modified_at": AT, "domain": "mqtt", "title": "broker",
            "data": {"broker": "127.0.0.1", "port": broker_port}, "options": {},
            "entry_id": "01JTESTTESTTESTTESTTESTTES", "version": 1, "minor_version": 2,
            "disabled_by": None, "discovery_keys": {}, "pref_disable_new_entities": False,
            "pref_disable_polling": False, "source": "user", "subentries": [], "unique_id": None,
        }  # fmt: skip
        kept = {"version": 1, "minor_version": 5, "key": "core.config_entries"}
        (folder / ".storage").mkdir()
        (folder / ".storage" / "core.config_entries").write_text(
            json.dumps({**kept, "data": {"entries": [entry]}})
        )
        command = [str(hass), "--config", str(folder), "--skip-pip"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def entities(self) -> dict[str, dict[str, Any]]:
        """The box's, by what they are called, without its name before each."""
        try:
            states = json.loads(self._states.read_text())
        except (OSError, ValueError):
            return {}
        prefix = f"test {NODE} "
        return {
            name.removeprefix(prefix): {"entity": entity, "state": told["state"], "kind": kind}
            for entity, told in states.items()
            if (name := str(told["attributes"].get("friendly_name", ""))).startswith(prefix)
            for kind in [told["attributes"].get("device_class") or entity.partition(".")[0]]
        }

    def state(self, name: str) -> str:
        """Of one entity; empty where there is none."""
        return str(self.entities.get(name, {}).get("state", ""))


@contextmanager
def home(hass: Path, folder: Path, broker_port: int) -> Iterator[Home]:
    """It runs meanwhile."""
    running = Home(hass, folder, broker_port)
    try:
        yield running
    finally:
        running.process.terminate()
        try:
            running.process.wait(30)
        except subprocess.TimeoutExpired:
            running.process.kill()


def configure(folder: Path, port: int, clip: Path) -> Path:
    """A box with a line, a zone, and the view."""
    (folder / "cameras").mkdir(parents=True)
    mqtt = {"url": f"mqtt://127.0.0.1:{port}", "views": [{"kind": "home_assistant"}]}
    appliance: dict[str, Any] = {
        "version": 1,
        "site": "test",
        "node": NODE,
        "mqtt": mqtt,
        "storage": {"path": str(folder / "var")},
        "detectors": {"street": {"kind": "motion"}},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    camera: dict[str, Any] = {
        "version": 1,
        "camera": "yard",
        "name": "The yard",
        "source": {"kind": "file", "path": str(clip), "loop": True, "realtime": True},
        "analyse": {"detector": "street", "fps": 8, "gate": "always"},
        "zones": {"right": [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]},
        "lines": {"middle": [[0.4, 1.0], [0.4, 0.0]]},
        "rules": [
            {"name": "across", "kind": "line_crossing", "line": "middle"},
            {"name": "inside", "kind": "zone_entry", "zone": "right"},
        ],
    }
    (folder / "cameras" / "yard.yaml").write_text(yaml.safe_dump(camera))
    return folder


def run(hass: Path, folder: Path) -> tuple[dict[str, bool], dict[str, Any]]:
    """Watch a box through Home Assistant.

    Returns:
        Whether each thing was seen; and the entities there were while it worked.
    """
    seen: dict[str, bool] = {}

    def see(what: str, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        seen[what] = eventually(condition, within_s)
        print(f"{'yes' if seen[what] else 'NO '}  {what}", flush=True)

    (folder / "ha").mkdir()
    clip = walk(folder / "walk.mp4")
    with mosquitto(folder) as broker, home(hass, folder / "ha", broker.port) as shown:
        box = Appliance(configure(folder / "box", broker.port, clip))
        try:
            see("connection is on", lambda: shown.state("Connection") == "on", START_S)
            see("the camera has no problem", lambda: shown.state("The yard not watched") == "off")
            counts, zone = set[str](), set[str]()

            def is_counted() -> bool:
                counts.add(shown.state("yard across"))
                return len(counts - {"", "unknown"}) > 1

            def is_followed() -> bool:
                zone.add(shown.state("yard inside"))
                return {"on", "off"} <= zone

            see("crossings are counted", is_counted)
            see("the zone is occupied, and clear", is_followed)
            entities = shown.entities
            file = box.folder / "cameras" / "yard.yaml"
            camera = yaml.safe_load(file.read_text())
            camera["rules"] = camera["rules"][:1]
            file.write_text(yaml.safe_dump(camera))
            box.process.send_signal(signal.SIGHUP)
            see("a rule that is removed is gone", lambda: "yard inside" not in shown.entities)
            see("the other is still there", lambda: shown.state("yard across").isdigit())
        finally:
            box.end(signal.SIGTERM)
        see("a box that stopped is off", lambda: shown.state("Connection") == "off")
        see(
            "nobody watching is not clear",
            lambda: (
                {shown.state("The yard not watched"), shown.state("yard across")} == {"unavailable"}
            ),
        )
        if not all(seen.values()):
            print(shown.output.read_text()[-4000:])
    return seen, entities


def main() -> int:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.home_assistant")
    parser.add_argument("--hass", type=Path, required=True, help="Home Assistant's program")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told = subprocess.run([args.hass, "--version"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        seen, entities = run(args.hass, Path(folder))
    figures = {"home_assistant": told.stdout.strip(), "seen": seen, "entities": entities}
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all(seen.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""The demo's embedded defaults: one box, one camera, two rules."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edge.admission import Policy
from edge.config import Config
from edge.config.schema import Appliance, Camera
from edge.demo.street import DEMO_LINE, DEMO_ZONE

MODEL = "yolox-nano"
ROOT = "cctv"

# A real camera's picture is not known: a line across its middle and a zone in its lower half.
ANY_LINE = ((0.5, 1.0), (0.5, 0.0))
ANY_ZONE = ((0.1, 0.5), (0.9, 0.5), (0.9, 1.0), (0.1, 1.0))


def setting(
    source: dict[str, Any],
    storage: Path,
    port: int,
    *,
    is_street: bool,
    listen: str = "127.0.0.1:0",
) -> Config:
    """The configuration `edge demo` runs.

    Args:
        source: Options of the camera's source.
        storage: A folder for the outbox.
        port: Of the embedded broker on this machine.
        is_street: The camera shows the rendered street, whose line and zone are known.
        listen: Address of the device page.
    """
    line, zone = (DEMO_LINE, DEMO_ZONE) if is_street else (ANY_LINE, ANY_ZONE)
    appliance: dict[str, Any] = {
        "version": 1,
        "site": "demo",
        "node": "this-machine",
        "mqtt": {"url": f"mqtt://127.0.0.1:{port}", "root": ROOT, "protocol": "3.1.1"},
        "storage": {"path": str(storage)},
        "detectors": {"street": {"kind": "auto", "model": MODEL}},
        "web": {"listen": listen},
    }
    camera: dict[str, Any] = {
        "version": 1,
        "camera": "demo-street" if is_street else "demo-camera",
        "name": "Simulated street" if is_street else "Your camera",
        "source": source,
        "analyse": {"detector": "street", "fps": 8, "gate": "always"},
        "lines": {"middle": line},
        "zones": {"area": zone},
        "rules": [
            {
                "name": "crossing",
                "kind": "line_crossing",
                "line": "middle",
                "classes": ["person", "car"],
                "priority": "alert",
            },
            {
                "name": "entry",
                "kind": "zone_entry",
                "zone": "area",
                "classes": ["person", "car"],
            },
        ],
    }
    # The hash is of the settings without the source, whose address may hold a password.
    open_part = json.dumps(
        [{**appliance, "web": None}, {**camera, "source": source["kind"]}], sort_keys=True
    )
    return Config(
        folder=storage,
        appliance=Appliance.model_validate_json(json.dumps(appliance)),
        cameras=(Camera.model_validate_json(json.dumps(camera)),),
        sha256=hashlib.sha256(open_part.encode()).hexdigest(),
        policy=Policy(version=1, profile="laboratory", models={}, approvers={}, purposes={}),
    )

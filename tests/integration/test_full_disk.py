"""`edge run` on a disk that is full before the start: it watches, delivers, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.audit import read, verify
from edge.config import load
from edge.site.doctor import examine
from tests.integration.test_chain import walk
from tests.servers import Listener, eventually, listening, mosquitto
from tests.soak.box import Box
from tests.unit.sinks.test_outbox_disk import as_root, fill_up, mounted

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow]


def configured(folder: Path, port: int) -> Path:
    """A box with one camera, a recording that goes on and on."""
    (folder / "cameras").mkdir(parents=True)
    appliance = {
        "version": 1,
        "site": "test",
        "node": "cabinet-001",
        "mqtt": {"url": f"mqtt://127.0.0.1:{port}"},
        "storage": {"path": str(folder / "var")},
        "detectors": {"street": {"kind": "motion"}},
    }
    (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
    clip = walk(folder / "walk.mp4")
    camera = {
        "version": 1,
        "camera": "yard",
        "source": {"kind": "file", "path": str(clip), "loop": True, "realtime": True},
        "analyse": {"detector": "street", "fps": 8, "gate": "always"},
        "lines": {"middle": [[0.4, 1.0], [0.4, 0.0]]},
        "rules": [{"name": "across", "kind": "line_crossing", "line": "middle"}],
    }
    (folder / "cameras" / "yard.yaml").write_text(yaml.safe_dump(camera))
    return folder


def heard(listener: Listener, kind: str) -> list[Any]:
    return [message.json for message in listener.matching(f"/event/{kind}")]


@as_root
def test_disk_full_before_the_start(tmp_path: Path) -> None:
    """Events arrive from memory; event, status and doctor say why; it ends when there is room."""
    with (
        mosquitto(tmp_path) as broker,
        listening(broker.port) as listener,
        mounted(tmp_path / "box" / "var", "-t", "tmpfs", "-o", "size=32m", "tmpfs"),
    ):
        folder = tmp_path / "box"
        greedy = fill_up(folder / "var")
        configured(folder, broker.port)
        (disk,) = (check for check in examine(load(folder)) if check.name == "disk")
        assert disk.level == "red"
        assert "watches all the same" in disk.found
        assert "df -h" in disk.remedy
        with Box(folder) as box:
            assert eventually(lambda: heard(listener, "storage_degraded"), 20.0)
            (begin,) = heard(listener, "storage_degraded")
            assert begin["phase"] == "begin"
            assert begin["priority"] == "alert"
            assert "in memory only" in begin["reason"]
            assert eventually(lambda: heard(listener, "line_crossed"), 20.0)
            status = listener.matching("/camera/yard/status")[-1].json
            assert (status["state"], status["why"]) == ("degraded", begin["reason"])
            greedy.unlink()
            assert eventually(lambda: len(heard(listener, "storage_degraded")) == 2, 45.0)
            assert heard(listener, "storage_degraded")[1]["incident"] == begin["id"]
            assert (folder / "var" / "outbox.db").exists()
            assert box.stop() == 0
        assert verify(folder / "var" / "audit").is_sound
        records = list(read(folder / "var" / "audit"))
        assert any(r.kind == "log.gap" and "No space left" in r.facts["reason"] for r in records)
        numbers = [message.json["seq"] for message in listener.matching("/event/")]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

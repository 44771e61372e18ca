"""`edge run` on a full disk: evidence gives way in the declared order, and watching goes on."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from edge.evidence.vault import Vault
from tests.integration.test_full_disk import configured, heard
from tests.servers import eventually, listening, mosquitto
from tests.soak.box import Box
from tests.unit.evidence.sidecar_builder import event_id, keep
from tests.unit.sinks.test_outbox_disk import as_root, fill_up, mounted

pytestmark = [pytest.mark.alone, pytest.mark.network, pytest.mark.slow]

MIB = 2**20


@as_root
def test_a_full_disk_takes_evidence_and_never_the_watching(tmp_path: Path) -> None:
    """Old evidence goes, today's and what is held stay; the control room hears it, and events."""
    today = datetime.now(timezone.utc)
    with (
        mosquitto(tmp_path) as broker,
        listening(broker.port) as listener,
        mounted(tmp_path / "box" / "var", "-t", "tmpfs", "-o", "size=96m", "tmpfs"),
    ):
        folder = configured(tmp_path / "box", broker.port)
        appliance = yaml.safe_load((folder / "appliance.yaml").read_text())
        appliance["storage"] |= {"outbox": {"max_mib": 8}, "evidence": {"min_free_gib": 0.04}}
        (folder / "appliance.yaml").write_text(yaml.safe_dump(appliance))
        root = folder / "var" / "evidence"
        for n in range(6):
            keep(root, n, bytes(4 * MIB), begin=today - timedelta(days=n, minutes=1))
        vault = Vault(root)
        vault.hold(event_id(5), "A", "case", today)
        greedy = fill_up(folder / "var")

        def why() -> str:
            said = listener.matching("/camera/yard/status")
            return str(said[-1].json.get("why")) if said else ""

        with Box(folder) as box:
            assert eventually(lambda: "not kept: clean" in why(), 20.0), why()
            (begin,) = heard(listener, "storage_degraded")
            assert begin["phase"] == "begin"
            left = {item.sidecar.event for item in vault.scan()[0]}
            assert left == {event_id(0), event_id(5)}
            n_before = len(heard(listener, "line_crossed"))
            assert eventually(lambda: len(heard(listener, "line_crossed")) > n_before, 25.0)
            greedy.unlink()
            assert eventually(lambda: len(heard(listener, "storage_degraded")) == 2, 30.0)
            assert box.stop() == 0
        assert not heard(listener, "camera_lost")
        erased = [json.loads(line) for file in (root / "erased").iterdir()
                  for line in file.read_text().splitlines()]  # fmt: skip
        assert {line["event"] for line in erased} == {event_id(n) for n in (1, 2, 3, 4)}
        assert {line["why"] for line in erased} == {"disk"}
        assert all(vault.fault(item) == "" for item in vault.scan()[0])

"""kill -9 while the vault encrypts and erases: what is listed is whole, what is gone is written."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
from tests.unit.evidence.sidecar_builder import NOON, event_id, keep

LIVES, ITEMS = 8, 60

KEEPER = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from edge.evidence.sealed import Key
from edge.evidence.vault import Vault
vault = Vault(Path(sys.argv[1]), key=Key(bytes(32)))
print("ready", flush=True)
for item in vault.scan()[0]:
    vault.seal(item)
    if item.sidecar.event.endswith(("3", "7", "b", "f")):
        vault.erase(item, "days", datetime.now(timezone.utc))
"""


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Every item that is listed verifies; each that is gone has its line; a last life finishes."""
    content = {}
    for n in range(ITEMS):
        content[event_id(n)] = bytes([n]) * 200_000
        keep(tmp_path, n, content[event_id(n)], begin=NOON + timedelta(seconds=n))
    chance = random.Random(7)
    vault = Vault(tmp_path, key=Key(bytes(32)))
    for _ in range(LIVES):
        with subprocess.Popen(
            [sys.executable, "-c", KEEPER, str(tmp_path)], stdout=subprocess.PIPE
        ) as life:
            assert life.stdout is not None
            life.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.05))
            life.kill()
        items, broken = vault.scan()
        assert not broken
        assert [fault for item in items if (fault := vault.fault(item))] == []
        gone = set(content) - {item.sidecar.event for item in items}
        assert gone <= {line.event for line in vault.erased()}
    subprocess.run([sys.executable, "-c", KEEPER, str(tmp_path)], check=True, capture_output=True)
    items, _ = vault.scan()
    assert len(items) == ITEMS * 3 // 4
    for item in items:
        assert b"".join(vault.open(item)) == content[item.sidecar.event]
        assert content[item.sidecar.event][:64] not in item.path.read_bytes()
    vault.sweep(NOON + timedelta(days=9000))
    files = [path for path in tmp_path.rglob("*/north/*") if path.is_file()]
    assert len(files) == 2 * len(items)

"""Kill -9 while the vault encrypts and erases, hundreds of times: what is listed is whole.

    python -m tests.soak.vault_killing --rounds 40 --out tests/bench/results/NAME.json

Each round fills a vault, kills its keeper eight times at a random moment, judges what lies there
after each, and lets a last life finish.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
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


def round_of_lives(root: Path, seed: int) -> Counter[str]:
    """Fill a vault, kill its keeper again and again, and let a last one finish.

    Args:
        root: An empty folder.
        seed: Of the moments.

    Returns:
        Kills; those that came before the keeper had ended; items found whole after one; and what
        each kill left of a file that was being written.

    Raises:
        AssertionError: Something listed does not verify, or something went that is not written.
    """
    found: Counter[str] = Counter()
    content = {}
    for n in range(ITEMS):
        content[event_id(n)] = bytes([n]) * 200_000
        keep(root, n, content[event_id(n)], begin=NOON + timedelta(seconds=n))
    chance = random.Random(seed)
    vault = Vault(root, key=Key(bytes(32)))
    for _ in range(LIVES):
        with subprocess.Popen(
            [sys.executable, "-c", KEEPER, str(root)], stdout=subprocess.PIPE
        ) as life:
            assert life.stdout is not None
            life.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.05))
            life.kill()
        found["kills"] += 1
        found["before it had ended"] += life.returncode != 0
        found["with a file half written"] += any(root.glob("*/north/.*"))
        items, broken = vault.scan()
        assert not broken
        assert [fault for item in items if (fault := vault.fault(item))] == []
        found["items that verified"] += len(items)
        gone = set(content) - {item.sidecar.event for item in items}
        assert gone <= {line.event for line in vault.erased()}
    subprocess.run([sys.executable, "-c", KEEPER, str(root)], check=True, capture_output=True)
    items, _ = vault.scan()
    assert len(items) == ITEMS * 3 // 4
    for item in items:
        assert b"".join(vault.open(item)) == content[item.sidecar.event]
        assert content[item.sidecar.event][:64] not in item.path.read_bytes()
    vault.sweep(NOON + timedelta(days=9000))
    files = [path for path in root.rglob("*/north/*") if path.is_file()]
    assert len(files) == 2 * len(items)
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    total: Counter[str] = Counter()
    for seed in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            total += round_of_lives(Path(folder), seed)
        result = {**total, "listed and not verified": 0, "gone and not written down": 0}
        text = json.dumps(result, indent=2) + "\n"
        if arguments.out:
            arguments.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()

"""A verifier in another language, written from docs/audit.md alone, says the same."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge.audit import verify
from edge.errors import EdgeError
from tests.unit.audit.small_log import fill

VERIFIER = Path(__file__).with_name("verify.mjs")
GOLDEN = Path(__file__).parents[1] / "golden" / "audit"


def independent(folder: Path) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node; run: apt-get install nodejs")
    done = subprocess.run(
        [node, str(VERIFIER), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("is_golden", [True, False], ids=["the golden log", "a new one"])
def test_both_call_the_same_log_sound(tmp_path: Path, *, is_golden: bool) -> None:
    """The same root, the same newest head, the same kinds."""
    folder = GOLDEN if is_golden else tmp_path / "audit"
    if not is_golden:
        fill(folder)
    verdict, other = verify(folder), independent(folder)
    assert verdict.is_sound
    assert other["findings"] == []
    assert verdict.head is not None
    assert (other["records"], other["head"]) == (verdict.n, verdict.head.size)
    assert other["kinds"] == dict(verdict.kinds)


def test_the_golden_log_is_read_as_ever() -> None:
    """A log that an earlier release wrote: its root is known, and this release verifies it."""
    verdict = verify(GOLDEN)
    assert verdict.is_sound
    assert verdict.head is not None
    assert verdict.head.root.hex() == (GOLDEN / "root.txt").read_text().strip()
    assert (verdict.n, verdict.head.size, verdict.n_erased) == (17, 16, 2)


def test_both_find_the_same_changes(tmp_path: Path) -> None:
    """Random bytes of every file: both say the log is not sound, and name the same record."""
    folder = tmp_path / "audit"
    shutil.copytree(GOLDEN, folder)
    chosen = random.Random(11)
    files = [f for f in sorted(folder.iterdir()) if f.name != "root.txt"]
    for k in range(10):
        file = files[k % len(files)]
        whole = file.read_bytes()
        place = chosen.randrange(len(whole))
        file.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << chosen.randrange(8)]) + whole[place + 1 :]
        )
        other = independent(folder)
        assert other["findings"], f"{file.name} {place}"
        try:
            verdict = verify(folder)
        except EdgeError:
            pass
        else:
            assert not verdict.is_sound
            if file.name.startswith("records"):
                assert other["findings"][0]["record"] == verdict.findings[0].n
        file.write_bytes(whole)

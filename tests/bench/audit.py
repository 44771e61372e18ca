"""What a record costs, and how long a year of them takes to verify.

python -m tests.bench.audit make FOLDER     a year at 10 000 records a day, written in bulk
python -m tests.bench.audit FOLDER          measures; writes tests/bench/results/audit.json
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.audit import AuditLog, verify
from edge.audit._folder import SEGMENT, personal_file, records_file
from edge.audit._keys import key_in
from edge.audit._merkle import Frontier, leaf_hash
from edge.audit._note import LOG, Head

N = 3_650_000
ORIGIN = "bench/year/audit"
RESULTS = Path(__file__).with_name("results") / "audit.json"


def make(folder: Path) -> None:
    """Write a year of events as the log would have, without its locks and syncs."""
    folder.mkdir(parents=True, exist_ok=True)
    key = key_in(folder / "log.key", ORIGIN, LOG)
    (folder / "log.vkey").write_text(f"{key.public}\n")
    tree = Frontier()
    begun = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with (folder / "tree").open("wb") as nodes, (folder / "heads").open("w") as heads:
        for first in range(0, N, SEGMENT):
            lines, apart = [], []
            for n in range(first, min(N, first + SEGMENT)):
                at = (begun + timedelta(seconds=8.64 * n)).isoformat()[:19] + ".000Z"
                digest, salt = hashlib.sha256(b"%d" % n).hexdigest(), os.urandom(32)
                personal = f'{{"message_sha256":"{digest}"}}'
                commitment = hashlib.sha256(salt + personal.encode()).hexdigest()
                line = (
                    f'{{"at":"{at}","facts":{{"at":"{at}","camera":"high-street-north",'
                    f'"id":"0199a7c2-7f1e-7c55-9a53-{n:012x}","kind":"line_crossed",'
                    f'"model":"yolox-nano@3fa1c2d4","phase":"pulse","priority":"alert",'
                    f'"rule":"gate-in","seq":{n + 1}}},"kind":"event","n":{n},'
                    f'"personal":"{commitment}","v":1}}'
                ).encode()
                apart.append(f'{{"n":{n},"personal":{personal},"salt":"{salt.hex()}"}}\n')
                lines.append(line + b"\n")
                nodes.write(b"".join(tree.append(leaf_hash(line))))
                if n % 35 == 34:  # five minutes at 10 000 a day
                    head = Head(ORIGIN, n + 1, tree.root).signed(key.public, key.sign)
                    heads.write(head.note + "\n")
            records_file(folder, first).write_bytes(b"".join(lines))
            personal_file(folder, first).write_text("".join(apart))


def appended() -> dict[str, float]:
    """Microseconds of `record`, while another thread syncs and signs."""
    took = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        log = AuditLog(Path(folder) / "audit", ORIGIN)
        is_over = threading.Event()

        def attend() -> None:
            while not is_over.wait(0.1):  # ten times as often as the daemon
                log.attend()

        thread = threading.Thread(target=attend)
        thread.start()
        for seq in range(10_000):
            begun = time.perf_counter()
            log.record("event", {"seq": seq, "camera": "gate", "kind": "line_crossed",
                                 "id": f"{seq:036}", "message_sha256": "ab" * 32})  # fmt: skip
            took.append((time.perf_counter() - begun) * 1e6)
            time.sleep(0.0002)
        is_over.set()
        thread.join()
        log.close()
    took.sort()
    return {
        "median_us": round(statistics.median(took), 1),
        "p99_us": round(took[len(took) * 99 // 100], 1),
        "max_us": round(took[-1], 1),
    }


def verified(folder: Path, processes: int) -> dict[str, float]:
    """Seconds and memory of checking a year, or what there is of it.

    The seconds of processors are what it costs whatever else the machine does meanwhile.
    """
    begun, used = time.perf_counter(), _used_s()
    verdict = verify(folder, processes=processes)
    seconds, used = time.perf_counter() - begun, _used_s() - used
    assert verdict.is_sound, verdict.findings[:3]
    return {
        "processes": processes,
        "records": verdict.n,
        "heads": verdict.n_heads,
        "seconds": round(seconds, 1),
        "seconds_of_processors": round(used, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak_mib_of_a_process": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "log_mib": sum(f.stat().st_size for f in folder.iterdir()) >> 20,
    }


def _used_s() -> float:
    found = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        found = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}",
            "record": appended(),
            "verify": [verified(Path(sys.argv[1]), processes) for processes in (2, 1)],
        }
        RESULTS.write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps(found, indent=2))

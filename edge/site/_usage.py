"""Usage: what a process costs, as Linux counts it: processor time by thread, memory, handles."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_TASKS = Path("/proc/self/task")
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

GROUPS = {"reader-": "demux", "watcher-": "gate", "engine-": "engine"}
"""Threads by the beginning of their name, and what they do. What a camera's watcher does for a look
of the detector besides inference, and the motion detector whole, counts as gate."""


@dataclass(frozen=True)
class Usage:
    """One moment of this process.

    Attributes:
        at: Monotonic seconds.
        cpu_s: Processor seconds so far by group of threads; `other` is what is in none.
        rss_bytes: Memory in use.
        n_threads: Threads, those of libraries among them.
        n_handles: Open files and sockets.
    """

    at: float
    cpu_s: dict[str, float]
    rss_bytes: int
    n_threads: int
    n_handles: int


def usage() -> Usage:
    """Take stock of this process."""
    cpu_s = dict.fromkeys(GROUPS.values(), 0.0)
    for thread in threading.enumerate():
        group = next((g for name, g in GROUPS.items() if thread.name.startswith(name)), None)
        if group is not None and thread.native_id is not None:
            cpu_s[group] += _thread_cpu_s(thread.native_id)
    cpu_s["other"] = max(0.0, time.process_time() - sum(cpu_s.values()))
    return Usage(time.monotonic(), cpu_s, rss_bytes(), len(list(_TASKS.iterdir())), _n_handles())


def rss_bytes() -> int:
    """Memory this process uses."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def process_cpu_s(pid: int) -> float:
    """Processor seconds of another process so far."""
    return _stat_cpu_s(Path(f"/proc/{pid}/stat"))


def _n_handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) - 1  # less the one that lists them


def _thread_cpu_s(native_id: int) -> float:
    """Processor seconds of one thread of this process; 0.0 when it has just ended."""
    task = _TASKS / str(native_id)
    try:  # in nanoseconds, where the kernel has it
        return int((task / "schedstat").read_text(encoding="ascii").split()[0]) * 1e-9
    except (OSError, ValueError, IndexError):
        pass
    try:
        return _stat_cpu_s(task / "stat")
    except OSError:
        return 0.0


def _stat_cpu_s(stat: Path) -> float:
    """User and system time of a `stat` file (proc(5)); its second field may hold spaces."""
    fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S

"""What a process costs is read from the kernel: threads by name, memory, handles."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.site import _usage
from edge.site._usage import process_cpu_s, usage


def spin(seconds: float) -> None:
    """Use so much of the processor."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.mark.parametrize(("name", "group"), [("reader-yard", "demux"), ("watcher-yard", "gate")])
def test_processor_time_is_told_apart_by_thread(name: str, group: str) -> None:
    """A busy reader is demux, a busy watcher is gate."""
    before = usage()
    done, go = threading.Event(), threading.Event()

    def work() -> None:
        spin(0.1)
        done.set()
        go.wait(5.0)

    thread = threading.Thread(target=work, name=name)
    thread.start()
    assert done.wait(5.0)
    after = usage()
    go.set()
    thread.join()
    used = {key: after.cpu_s[key] - before.cpu_s[key] for key in after.cpu_s}
    assert used[group] == pytest.approx(0.1, abs=0.05)
    assert sum(used.values()) - used[group] < 0.1


def test_coarse_times_are_used_where_the_kernel_has_no_fine_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without `schedstat`: ticks of user and system time, also behind a name with spaces."""
    task = tmp_path / "17"
    task.mkdir()
    fields = " ".join(str(number) for number in range(3, 40))
    (task / "stat").write_text(f"17 (a (b) c) {fields}\n")
    monkeypatch.setattr(_usage, "_TASKS", tmp_path)
    assert _usage._thread_cpu_s(17) == pytest.approx((14 + 15) / os.sysconf("SC_CLK_TCK"))
    assert _usage._thread_cpu_s(18) == 0.0


def test_memory_threads_and_handles_follow_what_is_held() -> None:
    """Thirty MiB, a thread and a file more."""
    before = usage()
    held = mmap.mmap(-1, 30 * 2**20)  # not from the allocator, which may have some to spare
    held.write(bytes(30 * 2**20))
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    with Path("/proc/self/stat").open():
        after = usage()
    go.set()
    thread.join()
    assert after.rss_bytes - before.rss_bytes > 25 * 2**20
    assert (after.n_threads - before.n_threads, after.n_handles - before.n_handles) == (1, 1)
    held.close()


def test_another_process_s_time_is_read() -> None:
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert 0.25 < process_cpu_s(child.pid) < 3.0
    child.communicate(b"\n")

"""Threads of the daemon allocate from one heap; asked of the C library itself."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

THREADS = """
import ctypes, sys, threading
from edge.runtime.memory import share_one_heap
if sys.argv[1] == "shared":
    assert share_one_heap()
barrier = threading.Barrier(9)
def run():
    kept = [bytes(5000) for _ in range(100)]
    barrier.wait()
    barrier.wait()
threads = [threading.Thread(target=run) for _ in range(8)]
for thread in threads:
    thread.start()
barrier.wait()
libc = ctypes.CDLL(None)
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
barrier.wait()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
@pytest.mark.parametrize(("how", "is_one"), [("shared", True), ("as it comes", False)])
def test_threads_share_one_heap(how: str, *, is_one: bool) -> None:
    """Without it each thread here gets a heap of its own."""
    told = subprocess.run(
        [sys.executable, "-c", THREADS, how], capture_output=True, text=True, check=True
    )
    assert (told.stdout.count("<heap nr=") == 1) is is_one

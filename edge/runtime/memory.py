"""Memory: what the C library's allocator is told, so that what a camera gave back is used again.

glibc gives threads heaps of their own, up to eight a core, and what is free in one helps no other.
With two threads a camera each heap grows to what its own busiest moment took: docs/adr/0016.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h

MAPPED_BYTES = 32 * 2**20
"""Blocks from here on are mapped on their own; glibc lets it be no more. What is mapped anew is
paid for in page faults: 1.3 ms for a network's input of 2 MB, against 0.06 from the heap."""

KEPT_BYTES = 64 * 2**20
"""Free memory at the end of the heap that is not given back, for the same reason."""


def share_one_heap() -> bool:
    """Let all threads of this process allocate from one heap; call it before they start.

    Returns:
        Whether it is so. False where the C library is not glibc: musl has one heap anyway.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = {
        _M_ARENA_MAX: 1,
        _M_MMAP_THRESHOLD: MAPPED_BYTES,
        _M_TRIM_THRESHOLD: KEPT_BYTES,
    }
    return all(mallopt(name, value) for name, value in wanted.items())

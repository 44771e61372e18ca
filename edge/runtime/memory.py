"""Memory: what the C library's allocator is told, so that what a camera gave back is used again.

glibc gives threads heaps of their own, up to eight a core, and what is free in one helps no other.
With two threads a camera each heap grows to what its own busiest moment took: docs/adr/0016.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # malloc.h


def share_one_heap() -> bool:
    """Let all threads of this process allocate from one heap; call it before they start.

    Returns:
        Whether it is so. False where the C library is not glibc: musl has one heap anyway.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, 1))

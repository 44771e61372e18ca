"""The kind `tensorrt` on a machine without a GPU; see nvidia_on_host/README.md."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.detectors import _cuda

NVIDIA_ON_HOST = Path(__file__).with_name("nvidia_on_host")


@contextmanager
def nvidia_on_host() -> Iterator[None]:
    """In this process; whatever device memory is not freed by the end is an error."""
    if shutil.which("g++") is None:
        pytest.skip("needs a C++ compiler: apt-get install g++")
    _forget()
    sys.path.insert(0, str(NVIDIA_ON_HOST))
    try:
        yield
        driver = sys.modules.get("pycuda.driver")
        if driver is not None:
            assert not driver.LIVE, "device memory was not freed"
            assert driver.Context.depth == 0
    finally:
        sys.path.remove(str(NVIDIA_ON_HOST))
        _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tensorrt", "pycuda")]:
        del sys.modules[name]
    _cuda._primary_context.cache_clear()

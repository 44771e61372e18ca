"""What edge uses of pycuda.driver, over host memory."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

LIVE: set[int] = set()
"""Addresses of memory that was not freed."""


class Error(Exception):
    """Of the driver."""


class CompileError(Error):
    """Of nvcc."""


class MemoryError(Error):  # noqa: A001 - its real name
    """The device has no more memory."""


class device_attribute:  # noqa: N801 - its real name
    """What can be asked of a device."""

    MULTIPROCESSOR_COUNT = 16


class Context:
    """The primary one; counts how often it is current."""

    depth = 0

    def push(self) -> None:
        """Make it current."""
        Context.depth += 1

    def pop(self) -> None:
        """Make the one before current."""
        Context.depth -= 1

    def detach(self) -> None:
        """Let go of it."""


class Device:
    """The processor in a device's clothes."""

    def __init__(self, number: int) -> None:
        assert number == 0

    @staticmethod
    def count() -> int:
        """One, or as many as a test wants."""
        return 0 if os.environ.get("ON_HOST_FAULT") == "no device" else 1

    def name(self) -> str:
        """As a driver would say it."""
        return os.environ.get("ON_HOST_DEVICE", "Host")

    def compute_capability(self) -> tuple[int, int]:
        """Of no real device."""
        return 0, 1

    def get_attribute(self, attribute: int) -> int:
        """The number of multiprocessors."""
        assert attribute == device_attribute.MULTIPROCESSOR_COUNT
        return 1

    def retain_primary_context(self) -> Context:
        """The one there is."""
        return Context()


class Stream:
    """Work that is done by the time it is queued."""

    handle = 1

    def synchronize(self) -> None:
        """Everything was done."""


class DeviceAllocation:
    """Memory that only an address leads to."""

    def __init__(self, n_bytes: int) -> None:
        self._memory = np.full(n_bytes, 0xA5, np.uint8)
        LIVE.add(int(self))

    def __int__(self) -> int:
        return int(self._memory.ctypes.data)

    def free(self) -> None:
        """Give it back."""
        LIVE.remove(int(self))


class _Pinned(np.ndarray[Any, Any]):
    def free(self) -> None:
        LIVE.remove(self.ctypes.data)


def init() -> None:
    """Begin."""


def mem_alloc(n_bytes: int) -> DeviceAllocation:
    """Device memory."""
    _need_context()
    if n_bytes > int(os.environ.get("ON_HOST_MEMORY", "1000000000")):
        raise MemoryError("cuMemAlloc failed: out of memory")
    return DeviceAllocation(n_bytes)


def pagelocked_empty(n_items: int, dtype: np.dtype[Any]) -> Any:
    """Host memory a device can read."""
    _need_context()
    owner: Any = np.ndarray.__new__(_Pinned, (n_items,), dtype)
    LIVE.add(owner.ctypes.data)
    return owner.view(np.ndarray)


def memcpy_htod_async(to: DeviceAllocation, source: Any, stream: Stream) -> None:
    """Copy to the device."""
    _need_context()
    ctypes.memmove(int(to), source.ctypes.data, source.nbytes)


def memcpy_dtoh_async(to: Any, source: DeviceAllocation, stream: Stream) -> None:
    """Copy from the device."""
    _need_context()
    ctypes.memmove(to.ctypes.data, int(source), to.nbytes)


class Module:
    """A compiled kernel."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def get_function(self, name: str) -> Any:
        """A launcher: by value a record, then grid and block."""
        is_half = {"planes_to_half": 1, "planes_to_float": 0}[name]

        def launch(record: Any, *, block: Any, grid: Any, stream: Stream) -> None:
            _need_context()
            if os.environ.get("ON_HOST_FAULT") == "launch":
                raise Error("cuLaunchKernel failed: an illegal memory access was encountered")
            kept = np.array(record)
            at = ctypes.c_void_p(kept.ctypes.data)
            self._library.run(at, is_half, *grid, *block[:2])

        return launch


def module_from_buffer(content: bytes) -> Module:
    """Load what the compiler made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.so"
        path.write_bytes(content)
        return Module(ctypes.CDLL(str(path)))


def _need_context() -> None:
    if not Context.depth:
        raise Error("invalid device context: nothing is current in this thread")

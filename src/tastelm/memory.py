"""How much memory a piece of work took at its peak, and how freed memory is used again."""

from __future__ import annotations

import ctypes
import sys
import threading
from types import TracebackType

import psutil


class Peak:
    """Watches the resident memory of this process while the `with` block runs, ten times a second.

    `mib` is the largest size seen: everything the process held, the libraries included.
    """

    def __init__(self) -> None:
        self.mib = 0.0
        self._done = threading.Event()

    def __enter__(self) -> Peak:
        self._done.clear()
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self._look()

    def _look(self) -> None:
        self.mib = max(self.mib, psutil.Process().memory_info().rss / 2**20)


def reuse_freed_memory() -> None:
    """Let the allocator of glibc keep large blocks that are freed, instead of handing each back to the system.

    A training step allocates the same large blocks as the one before it; fetched anew from the system every time, they cost
    five times as many page faults. Elsewhere than on Linux with glibc nothing happens.
    """
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(mmap_threshold, 1 << 30)
        library.mallopt(trim_threshold, (1 << 31) - 1)

"""How much memory a piece of work took at its peak, and how freed memory is used again."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from types import TracebackType

import psutil


def held_mib() -> float:
    """The resident memory of this process."""
    return float(psutil.Process().memory_info().rss / 2**20)


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
        self.mib = max(self.mib, held_mib())


def reuse_freed_memory() -> None:
    """Let the allocator of glibc keep large blocks that are freed, instead of handing each back to the system.

    A training step allocates the same large blocks as the one before it; fetched anew from the system every time, they cost
    five times as many page faults. Blocks of ever other sizes, as texts make them, leave gaps that none fits into: see `Heap`.
    Elsewhere than on Linux with glibc nothing happens.
    """
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(mmap_threshold, 1 << 30)
        library.mallopt(trim_threshold, (1 << 31) - 1)


def hand_back() -> None:
    """Give the system every page that holds nothing but freed blocks. Elsewhere than on Linux with glibc nothing happens."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


class Heap:
    """Keeps freed memory from piling up: with texts of all lengths, tuning a language model of 0.5 GiB came to hold 22 GiB within 40 minutes
    without it.

    `tidy` is called between pieces of work of about one size, such as steps. Where the process holds half as much again as it did after the first of
    them, and `spare` MiB on top, what was freed is handed back. Where the next piece needs as much at once, that is the usual size from then on.

    held       tells MiB that the process holds
    hand_back  gives freed memory back
    """

    def __init__(self, *, spare: float = 1024.0, held: Callable[[], float] = held_mib, hand_back: Callable[[], None] = hand_back) -> None:
        self.spare, self.usual, self._held, self._hand_back, self._tidied = spare, 0.0, held, hand_back, False

    def tidy(self) -> None:
        """Hand freed memory back where too much of it has piled up."""
        held = self._held()
        if not self.usual:
            self.usual = held
        if held <= 1.5 * self.usual + self.spare:
            self._tidied = False
        elif self._tidied:
            self.usual, self._tidied = held, False
        else:
            self._hand_back()
            self._tidied = True


# There is one for the process, as there is one allocator.
HEAP = Heap()

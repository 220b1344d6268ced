"""How much memory a piece of work took at its peak."""

from __future__ import annotations

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

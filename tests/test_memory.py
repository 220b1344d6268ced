"""Freed memory is used again, and does not pile up."""

import subprocess
import sys

import pytest

from tastelm.memory import Heap

PILES = """
import numpy as np
from tastelm.memory import Heap, held_mib, reuse_freed_memory

reuse_freed_memory()
heap = Heap(spare=16)
heap.tidy()
blocks = [np.ones((1 << 17) + 512 * size) for size in range(200)]
del blocks[:-1]  # the one that stays lies at the end of the heap
before = held_mib()
heap.tidy()
print(before, held_mib())
"""


class Process:
    """One that holds what it is told to."""

    def __init__(self) -> None:
        self.mib, self.handed_back = 500.0, 0

    def hand_back(self) -> None:
        self.handed_back += 1


def test_what_piles_up_is_handed_back_once_and_what_is_needed_is_not() -> None:
    process = Process()
    heap = Heap(spare=100, held=lambda: process.mib, hand_back=process.hand_back)
    for process.mib in (500, 840, 700, 850):
        heap.tidy()
    assert process.handed_back == 0, "up to half as much again, and what may be spared"
    process.mib = 851
    heap.tidy()
    assert process.handed_back == 1
    process.mib = 600
    heap.tidy()
    assert (process.handed_back, heap.usual) == (1, 500), "it helped"
    for process.mib in (2000, 2000, 2000, 3000):
        heap.tidy()
    assert (process.handed_back, heap.usual) == (2, 2000), "the work has become a larger one: this is no pile"


@pytest.mark.skipif(sys.platform != "linux", reason="other allocators than that of Linux are left alone")
def test_the_system_gets_back_what_lies_between_blocks_that_stay() -> None:
    before, after = map(float, subprocess.run([sys.executable, "-c", PILES], capture_output=True, text=True, check=True).stdout.split())
    assert before - after > 100, (before, after)

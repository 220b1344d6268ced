"""The whole catalogue as candidates, and what is liked in it by those of whom nothing is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences


def everything(rows: int, items: int) -> Sequences:
    """Every one of N items as a candidate of each of B histories."""
    return Sequences.from_lengths(np.tile(np.arange(items), rows), np.full(rows, items))


def log_popularity(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) how often each item was met -> the log of its share, as if each had been met once more: below 0, and finite."""
    found: NDArray[np.float64] = np.log((counts + 1) / (counts.sum() + len(counts)))
    return found

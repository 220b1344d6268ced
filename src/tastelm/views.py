"""A split as a lazy stream of batches. A view knows how to begin at any batch of any epoch, which is all that resuming needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences, UserWindows


class View(Protocol):
    """Batches of training data, the same for the same seed and epoch."""

    def batches(self, epoch: int, seed: int) -> Batches: ...


class Batches(Protocol):
    """The batches of one epoch, in order."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


@dataclass(frozen=True, eq=False)
class ItemSequences:
    """Histories as packed windows, batched by the number of predictions in them.

    sequences  the training part; sequences too short to hold a prediction are left out
    window     the longest window, in items
    overlap    items that a window shares with the one before it: 1 where each item predicts the next, so that no transition is lost
    targets    predictions a step is made of: steps of equal work, however long the histories are
    windows    `all`: a long history is cut into windows from its end, at cuts that move with every epoch; `last`: the last window alone,
               as SASRec's code does
    least      items of the shortest window that is of use
    """

    sequences: Sequences
    window: int
    overlap: int
    targets: int
    windows: Literal["all", "last"] = "all"
    least: int = 1

    def batches(self, epoch: int, seed: int) -> Batches:
        rng = np.random.default_rng((seed, epoch))
        starts, lengths = self._cut(rng)
        of_use = lengths >= self.least
        starts, lengths = starts[of_use], lengths[of_use]
        order = rng.permutation(len(starts))
        starts, lengths = starts[order], lengths[order]
        work = np.cumsum(lengths - self.overlap)
        # A batch ends with the window that completes its share of the epoch's predictions.
        steps = max(1, round(int(work[-1]) / self.targets)) if len(work) else 0
        cuts = np.searchsorted(work, np.arange(1, steps) * (work[-1] / steps)) + 1 if steps else np.empty(0, np.int64)
        # Where one window completes several shares, the cuts fall together, and no batch is empty.
        return _Windows(self.sequences, starts, lengths, np.unique(np.concatenate([[0], cuts, [len(starts)]])).astype(np.int64))

    def _cut(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and length of every window of an epoch, as places in `sequences.values`."""
        begins, ends = self.sequences.offsets[:-1], self.sequences.offsets[1:]
        enough = ends - begins > self.overlap
        begins, ends = begins[enough], ends[enough]
        long = ends - begins > self.window
        if self.windows == "last" or not long.any():
            starts = np.maximum(begins, ends - self.window)
            return starts, ends - starts
        parts = [list(_moving_windows(int(begin), int(end), self.window, self.overlap, rng)) for begin, end in zip(begins[long], ends[long], strict=True)]
        cut = np.array([window for windows in parts for window in windows], dtype=np.int64)
        starts = np.concatenate([begins[~long], cut[:, 0]])
        return starts, np.concatenate([ends[~long], cut[:, 1]]) - starts


def _moving_windows(begin: int, end: int, window: int, overlap: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Windows (from, to) that cover begin .. end with every transition once; the first cut from the end is drawn."""
    stop, size = end, overlap + int(rng.integers(1, window - overlap + 1))
    while stop - begin > overlap:
        start = max(begin, stop - size)
        yield start, stop
        stop, size = start + overlap, window


@dataclass(frozen=True, eq=False)
class _Windows:
    sequences: Sequences
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    cuts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.cuts) - 1

    def __getitem__(self, index: int) -> UserWindows:
        part = slice(self.cuts[index], self.cuts[index + 1])
        windows = self.sequences.windows(self.starts[part], self.lengths[part])
        users = np.searchsorted(self.sequences.offsets, self.starts[part], side="right") - 1
        return UserWindows(windows.values, windows.offsets, windows.times, users)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Single interactions, each with its user: batches of (users (B,), items (B,)) int64, shuffled."""

    sequences: Sequences
    size: int

    def batches(self, epoch: int, seed: int) -> Batches:
        order = np.random.default_rng((seed, epoch)).permutation(len(self.sequences.values))
        return _PairBatches(self.sequences, order, self.size)


@dataclass(frozen=True, eq=False)
class _PairBatches:
    sequences: Sequences
    order: NDArray[np.int64]
    size: int

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        users = np.searchsorted(self.sequences.offsets, rows, side="right") - 1
        return users, self.sequences.values[rows].astype(np.int64)

"""Changed copies of item sequences. Each keeps at least one item of every non-empty sequence, and none is longer than `longest`, if given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences


@dataclass(frozen=True)
class Crop:
    """A stretch of max(1, floor(rate n)) items, begun anywhere (CL4SRec, Xie et al. 2022, Eq. 5)."""

    rate: float = 0.6

    def __call__(self, batch: Sequences, rng: np.random.Generator) -> Sequences:
        begins, lengths = _stretch(batch, self.rate, rng)
        return batch.windows(batch.offsets[:-1] + begins, lengths)


@dataclass(frozen=True)
class Mask:
    """floor(rate n) items give way to `code`, that of the mask (Eq. 6)."""

    code: int
    rate: float = 0.3

    def __call__(self, batch: Sequences, rng: np.random.Generator) -> Sequences:
        chosen = some_of_each(batch, np.floor(self.rate * batch.lengths).astype(np.int64), rng)
        return batch.replaced(np.where(chosen, self.code, batch.values))


@dataclass(frozen=True)
class Reorder:
    """A stretch of floor(rate n) items in another order (Eq. 7). Times stay in their places."""

    rate: float = 0.6

    def __call__(self, batch: Sequences, rng: np.random.Generator) -> Sequences:
        begins, lengths = _stretch(batch, self.rate, rng, at_least=0)
        place = np.arange(len(batch.values)) - batch.offsets[:-1][batch.owners]
        inside = (place >= begins[batch.owners]) & (place < (begins + lengths)[batch.owners])
        return batch.replaced(batch.values[shuffled_within(batch.owners, inside, rng)])


@dataclass(frozen=True, eq=False)
class Substitute:
    """floor(rate n) items give way to one like them (CoSeRec, Liu et al. 2021, Eq. 5).

    alike  (N, K) codes of items like each, -1 where there are fewer
    """

    alike: NDArray[np.integer]
    rate: float = 0.3

    def __call__(self, batch: Sequences, rng: np.random.Generator) -> Sequences:
        chosen = some_of_each(batch, np.floor(self.rate * batch.lengths).astype(np.int64), rng)
        others = like(self.alike, batch.values, rng)
        return batch.replaced(np.where(chosen & (others >= 0), others, batch.values))


@dataclass(frozen=True, eq=False)
class Insert:
    """Before floor(rate n) items one like them is put in; what no longer fits `longest` falls off the front (CoSeRec, Eq. 6)."""

    alike: NDArray[np.integer]
    longest: int
    rate: float = 0.3

    def __call__(self, batch: Sequences, rng: np.random.Generator) -> Sequences:
        chosen = some_of_each(batch, np.floor(self.rate * batch.lengths).astype(np.int64), rng)
        others = like(self.alike, batch.values, rng)
        at = np.flatnonzero(chosen & (others >= 0))
        lengths = batch.lengths + np.bincount(batch.owners[at], minlength=len(batch))
        times = None if batch.times is None else np.insert(batch.times, at, batch.times[at])
        return Sequences.from_lengths(np.insert(batch.values, at, others[at]), lengths, times).last(self.longest)


Change = Crop | Mask | Reorder | Substitute | Insert


@dataclass(frozen=True)
class OneOf:
    """For each sequence one of several changes, drawn evenly."""

    changes: Sequence[Change]

    def __call__(self, batch: Sequences, rng: np.random.Generator) -> Sequences:
        drawn = rng.integers(len(self.changes), size=len(batch))
        made, order = Sequences.of([]), np.argsort(drawn, kind="stable")
        parts = [change(batch.take(np.flatnonzero(drawn == index)), rng) for index, change in enumerate(self.changes)]
        made = parts[0]
        for part in parts[1:]:
            made = made.joined(part)
        return made.take(np.argsort(order, kind="stable"))


def some_of_each(batch: Sequences, counts: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(T,) which items are among the `counts` (B,) that are drawn from each sequence, without putting back."""
    draw = rng.random(len(batch.values))
    # The items with the smallest draws of their sequence: sort by sequence, then by draw, and keep the first few of each.
    order = np.lexsort((draw, batch.owners))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - batch.offsets[:-1][batch.owners]
    chosen: NDArray[np.bool_] = rank < counts[batch.owners]
    return chosen


def shuffled_within(owners: NDArray[np.int64], inside: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """(T,) a permutation that moves the places `inside` among those of the same owner, and leaves the others."""
    places = np.flatnonzero(inside)
    order = np.arange(len(inside))
    order[places] = places[np.lexsort((rng.random(len(places)), owners[places]))]
    return order


def like(alike: NDArray[np.integer], items: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.int64]:
    """(T,) for each of `items` (T,) one drawn from its row of `alike` (N, K), -1 where there is none."""
    rows = alike[items].astype(np.int64)
    known = (rows >= 0).sum(1)
    picked = np.floor(rng.random(len(items)) * np.maximum(known, 1)).astype(np.int64)
    found: NDArray[np.int64] = np.where(known > 0, rows[np.arange(len(items)), picked], -1)
    return found


def _stretch(batch: Sequences, rate: float, rng: np.random.Generator, *, at_least: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begin and length of a stretch of each sequence."""
    lengths = np.minimum(np.maximum(np.floor(rate * batch.lengths).astype(np.int64), at_least), batch.lengths)
    return np.floor(rng.random(len(batch)) * (batch.lengths - lengths + 1)).astype(np.int64), lengths

"""Candidates shown together, in several orders, so that the place at which one is shown does not decide where it is ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.errors import ShapeError

Orders = Literal["random", "cyclic"]
# A question, and the candidates in the order in which they are shown. What judges gives, for each, a score of each candidate in that order.
Shown = tuple[int, NDArray[np.integer]]
Judge = Callable[[Sequence[Shown]], Iterable[NDArray[np.float64]]]
# Below every score of a candidate that was shown.
LOWEST = -1e4


@dataclass(frozen=True)
class Shuffled:
    """How candidates are shown.

    window    those of a question that stand highest by the prior, up to so many; the others are not shown
    shuffles  orders in which they are shown; scores are averaged over them (Hou et al. 2024, bootstrapping)
    orders    drawn anew each time, or one that is drawn and turned round: with as many shuffles as candidates each stands once at each place
    """

    window: int
    shuffles: int
    orders: Orders = "random"

    def scores(self, candidates: Sequences, prior: NDArray[np.float32], judge: Judge) -> Tensor:
        """(T,) scores of the candidates of all questions, end to end; prior (N,) below 0. Those not shown stay below, in the order of the prior."""
        found, chosen = [prior[row].astype(np.float64) + LOWEST for row in candidates], self.chosen(candidates, prior)
        for row, places in enumerate(chosen):
            found[row][places] = 0.0
        jobs = [(row, order) for row, places in enumerate(chosen) for order in self.permuted(candidates[row], places, self.shuffles)]
        for (row, order), values in zip(jobs, judge([(row, candidates[row][order]) for row, order in jobs]), strict=True):
            found[row][order] += values / self.shuffles
        return torch.from_numpy(np.concatenate([*found, np.empty(0)])).float()

    def one_by_one(self, candidates: Sequences, prior: NDArray[np.float32], judge: Judge, *, orders: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What each order says by itself: scores (Q, S, K) of the K candidates that are shown of each of Q questions, in S orders, and the
        places (Q, S, K) at which they stood. Raises ShapeError if not all questions show as many."""
        chosen = self.chosen(candidates, prior)
        if len(set(map(len, chosen))) > 1:
            raise ShapeError(f"questions that show {min(map(len, chosen))} to {max(map(len, chosen))} candidates cannot be put side by side.")
        jobs = [(row, order) for row, places in enumerate(chosen) for order in self.permuted(candidates[row], places, orders)]
        shape = (len(chosen), orders, min(map(len, chosen), default=0))
        scores, places = np.empty(shape), np.empty(shape, np.int64)
        for at, ((row, order), values) in enumerate(zip(jobs, judge([(row, candidates[row][order]) for row, order in jobs]), strict=True)):
            seats = np.searchsorted(np.sort(chosen[row]), order)
            scores[row, at % orders, seats], places[row, at % orders, seats] = values, np.arange(len(order))
        return scores, places

    def first(self, codes: NDArray[np.integer], prior: NDArray[np.float32]) -> NDArray[np.integer]:
        """Those of the candidates of one question that are shown, in the first of their orders."""
        (places,) = self.chosen(Sequences.of([codes]), prior)
        return codes[next(self.permuted(codes, places, 1))]

    def chosen(self, candidates: Sequences, prior: NDArray[np.float32]) -> list[NDArray[np.int64]]:
        """For each question the places, among its candidates, of those that are shown, the best by the prior first."""
        places = standing(prior)
        return [np.argsort(places[row])[: self.window] for row in candidates]

    def permuted(self, codes: NDArray[np.integer], places: NDArray[np.int64], count: int) -> Iterator[NDArray[np.int64]]:
        """`count` orders of the places that are shown. They follow from the candidates, not from the order these came in."""
        shown = codes[places]
        rng, settled = np.random.default_rng(np.sort(shown).astype(np.uint32)), places[np.argsort(shown, kind="stable")]
        for number in range(count):
            turn = number % self.shuffles
            if self.orders == "random" or turn == 0:
                order = rng.permutation(settled)
            yield order if self.orders == "random" else np.roll(order, -(turn * len(order) // self.shuffles))


def standing(prior: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N,) the place of each item in the order of the prior, 0 for the highest. Of equal ones the code does not decide."""
    fair = np.random.default_rng(0).permutation(len(prior))
    found = np.empty(len(prior), np.int64)
    found[np.lexsort((fair, -prior))] = np.arange(len(prior))
    return found

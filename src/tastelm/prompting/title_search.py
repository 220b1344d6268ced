"""Recommending by search: a history becomes queries, and what the catalogue has under them is recommended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.texts import Texts
from tastelm.prompting.catalogue import log_popularity
from tastelm.text.bm25 import BM25

Merge = Literal["paper", "sum"]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Searching:
    """How titles are searched.

    k1, b    of `BM25`
    results  items that the queries of a history find together
    merge    `paper`: each of m queries finds the results / m titles that answer it best, and those of a better query stand before those of a
             worse one; an item that several find stands where it was found first. `sum`: the scores of all queries are added up
    batch    histories that are asked about together
    """

    k1: float
    b: float
    results: int
    merge: Merge
    batch: int


class TitleSearch(nn.Module):
    """Searches the titles of the catalogue with the title of the newest item: nothing is learnt.

    The score of an item is how many items stand below it in a total order of the catalogue: first the results, as `merge` says, then whatever
    else shares a word with the queries, by the sum of its BM25 over them, then the rest. Items that are level, as those of one title are, stand
    by how often they were met in training, and by chance where that is equal. Somebody without a history is recommended what is popular.

    prior  (N,) the log of how often an item was met in training
    """

    prior: Tensor

    def __init__(self, items: int, searching: Searching) -> None:
        super().__init__()
        self.searching, self.titles = searching, Texts()
        self.register_buffer("prior", torch.zeros(items))
        self._names: list[str] = []
        self._index: BM25 | None = None

    def know(self, titles: Sequence[str], popularity: NDArray[np.int64]) -> None:
        """Take over the titles of N items, and how often each was met in training."""
        self.titles.write(titles)
        self._names, self._index = [], None
        self.prior.copy_(torch.from_numpy(log_popularity(popularity)))

    @property
    def names(self) -> list[str]:
        """(N,) the titles."""
        if not self._names:
            self._names = self.titles.texts()
        return self._names

    @property
    def index(self) -> BM25:
        """The titles, to be searched."""
        if self._index is None:
            self._index = BM25(self.names, k1=self.searching.k1, b=self.searching.b)
        return self._index

    def queries(self, histories: Sequences) -> list[list[str]]:
        """What is searched for each history, the best query first; nothing where there is no history."""
        return [[self.names[int(history[-1])]] if len(history) else [] for history in histories]

    @torch.no_grad()
    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) the place of each item, N for the first and 1 for the last; nobody's identity is used."""
        fair, prior = np.random.default_rng(0).permutation(len(self.prior)), self.prior.cpu().numpy()
        order = np.lexsort((fair, -prior))
        scores = np.empty((len(histories), len(prior)), np.float32)
        for at in range(0, len(histories), self.searching.batch):
            rows = np.arange(at, min(at + self.searching.batch, len(histories)))
            for row, queries in zip(rows, self.queries(histories.take(rows)), strict=True):
                worth = self._worth(self.index.scores(queries)[:, order])
                scores[row, order[np.argsort(-worth, kind="stable")]] = np.arange(len(order), 0, -1)
        return torch.from_numpy(scores)

    def _worth(self, found: Scores) -> Scores:
        """(m, N) what the queries find -> (N,) by what items are ordered."""
        worth: Scores = found.sum(0)
        if self.searching.merge == "paper":
            results = merged(found, self.searching.results)
            worth[results] = worth.max(initial=0.0) + np.arange(len(results), 0, -1)
        return worth


def merged(found: Scores, results: int) -> NDArray[np.int64]:
    """(m, N) scores of m queries, the best one first -> the items that they find, best first, each once, `results` at most.

    Each query finds `results` / m items, rounded up, of a score above 0; level ones in the order of the columns.
    """
    each = -(-results // max(1, len(found)))
    codes = np.concatenate([_best(row, each) for row in found] or [np.empty(0, np.int64)])
    _, firsts = np.unique(codes, return_index=True)
    return codes[np.sort(firsts)][:results]


def _best(row: Scores, count: int) -> NDArray[np.int64]:
    """The places of the `count` largest numbers above 0, the largest first."""
    there = np.flatnonzero(row > 0)
    if len(there) > count:
        # Most are far from the best: a partition leaves few to sort.
        there = there[row[there] >= np.partition(row[there], len(there) - count)[len(there) - count]]
    return there[np.argsort(-row[there], kind="stable")][:count]

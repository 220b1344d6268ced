"""Pairwise ranking of items for a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.base import Outcome


@dataclass(frozen=True, eq=False)
class PairwiseRanking:
    """L = -log sig(s(u, i) - s(u, j)) + l2 (|p_u|^2 + |q_i|^2 + |q_j|^2), j drawn uniformly from the items that u never met
    (Rendle et al., 2009, BPR-OPT).

    met       (P,) sorted `user * n_items + item` of the training part
    n_items   size of the catalogue
    l2        weight of the squared vectors that a triple touches
    negatives items j drawn for each pair

    Takes a module with `forward(users) -> (B, D)` and a table `items`, and batches (users (B,), items (B,)).
    """

    met: NDArray[np.int64]
    n_items: int
    l2: float
    negatives: int

    def __call__(self, module: nn.Module, batch: tuple[NDArray[np.int64], NDArray[np.int64]], rng: np.random.Generator) -> Outcome:
        users, positives = (np.repeat(codes, self.negatives) for codes in batch)
        negatives = self._unmet(users, rng)
        items: Any = module.items
        device = items.weight.device
        i, j = torch.from_numpy(positives).to(device), torch.from_numpy(negatives).to(device)
        p, q_i, q_j = module(torch.from_numpy(users).to(device)), items.weight[i], items.weight[j]
        margin = (p * (q_i - q_j)).sum(1) + items.bias[i] - items.bias[j]
        size = p.square().sum(1) + q_i.square().sum(1) + q_j.square().sum(1)
        return Outcome((F.softplus(-margin) + self.l2 * size).mean(), len(batch[0]))

    def _unmet(self, users: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """An item for each user that the user did not meet; after ten draws any item, for users who met nearly all."""
        drawn = rng.integers(self.n_items, size=len(users))
        for _ in range(10):
            keys = users * self.n_items + drawn
            place = np.minimum(np.searchsorted(self.met, keys), len(self.met) - 1)
            again = np.flatnonzero(self.met[place] == keys)
            if len(again) == 0:
                break
            drawn[again] = rng.integers(self.n_items, size=len(again))
        return drawn


def met_pairs(train: Sequences, n_items: int) -> NDArray[np.int64]:
    """(P,) sorted, distinct `user * n_items + item`."""
    return np.unique(train.owners * n_items + train.values.astype(np.int64))

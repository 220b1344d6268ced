"""Modules that answer by adding up rows: a score for each item, or a row of scores for each item of the history."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences


class ItemPrior(nn.Module):
    """The same scores for everybody."""

    scores: Tensor

    def __init__(self, n_items: int) -> None:
        super().__init__()
        self.register_buffer("scores", torch.zeros(n_items))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N), each row the scores (N,)."""
        return self.scores.repeat(len(histories), 1)


class Successor(nn.Module):
    """Scores fall with the distance forward from the number of the last item; the numbers form a circle."""

    numbers: Tensor

    def __init__(self, n_items: int) -> None:
        super().__init__()
        self.register_buffer("numbers", torch.zeros(n_items, dtype=torch.int64))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N); all alike for an empty history."""
        last = histories.last(1)
        here = torch.full((len(last),), -1, dtype=torch.int64, device=self.numbers.device)
        here[torch.from_numpy(last.lengths > 0)] = self.numbers[torch.from_numpy(last.values.astype(np.int64))]
        circle = int(self.numbers.max()) + 1
        scores = -((self.numbers[None, :] - here[:, None] - 1) % circle).float()
        return torch.where(here[:, None] < 0, torch.zeros(()), scores)


class ItemToItem(nn.Module):
    """A dense N x N table; the score of an item is the sum over the distinct items of the history."""

    weight: Tensor

    def __init__(self, n_items: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(n_items, n_items))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N), zero for an empty history."""
        known = distinct(histories)
        codes, offsets = (torch.from_numpy(array.astype(np.int64)).to(self.weight.device) for array in (known.values, known.offsets[:-1]))
        return F.embedding_bag(codes, self.weight, offsets, mode="sum")


class Neighbours(nn.Module):
    """The K most similar items of each item, and how similar; the score of an item is the sum over the history, or its last items."""

    codes: Tensor
    weights: Tensor

    def __init__(self, n_items: int, count: int, *, recent: int = 0) -> None:
        """`recent` looks at that many last items of the history alone; 0 at all."""
        super().__init__()
        self.n_items, self.recent = n_items, recent
        self.register_buffer("codes", torch.zeros(n_items, count, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(n_items, count))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N), zero for an empty history."""
        known = distinct(histories.last(self.recent) if self.recent else histories)
        items, owners = (torch.from_numpy(array.astype(np.int64)).to(self.codes.device) for array in (known.values, known.owners))
        places = self.codes[items] + owners[:, None] * self.n_items
        scores = torch.zeros(len(known) * self.n_items, device=items.device)
        return scores.index_add_(0, places.flatten(), self.weights[items].flatten()).view(len(known), -1)


def distinct(histories: Sequences) -> Sequences:
    """Each item of a history once (in the order of the codes)."""
    if len(histories.values) == 0:
        return histories
    rows = np.unique(histories.owners << 32 | histories.values.astype(np.int64))
    lengths = np.bincount(rows >> 32, minlength=len(histories))
    return Sequences.from_lengths((rows & 0xFFFFFFFF).astype(np.int32), lengths)

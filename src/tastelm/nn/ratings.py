"""Ratings: their scale, what predicts them from vectors, and what users and items lean to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

STARS = 5
# As if every user and item had so many further ratings that are the mean.
SHRINKAGE = 5.0


class RatingScale(nn.Module):
    """The ratings of the data on a scale of mean 0 and deviation 1, which is the one that modules predict on.

    numbers  (4,) the mean and the deviation of the training ratings, the lowest and the highest of them
    """

    numbers: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("numbers", torch.tensor([0.0, 1.0, 0.0, 0.0]))

    def fill(self, ratings: NDArray[np.float64]) -> None:
        """Take over the scale of ratings, NaN where unknown; without any it stays as it is."""
        known = ratings[~np.isnan(ratings)]
        if len(known):
            self.numbers.copy_(torch.tensor([known.mean(), known.std() or 1.0, known.min(), known.max()]))

    def standard(self, ratings: NDArray[np.float64]) -> Tensor:
        """(B,) ratings of the data -> float32 on the scale within; NaN stays NaN."""
        mean, deviation = self.numbers[:2]
        standard: Tensor = (torch.from_numpy(ratings.astype(np.float32)).to(mean.device) - mean) / deviation
        return standard

    def rating(self, standard: Tensor) -> Tensor:
        """(B,) predictions -> ratings of the data, none beyond the lowest and the highest of training."""
        mean, deviation, low, high = self.numbers
        rating: Tensor = (mean + deviation * standard).clamp(low, high)
        return rating

    def stars(self, standard: Tensor) -> Tensor:
        """(B,) predictions -> int64, the lowest rating as 1, the highest as 5, those between them evenly; 0 where unknown."""
        low, high = self.numbers[2:]
        share = (self.rating(standard) - low) / (high - low).clamp(min=1e-6)
        return torch.where(share.isnan(), 0.0, 1 + (STARS - 1) * share.nan_to_num()).round().long()


class DotRating(nn.Module):
    """r = u . v, by matrix factorisation."""

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """(B, D) and (B, D) -> (B,)."""
        return (users * items).sum(1)


class MLPRating(nn.Module):
    """r = w h_L + b, h_l = sigmoid(W_l h_l-1 + b_l), h_0 the given vectors end to end (Li et al. 2017, NRT, rating regression)."""

    def __init__(self, width: int, hidden: int, *, layers: int) -> None:
        super().__init__()
        widths = [width, *[hidden] * layers]
        self.hidden = nn.ModuleList(nn.Linear(before, behind) for before, behind in pairwise(widths))
        self.out = nn.Linear(hidden, 1)
        for layer in (*self.hidden, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, *vectors: Tensor) -> Tensor:
        """Each (B, D) -> (B,)."""
        state = torch.cat(vectors, 1)
        for layer in self.hidden:
            state = layer(state).sigmoid()
        rating: Tensor = self.out(state).squeeze(1)
        return rating


class Leanings(nn.Module):
    """What a rating is expected to be before it is given: r = b_u + b_i, shrunken means on the scale of `RatingScale`; a stranger's is 0.

    users, items  (U + 1,) and (N + 1,), row 0 is a stranger
    """

    users: Tensor
    items: Tensor

    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.register_buffer("users", torch.zeros(users + 1))
        self.register_buffer("items", torch.zeros(items + 1))

    def fill(self, users: Tensor, items: Tensor, ratings: Tensor) -> None:
        """Work them out from R training ratings (R,), NaN where unknown, of the rows `users` and `items` (R,): items first, users from what is left."""
        known = ~ratings.isnan()
        users, items, ratings = users[known], items[known], ratings[known]
        self.items.copy_(_shrunken(items, ratings, len(self.items)))
        self.users.copy_(_shrunken(users, ratings - self.items[items], len(self.users)))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """(B,) rows and (B,) rows -> (B,)."""
        return self.users[users] + self.items[items]


def _shrunken(rows: Tensor, values: Tensor, count: int) -> Tensor:
    return torch.bincount(rows, values, count) / (torch.bincount(rows, minlength=count) + SHRINKAGE)

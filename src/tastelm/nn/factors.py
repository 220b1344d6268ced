"""Matrix factorisation: a vector for each user and each item."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.items import ItemTable


class Factors(nn.Module):
    """score(u, i) = p_u . q_i + b_i. Parameter groups: `users`, `items`.

    A stranger's vector is folded in: the ridge solution p = argmin sum over the history (p . q_i - 1)^2 + strangers |p|^2.
    """

    needs_users = True

    def __init__(self, n_users: int, n_items: int, dim: int, *, strangers: float = 1.0) -> None:
        super().__init__()
        self.strangers = strangers
        self.users = nn.Embedding(n_users, dim)
        nn.init.normal_(self.users.weight, std=0.02)
        self.items = ItemTable(n_items, dim, bias=True)

    def forward(self, users: Tensor) -> Tensor:
        """(B,) codes -> (B, D) user vectors."""
        vectors: Tensor = self.users(users)
        return vectors

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N). A known user is scored by the learned vector, whatever the history says; a stranger by the history alone."""
        codes = torch.from_numpy(np.maximum(users, 0).astype(np.int64)).to(self.items.weight.device)
        vectors = self(codes)
        stranger = np.flatnonzero(users < 0)
        if len(stranger):
            vectors = vectors.clone()
            vectors[torch.from_numpy(stranger)] = self._fold_in(histories.take(stranger))
        return self.items.scores(vectors)

    def _fold_in(self, histories: Sequences) -> Tensor:
        items = self.items.weight
        eye = torch.eye(items.shape[1], device=items.device) * self.strangers
        solved = []
        for history in histories:
            met = items[torch.from_numpy(history.astype(np.int64))]
            solved.append(torch.linalg.solve(met.T @ met + eye, met.sum(0)))
        return torch.stack(solved)

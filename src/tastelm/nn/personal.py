"""A recommender that knows its users: a vector of each beside the state of the history."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.nn.sequence import SequenceRecommender

# Every step of Adam is as long for a user who is met once an epoch as for a filter that is met in each: at full size the users learnt the
# noise of their few visits by heart before anything else was learnt.
SCALE = 0.1


class PersonalRecommender(SequenceRecommender):
    """States [z; p_u] of twice the width, so the output vectors of `items` must be as wide (Tang and Wang 2018, Eq. 9). Groups: `items`,
    `backbone`, `users`.

    Users start as the zero vector, which is also what a stranger has, and so has a user of whom nothing was trained.
    """

    needs_users = True

    def __init__(self, items: Any, backbone: Any, n_users: int, dim: int) -> None:
        super().__init__(items, backbone)
        self.users = nn.Embedding(n_users, dim)
        nn.init.zeros_(self.users.weight)

    def forward(self, sequences: Sequences) -> Tensor:
        """(T, 2 D). Sequences that do not say whose they are, are strangers'."""
        states = super().forward(sequences)
        users = sequences.users if isinstance(sequences, UserWindows) else np.full(len(sequences), -1, np.int64)
        return torch.cat([states, self._vectors(users)[torch.from_numpy(sequences.owners).to(states.device)]], 1)

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> Tensor:
        """(B, N) scores of every item for B histories of any length and who asks; a history of no item has the same answer from all."""
        return super().item_scores(UserWindows.owned(histories, users), users)

    def _vectors(self, users: NDArray[np.int64]) -> Tensor:
        """(B,) codes, -1 for strangers -> (B, D)."""
        codes = torch.from_numpy(users).to(self.prior.device)
        return F.embedding(codes.clamp(min=0), self.users.weight) * (SCALE * (codes >= 0)[:, None])

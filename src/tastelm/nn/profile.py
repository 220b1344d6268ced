"""From the states of a history to what its user is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.ragged import means


class ProfileHead(nn.Module):
    """For each attribute a linear map from the mean of a history's states to its categories.

    categories  attribute -> how many there are
    """

    shares: Tensor

    def __init__(self, dim: int, categories: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes = dict(categories)
        self.maps = nn.ModuleList(nn.Linear(dim, count) for count in self.sizes.values())
        # What is said of somebody without any history. Set from the training users.
        self.register_buffer("shares", torch.cat([torch.full((count,), 1 / count) for count in self.sizes.values()]))

    def fill(self, shares: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over how common each category is."""
        self.shares.copy_(torch.from_numpy(np.concatenate([shares[name] for name in self.sizes])))

    def forward(self, states: Tensor, sequences: Sequences) -> dict[str, Tensor]:
        """(T, D) states of B sequences -> attribute -> (B, categories) logits."""
        owners, lengths = (torch.from_numpy(array).to(states.device) for array in (sequences.owners, sequences.lengths))
        pooled = means(states, owners, lengths)
        return {name: linear(pooled) for name, linear in zip(self.sizes, self.maps, strict=True)}

    def probabilities(self, states: Tensor, sequences: Sequences) -> dict[str, Tensor]:
        """The same as probabilities; for an empty sequence the shares of the categories."""
        empty = torch.from_numpy(sequences.lengths == 0).to(states.device)[:, None]
        usual = dict(zip(self.sizes, torch.split(self.shares, list(self.sizes.values())), strict=True))
        return {name: torch.where(empty, usual[name], logits.softmax(1)) for name, logits in self(states, sequences).items()}

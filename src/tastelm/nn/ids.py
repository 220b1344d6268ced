"""A vector of each user or item, and one for those of whom nothing was learnt."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# How PETER and PEPLER begin: uniform between minus and plus this.
SPREAD = 0.1


class IdTable(nn.Module):
    """Learned vectors of N codes. Row c + 1 is that of code c; row 0 is a stranger, whose vector is the mean of all others."""

    def __init__(self, codes: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(codes, dim).uniform_(-SPREAD, SPREAD))

    def forward(self, rows: Tensor) -> Tensor:
        """(...) rows -> (..., D)."""
        found = F.embedding((rows - 1).clamp(min=0), self.weight)
        strangers = rows == 0
        return torch.where(strangers[..., None], self.weight.mean(0), found) if bool(strangers.any()) else found

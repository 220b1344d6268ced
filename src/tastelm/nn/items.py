"""The item table: one vector for each item of the catalogue, on the way in and on the way out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ItemTable(nn.Module):
    """Vectors of N items, and one more for `[MASK]`, code N.

    The mask is a parameter of its own and there is no padding row: the table holds items and nothing else, so nothing
    else can be ranked or enter a softmax.
    """

    def __init__(
        self, n_items: int, dim: int, *, tied: bool = True, bias: bool = False, scale: float = 1.0, mask: bool = False, unit: bool = False, out: int = 0
    ) -> None:
        """
        tied   score items by the same vectors that are read; otherwise by a table of their own
        bias   add a learned number to the score of each item
        scale  multiplies the vectors on their way in, sqrt(dim) in SASRec's own code
        mask   whether the code N may stand in a sequence
        out    width of the vectors that score, where they are not tied and states are wider than what is read; 0: dim
        unit   score by vectors of length 1; states should come from `Unit`, so that the score is a cosine over a temperature
        """
        super().__init__()
        self.n_items, self.scale, self.unit = n_items, scale, unit
        self.weight = nn.Parameter(torch.empty(n_items, dim))
        self.separate = None if tied else nn.Parameter(torch.empty(n_items, out or dim))
        self.bias = nn.Parameter(torch.zeros(n_items)) if bias else None
        self.mask = nn.Parameter(torch.empty(dim)) if mask else None
        for table in (self.weight, self.separate, self.mask):
            if table is not None:
                nn.init.normal_(table, std=0.02)

    @property
    def output(self) -> Tensor:
        """(N, D) the vectors that states are compared with."""
        table = self.weight if self.separate is None else self.separate
        return F.normalize(table, dim=1) if self.unit else table

    def forward(self, codes: Tensor) -> Tensor:
        """(T,) codes in 0 .. N-1, or N for the mask -> (T, D)."""
        if self.mask is None:
            return F.embedding(codes, self.weight) * self.scale
        vectors = F.embedding(codes.clamp(max=self.n_items - 1), self.weight)
        return torch.where((codes == self.n_items)[:, None], self.mask, vectors) * self.scale

    def scores(self, states: Tensor) -> Tensor:
        """(B, D) states -> (B, N) scores of every item. Source: Kang and McAuley 2018 (SASRec), prediction layer."""
        return states @ self.output.T if self.bias is None else torch.addmm(self.bias, states, self.output.T)


class Unit(nn.Module):
    """States of length 1 / temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return F.normalize(states, dim=-1) / self.temperature

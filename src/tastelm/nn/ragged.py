"""Ragged tables among the weights: what is known of each row, however much that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences


class Ragged(nn.Module):
    """B sequences of codes as buffers. They take the size of what a run folder holds, so nobody must know it beforehand.

    values   (T,) int32
    offsets  (B + 1,) int64
    """

    values: Tensor
    offsets: Tensor

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(0, dtype=torch.int32))
        self.register_buffer("offsets", torch.zeros(rows + 1, dtype=torch.int64))

    def fill(self, sequences: Sequences) -> None:
        """Take over the codes of `sequences`."""
        self.values = torch.from_numpy(sequences.values.astype(np.int32)).to(self.values.device)
        self.offsets = torch.from_numpy(sequences.offsets.copy()).to(self.offsets.device)

    def sequences(self) -> Sequences:
        """The rows, as they were filled in."""
        return Sequences(self.values.cpu().numpy(), self.offsets.cpu().numpy())

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The codes of `rows` (T,) end to end (V,), and for each which of the rows it belongs to (V,)."""
        begins = self.offsets[rows]
        lengths = self.offsets[rows + 1] - begins
        owners = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), lengths)
        within = torch.arange(len(owners), device=rows.device) - (lengths.cumsum(0) - lengths)[owners]
        return self.values[begins[owners] + within].long(), owners

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("values", "offsets"):
            stored = state.get(prefix + name)
            if stored is not None:
                setattr(self, name, torch.empty_like(stored))
        super()._load_from_state_dict(state, prefix, *rest)


def means(vectors: Tensor, owners: Tensor, counts: Tensor) -> Tensor:
    """(V, D) vectors, whose each is (V,) and how many each has (B,) -> (B, D) their means, zero where there are none."""
    return vectors.new_zeros(len(counts), vectors.shape[1]).index_add(0, owners, vectors) / counts.clamp(min=1)[:, None]


class CategoryTable(Ragged):
    """The mean of the vectors of a row's categories; zero where none is known."""

    def __init__(self, rows: int, categories: int, dim: int) -> None:
        super().__init__(rows)
        self.weight = nn.Parameter(torch.empty(categories, dim))
        nn.init.normal_(self.weight, std=0.02)

    @classmethod
    def of(cls, codes: Sequences, categories: int, dim: int) -> CategoryTable:
        """The table of rows with these codes."""
        table = cls(len(codes), categories, dim)
        table.fill(codes)
        return table

    def forward(self, rows: Tensor) -> Tensor:
        """(T,) -> (T, D)."""
        codes, owners = self.take(rows)
        return means(nn.functional.embedding(codes, self.weight), owners, self.offsets[rows + 1] - self.offsets[rows])

    def whole(self) -> Tensor:
        """(B, D) of all rows, in one pass."""
        means: Tensor = nn.functional.embedding_bag(self.values.long(), self.weight, self.offsets[:-1], mode="mean")
        return means


class NumberTable(nn.Module):
    """A number of each row as a mixture of learned vectors: softmax(x w + b) E over P bins (soft one-hot, de Souza Pereira Moreira et al. 2021)."""

    numbers: Tensor

    def __init__(self, rows: int, dim: int, *, bins: int = 16) -> None:
        super().__init__()
        self.register_buffer("numbers", torch.zeros(rows))
        self.assign = nn.Linear(1, bins)
        self.weight, self.unknown = nn.Parameter(torch.empty(bins, dim)), nn.Parameter(torch.empty(dim))
        nn.init.normal_(self.assign.weight)
        for table in (self.weight, self.unknown):
            nn.init.normal_(table, std=0.02)

    def fill(self, numbers: NDArray[np.float32]) -> None:
        """Take over numbers (rows,), NaN where unknown."""
        self.numbers = torch.from_numpy(numbers.copy()).to(self.numbers.device)

    def forward(self, rows: Tensor) -> Tensor:
        """(T,) -> (T, D)."""
        numbers = self.numbers[rows][:, None]
        known = ~numbers.isnan()
        mixed = self.assign(numbers.nan_to_num()).softmax(1) @ self.weight
        return torch.where(known, mixed, self.unknown)

    def whole(self) -> Tensor:
        """(B, D) of all rows."""
        return self.forward(torch.arange(len(self.numbers), device=self.numbers.device))

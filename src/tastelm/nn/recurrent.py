"""A recurrent encoder of item sequences."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


class GRUEncoder(nn.Module):
    """Gated recurrent units over ragged sequences (Cho et al. 2014; Hidasi et al. 2016). Every sequence starts from a zero state,
    so nothing of one reaches another."""

    def __init__(self, dim: int, *, hidden: int, layers: int, max_len: int, dropout: float) -> None:
        super().__init__()
        self.max_len = max_len
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(dim, hidden, layers, dropout=dropout if layers > 1 else 0.0)
        self.out = nn.Linear(hidden, dim)
        for value in self.gru.parameters():
            nn.init.xavier_uniform_(value) if value.ndim == 2 else nn.init.zeros_(value)

    def forward(self, tokens: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """(T, D) vectors of B sequences of `lengths` end to end -> (T, D)."""
        if len(tokens) == 0:
            return tokens
        place, sizes = time_major(lengths)
        order = torch.from_numpy(place).to(tokens.device)
        packed = PackedSequence(self.dropout(tokens)[order], torch.from_numpy(sizes))
        states = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        out: Tensor = self.out(self.dropout(self.gru(packed)[0].data[states]))
        return out


def time_major(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How to read B sequences that lie end to end step by step, the longest first: the token of each place, and how many run at each step."""
    offsets = np.cumsum(lengths) - lengths
    step = np.arange(int(lengths.sum())) - np.repeat(offsets, lengths)
    # Within a step the longest sequence comes first, so that those which end fall away from the back.
    rank = np.empty(len(lengths), np.int64)
    rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
    place = np.lexsort((np.repeat(rank, lengths), step))
    return place, np.bincount(step, minlength=0)

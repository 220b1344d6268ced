"""HSTU: gated attention without softmax, with biases for how far apart two items stand in place and in time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.nn.packing import ROW_WIDTH, Packing, pack
from tastelm.nn.sequence import SequenceRecommender

# A bucket of time spans a factor of about 1.35, as in the paper's code; the last of 128 begins long after any log does.
BUCKETS, BUCKET_WIDTH = 128, 0.301


def time_bucket(seconds: Tensor) -> Tensor:
    """The bucket of a time gap: it never falls as the gap grows. Gaps under a second share the first."""
    return (seconds.abs().clamp(min=1).log() / BUCKET_WIDTH).long().clamp(max=BUCKETS - 1)


class HSTUBlock(nn.Module):
    """U, V, Q, K = SiLU(W LN(x)); A = SiLU(Q K^T + bias) / n; y = x + W' (LN(A V) * U) (Zhai et al. 2024, Eq. 1 to 3)."""

    def __init__(self, dim: int, heads: int, *, max_len: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.max_len = heads, max_len
        self.norm, self.mixed_norm, self.dropout = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.Dropout(dropout)
        self.uvqk, self.out = nn.Linear(dim, 4 * dim), nn.Linear(dim, dim)
        self.place_bias, self.time_bias = nn.Parameter(torch.zeros(max_len)), nn.Parameter(torch.zeros(BUCKETS))
        for layer in (self.uvqk, self.out):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        for bias in (self.place_bias, self.time_bias):
            nn.init.normal_(bias, std=0.02)

    def forward(self, x: Tensor, mask: Tensor, distance: Tensor, gap: Tensor | None) -> Tensor:
        """(R, W, D) -> (R, W, D).

        mask      (R, 1, W, W) who may look at whom
        distance  (R, W, W) int64, places between the two, 0 .. max_len - 1
        gap       (R, W, W) int64, bucket of the time between the two, or None where times are not known
        """
        rows, width, dim = x.shape
        u, v, q, k = F.silu(self.uvqk(self.norm(x))).view(rows, width, 4, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        bias = F.embedding(distance, self.place_bias[:, None])[..., 0]
        if gap is not None:
            bias = bias + F.embedding(gap, self.time_bias[:, None])[..., 0]
        weights = F.silu(q @ k.transpose(2, 3) + bias[:, None]) * mask / self.max_len
        mixed, gate = ((part).transpose(1, 2).reshape(rows, width, dim) for part in (weights @ v, u))
        out: Tensor = x + self.out(self.dropout(self.mixed_norm(mixed) * gate))
        return out


class HSTUEncoder(nn.Module):
    """Stacked HSTU blocks over packed sequences. n is the length of the window, so packing changes nothing."""

    def __init__(self, dim: int, *, layers: int, heads: int, max_len: int, dropout: float) -> None:
        super().__init__()
        self.max_len, self.dropout, self.norm = max_len, nn.Dropout(dropout), nn.LayerNorm(dim)
        self.positions = nn.Parameter(torch.empty(max_len, dim))
        nn.init.normal_(self.positions, std=0.02)
        self.blocks = nn.ModuleList(HSTUBlock(dim, heads, max_len=max_len, dropout=dropout) for _ in range(layers))

    def forward(self, tokens: Tensor, lengths: NDArray[np.int64], times: NDArray[np.float64] | None = None) -> Tensor:
        """(T, D) vectors of B sequences end to end, and when each was met (T,) in seconds -> (T, D). Without times their bias is left out."""
        layout = pack(lengths, max(ROW_WIDTH, self.max_len)).to(tokens.device)
        x = layout.spread(self.dropout(tokens + F.embedding(layout.position, self.positions)))
        mask, distance, gap = layout.mask(causal=True), self._distance(layout), self._gap(layout, times)
        for block in self.blocks:
            x = block(x, mask, distance, gap)
        out: Tensor = self.norm(layout.gather(x))
        return out

    def _distance(self, layout: Packing) -> Tensor:
        place = layout.spread(layout.position)
        return (place[:, :, None] - place[:, None, :]).clamp(0, self.max_len - 1)

    def _gap(self, layout: Packing, times: NDArray[np.float64] | None) -> Tensor | None:
        if times is None or len(times) == 0:
            return None
        # Differences of seconds since 1970 need double precision.
        spread = layout.spread(torch.from_numpy(np.ascontiguousarray(times)).to(layout.place.device))
        return time_bucket(spread[:, :, None] - spread[:, None, :])


class TimedRecommender(SequenceRecommender):
    """A recommender whose encoder is told when each item was met."""

    def encode(self, tokens: Tensor, sequences: Sequences) -> Tensor:
        states: Tensor = self.backbone(tokens, sequences.lengths, sequences.times)
        return states

"""Vectors of earlier batches, kept as negatives. They are buffers, so a checkpoint holds them and a resumed run goes on with them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VectorQueue(nn.Module):
    """The newest `size` vectors that were pushed."""

    kept: Tensor
    filled: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, dim))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def vectors(self) -> Tensor:
        """(Q, D) a copy of what is there, the newest first, Q at most `size`."""
        return self.kept[: int(self.filled)].clone()

    def push(self, vectors: Tensor) -> None:
        """Take (B, D) vectors in, without their gradient, and let the oldest go."""
        size = len(self.kept)
        self.kept.copy_(torch.cat([vectors.detach().flip(0), self.kept])[:size])
        self.filled.add_(len(vectors)).clamp_(max=size)

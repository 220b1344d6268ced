"""Contrastive objectives: what belongs together is alike, and unlike everything else in the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.base import Outcome

Augment = Callable[[Sequences, np.random.Generator], Sequences]


def info_nce(
    left: Tensor, right: Tensor, *, temperature: float = 1.0, same: Tensor | None = None, symmetric: bool = False,
    queue: Tensor | None = None, log_q: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Mean of -log exp(s_ii / t) / sum_j exp(s_ij / t), s = left . right (van den Oord et al. 2018, Eq. 4).

    left, right  (B, D), row i of one belongs to row i of the other
    temperature  t
    same         (B,) labels, or (B, B) whether they are alike: j that is like i, j other than i, is no negative of i and leaves the sum
    symmetric    the mean of this and the same with the sides changed
    queue        (Q, D) further negatives
    log_q        (B,) log-probability with which each right side is in the batch, taken off its score after the temperature

    With B = 1 and no queue there is nothing to tell apart and the loss is 0.
    """
    scores = left @ right.T / temperature
    if log_q is not None:
        scores = scores - log_q
    if same is not None:
        alike = same if same.ndim == 2 else same[:, None] == same[None, :]
        double = alike & ~torch.eye(len(left), dtype=torch.bool, device=left.device)
        scores = scores.masked_fill(double, -torch.inf)
    rows = scores if queue is None else torch.cat([scores, left @ queue.T / temperature], 1)
    loss = (torch.logsumexp(rows, 1) - scores.diagonal()).mean()
    if symmetric:
        loss = (loss + (torch.logsumexp(scores, 0) - scores.diagonal()).mean()) / 2
    return loss


@dataclass(frozen=True)
class TwoViews:
    """Two changed copies of a sequence are alike, and unlike those of other sequences (CL4SRec, Xie et al. 2022, Eq. 4).

    augment      makes a copy of each sequence of a batch
    longest      of a copy, its last items
    temperature  of the cosine between the states of the last items

    Takes a module with `forward(sequences) -> (T, D)`. If it has a `queue` (a `VectorQueue`), the states of earlier batches in it are
    further negatives, and those of this batch join it (He et al. 2020, MoCo, with one encoder instead of a slow copy).
    """

    augment: Augment
    longest: int
    temperature: float = 1.0

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        both = self.augment(batch, rng).joined(self.augment(batch, rng)).last(self.longest)
        ends = torch.from_numpy(both.offsets[1:] - 1)
        states = F.normalize(module(both)[ends.to(next(module.parameters()).device)], dim=1)
        left, right = states[: len(batch)], states[len(batch) :]
        queue: Any = getattr(module, "queue", None)
        loss = info_nce(left, right, temperature=self.temperature, symmetric=True, queue=None if queue is None else queue.vectors())
        if queue is not None:
            queue.push(right)
        return Outcome(loss, len(batch))

"""What the order of a history teaches: was it rearranged?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.augment import shuffled_within
from tastelm.objectives.base import Outcome


@dataclass(frozen=True)
class RearrangedSequence:
    """BCE of whether the items of a history stand in another order than they were met in (RESETBERT4Rec, Zhao 2022).

    Half of the sequences are rearranged, as far as they can be: at least two different items are needed. Times are left out of
    both halves, since a time that does not fit its item would give the answer away.

    Takes a module with `forward(sequences) -> (T, D)` and a `judge` from a state (B, D) to a logit (B, 1).
    """

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        mixed, changed = rearrange(batch, rng.random(len(batch)) < 0.5, rng)
        return _judged(module, Sequences(mixed, batch.offsets), changed)


def rearrange(batch: Sequences, wanted: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """Values with the `wanted` (B,) sequences in another order, and which sequences (B,) did change.

    A drawn order that leaves a sequence as it is, is drawn again, a few times.
    """
    values, missing = batch.values.copy(), wanted.copy()
    for _ in range(8):
        order = shuffled_within(batch.owners, missing[batch.owners], rng)
        values = values[order]
        same = np.ones(len(batch), bool)
        np.logical_and.at(same, batch.owners, values == batch.values)
        missing = wanted & same
        if not missing.any():
            break
    changed = np.zeros(len(batch), bool)
    np.logical_or.at(changed, batch.owners, values != batch.values)
    return values, changed


def _judged(module: nn.Module, sequences: Sequences, labels: NDArray[np.bool_]) -> Outcome:
    """BCE of the judge's logits, read off the mean of each sequence's states."""
    states: Tensor = module(sequences)
    judge: Any = module.judge
    logits = judge(pooled(states, sequences))[:, 0]
    wanted = torch.from_numpy(labels).to(logits)
    return Outcome(F.binary_cross_entropy_with_logits(logits, wanted), len(sequences))


def pooled(states: Tensor, sequences: Sequences) -> Tensor:
    """(T, D) states -> (B, D), the mean of those of each sequence, zero for an empty one."""
    owners = torch.from_numpy(sequences.owners).to(states.device)
    lengths = torch.from_numpy(sequences.lengths).to(states).clamp(min=1)
    return states.new_zeros(len(sequences), states.shape[1]).index_add(0, owners, states) / lengths[:, None]

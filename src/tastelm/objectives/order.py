"""Objectives about the order of things: was this history rearranged, do these two parts follow each other?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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


@dataclass(frozen=True)
class FollowingPart:
    """BCE of whether the second part of a sequence belongs behind the first.

    wrong  `other`: a wrong second part is another sequence's (next-sentence prediction, BERT, Devlin et al. 2019, 3.1; survey 5.1);
           `swapped`: the two parts change places (sentence-order prediction, ALBERT, Lan et al. 2020, 3.1)

    Takes what `RearrangedSequence` takes. Sequences of one item have no two parts and are left out of the loss.
    """

    wrong: Literal["other", "swapped"] = "other"

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        batch = batch.take(np.flatnonzero(batch.lengths >= 2))
        if not len(batch):
            return Outcome(next(module.parameters()).sum() * 0, 0)
        cut = 1 + np.floor(rng.random(len(batch)) * (batch.lengths - 1)).astype(np.int64)
        first = batch.windows(batch.offsets[:-1], cut)
        second = batch.windows(batch.offsets[:-1] + cut, batch.lengths - cut)
        wrong = rng.random(len(batch)) < 0.5
        if self.wrong == "swapped":
            ahead, behind = (_choose(wrong, *pair) for pair in ((second, first), (first, second)))
        else:
            others = np.flatnonzero(wrong)
            wrong = wrong & (len(others) > 1)  # a single sequence has nobody to change with
            source = np.arange(len(batch))
            if len(others) > 1:
                source[others] = np.roll(others, 1)
            ahead, behind = first, second.take(source)
        joined = _behind(ahead, behind)
        longest = int(batch.lengths.max(initial=1))
        return _judged(module, joined.last(longest), wrong)


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


def _choose(which: NDArray[np.bool_], yes: Sequences, no: Sequences) -> Sequences:
    """Row by row the one or the other."""
    both = yes.joined(no)
    return both.take(np.where(which, 0, len(yes)) + np.arange(len(yes)))


def _behind(first: Sequences, second: Sequences) -> Sequences:
    """Row by row the two, end to end, without times."""
    order = np.argsort(np.concatenate([first.owners, second.owners]), kind="stable")
    return Sequences.from_lengths(np.concatenate([first.values, second.values])[order], first.lengths + second.lengths)


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

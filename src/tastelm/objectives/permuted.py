"""Permuted modelling of item sequences: predict some items one after the other, in an order that is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import predict
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss


@dataclass(frozen=True)
class PermutedItems:
    """L = -sum_i log p(x_i | the items told before it), survey Eq. 3 (XLNet, Yang et al. 2019, Eq. 5, with partial prediction).

    rate  share of the items of a sequence that is to be predicted, in spans; the others are told from the start
    span  longest span of neighbours to be predicted
    last  share of the sequences whose last item alone is asked for, which is the question at test time

    Takes a module with `forward(sequences, turns) -> (T, D)`, states that know what was told before each token's turn and
    never the token itself, and a table `items`; and batches of `Sequences`, of which those of one item hold no question.
    """

    item_loss: ItemLoss
    rate: float = 0.3
    span: int = 5
    last: float = 0.2

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        turns = draw_turns(batch, self.rate, self.span, self.last, rng)
        asked = np.flatnonzero(turns)
        states = module(batch, torch.from_numpy(turns))[torch.from_numpy(asked)]
        return predict(module, states, batch.values[asked].astype(np.int64), self.item_loss, rng)


def draw_turns(batch: Sequences, rate: float, span: int, last: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """(T,) when each item is told: 0 for what is known from the start, 1, 2, ... for what is asked for, in a drawn order.

    Of every sequence of two items or more one at least is asked for and one at least is known; of a single item nothing is asked.
    """
    turns = np.zeros(len(batch.values), np.int64)
    only_last = rng.random(len(batch)) < last
    for index, (begin, end) in enumerate(zip(batch.offsets[:-1].tolist(), batch.offsets[1:].tolist(), strict=True)):
        if end - begin < 2:
            continue
        asked = np.array([end - begin - 1]) if only_last[index] else _spans(end - begin, rate, span, rng)
        turns[begin + rng.permutation(asked)] = np.arange(1, len(asked) + 1)
    return turns


def _spans(length: int, rate: float, longest: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of spans of 1 .. `longest` items, each put anywhere in a stretch of (span / rate) items, the stretches side by side."""
    asked = list[int]()
    at = 0
    while at < length:
        span = int(rng.integers(1, longest + 1))
        stretch = max(span, round(span / rate))
        begin = at + int(rng.integers(stretch - span + 1))
        asked += range(begin, min(begin + span, length))
        at += stretch
    if not asked:
        asked = [int(rng.integers(length))]
    if len(asked) == length:  # something must be known
        del asked[int(rng.integers(length))]
    return np.array(asked)

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
    asked = _spans(batch.lengths, rate, span, rng)
    # Of those who have nothing asked, one item is; of those who have nothing known, one is no longer.
    counts = np.bincount(batch.owners[asked], minlength=len(batch))
    drawn = batch.offsets[:-1] + np.floor(rng.random(len(batch)) * batch.lengths).astype(np.int64)
    asked[drawn[(counts == 0) & (batch.lengths > 1)]] = True
    asked[drawn[(counts == batch.lengths) & (batch.lengths > 0)]] = False
    only_last = (rng.random(len(batch)) < last) & (batch.lengths > 1)
    asked[only_last[batch.owners]] = False
    asked[batch.offsets[1:][only_last] - 1] = True
    places, turns = np.flatnonzero(asked), np.zeros(len(batch.values), np.int64)
    owners = batch.owners[places]
    begins = np.searchsorted(owners, owners)  # of the questions of the same sequence; sorting by owner leaves them where they are
    turns[places[np.lexsort((rng.random(len(places)), owners))]] = np.arange(len(places)) - begins + 1
    return turns


def _spans(lengths: NDArray[np.int64], rate: float, longest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(T,) places of spans of 1 .. `longest` items, each put anywhere in a stretch of (span / rate) items, the stretches side by side.

    All sequences get their first span, then all that are longer than its stretch their second, and so on.
    """
    asked = np.zeros(int(lengths.sum()), bool)
    begins, at, running = np.cumsum(lengths) - lengths, np.zeros(len(lengths), np.int64), np.flatnonzero(lengths > 0)
    while len(running):
        span = rng.integers(1, longest + 1, size=len(running))
        stretch = np.maximum(span, np.round(span / rate).astype(np.int64))
        begin = at[running] + np.floor(rng.random(len(running)) * (stretch - span + 1)).astype(np.int64)
        place = begin[:, None] + np.arange(longest)
        inside = (np.arange(longest) < span[:, None]) & (place < lengths[running, None])
        asked[(begins[running, None] + place)[inside]] = True
        at[running] += stretch
        running = running[at[running] < lengths[running]]
    return asked

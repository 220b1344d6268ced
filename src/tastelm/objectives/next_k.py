"""The next few items at once: a state must know what comes soon, not only what comes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import predict, shift
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss


@dataclass(frozen=True)
class NextItems:
    """L = - mean over t and j = 1 .. count of log p(x_{t+j} | x_<=t) (Tang and Wang 2018, Caser, with T = count targets; survey's
    next-K-behaviours prediction). With count = 1 it is `NextItem`, and it takes what that takes."""

    item_loss: ItemLoss
    count: int = 3

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        inputs, _ = shift(batch)
        places, targets = ahead(batch, self.count)
        states = module(inputs)[torch.from_numpy(places)]
        return predict(module, states, targets, self.item_loss, rng)


def ahead(batch: Sequences, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every item but the last of a sequence, each of the `count` items behind it, as far as there are so many.

    Returns places (M,) among the inputs, which are the sequences without their last items, and targets (M,).
    """
    left = batch.offsets[1:][batch.owners] - 1 - np.arange(len(batch.values))  # items behind each
    sources = [np.flatnonzero(left >= step) for step in range(1, count + 1)]
    values = [batch.values[source + step] for step, source in enumerate(sources, start=1)]
    source = np.concatenate(sources)
    # An item's place among the inputs: one fewer for every sequence that ended before it.
    places = source - batch.owners[source]
    return places, np.concatenate(values).astype(np.int64)

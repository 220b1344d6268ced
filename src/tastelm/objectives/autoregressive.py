"""Autoregressive modelling of item sequences: predict each item from all before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss


@dataclass(frozen=True)
class NextItem:
    """L = -sum_t log p(x_t | x_<t) (survey Eq. 1 for items; SASRec, Kang and McAuley 2018).

    Takes a module with `forward(sequences) -> (T, D)` and a table `items`, and batches of `Sequences` of at least 2 items each.
    """

    item_loss: ItemLoss

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        inputs, targets = shift(batch)
        states = module(inputs)
        return predict(module, states, targets, self.item_loss, rng)


def shift(batch: Sequences) -> tuple[Sequences, np.ndarray[Any, np.dtype[np.int64]]]:
    """Each sequence without its last item, and for every item left the one that followed it."""
    first, last = np.ones(len(batch.values), dtype=bool), np.ones(len(batch.values), dtype=bool)
    first[batch.offsets[:-1]] = False
    last[batch.offsets[1:] - 1] = False
    return batch.keep(last), batch.values[first].astype(np.int64)


def predict(module: nn.Module, states: Tensor, targets: np.ndarray[Any, np.dtype[np.int64]], item_loss: ItemLoss, rng: np.random.Generator) -> Outcome:
    """The item loss of `states` (M, D) against `targets` (M,) under the item table of `module`."""
    items: Any = module.items
    codes = torch.from_numpy(targets).to(states.device)
    return Outcome(item_loss(states, items.output, codes, rng, items.bias), len(targets))

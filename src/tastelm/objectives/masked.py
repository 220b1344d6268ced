"""Masked modelling of item sequences: hide some items, predict them from both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.augment import some_of_each
from tastelm.objectives.autoregressive import predict
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss

Count = Literal["exact", "bernoulli"]


@dataclass(frozen=True)
class MaskedItems:
    """The cloze task, L = -1/|M| sum_{i in M} log p(x_i | x without M) (Sun et al. 2019, Eq. 8).

    rate   share of the items of a sequence that is hidden
    last   share of the sequences in which the last item alone is hidden, which is the question asked at test time
    count  `exact` hides max(1, round(rate n)) of n items, as BERT4Rec's code does; `bernoulli` hides a drawn item and each other one by chance,
           but shows one where all would be hidden, as the library of Transformers4Rec does (its masking.py)
    clean  hand the module the sequences without gaps too, `forward(hidden, clean)`; it must not show a place its own item (GRec)

    Takes a module with `forward(sequences) -> (T, D)` whose table `items` has a mask, code `items.n_items`, and batches of
    non-empty `Sequences`. Masks are drawn anew for each batch; hidden items are always replaced by the mask.
    """

    item_loss: ItemLoss
    rate: float = 0.2
    last: float = 0.1
    count: Count = "exact"
    clean: bool = False

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        hidden = hide(batch, self.rate, self.last, self.count, rng)
        items: nn.Module = module.items  # type: ignore[assignment]
        values = np.where(hidden, items.n_items, batch.values)  # type: ignore[arg-type]
        masked = batch.replaced(values)
        states = (module(masked, batch) if self.clean else module(masked))[torch.from_numpy(np.flatnonzero(hidden))]
        return predict(module, states, batch.values[hidden].astype(np.int64), self.item_loss, rng)


def hide(batch: Sequences, rate: float, last: float, count: Count, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(T,) which items of the batch to hide; at least one of each sequence, and with `bernoulli` never all of several."""
    owners, lengths, ends = batch.owners, batch.lengths, batch.offsets[1:] - 1
    if count == "exact":
        hidden = some_of_each(batch, np.maximum(1, np.round(rate * lengths).astype(np.int64)), rng)
    else:
        hidden = (rng.random(len(batch.values)) < rate) | some_of_each(batch, np.ones(len(batch), np.int64), rng)
        all_of_them = (np.bincount(owners[hidden], minlength=len(batch)) == lengths) & (lengths > 1)  # an item alone is all there is to ask for
        hidden &= ~some_of_each(batch, all_of_them.astype(np.int64), rng)
    only_last = rng.random(len(batch)) < last
    hidden[only_last[owners]] = False
    hidden[ends[only_last]] = True
    return hidden

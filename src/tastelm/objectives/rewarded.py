"""The next item, given the history and the reward that was still to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import predict, shift
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss

# Logits that are held at once.
LARGEST = 2**26


@dataclass(frozen=True, eq=False)
class NextItemForReward:
    """L = -(1/N) sum_n w_n log p(a_n | s_n, R_n, t_n) (Xin et al. 2022, PRL).

    items      U sequences of item codes, T in all
    steps      (T,) int64 how many items of the sequence stand before each
    returns    (T,) the reward-to-go of each, its own reward included
    item_loss  of the predictions, where they all weigh the same
    weights    (T,) float64 what the prediction of each item weighs, 1 on the mean; None: the same. They weigh the softmax over the whole catalogue
    half       then score in bfloat16
    asked      (T,) bool, the items that are predicted; None: all but the first of each sequence

    Takes a module with `forward(sequences) -> (M, D)`, `prompted(states, steps, returns) -> (M, D)` and a table `items`, and batches
    of `Sequences` of at least 2 neighbouring places 0 .. T-1 each, instead of item codes.
    """

    items: Sequences
    steps: NDArray[np.int64]
    returns: NDArray[np.float64]
    item_loss: ItemLoss
    weights: NDArray[np.float64] | None = None
    half: bool = False
    asked: NDArray[np.bool_] | None = None

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        known, places = shift(batch)
        states = module(known.replaced(self.items.values[known.values]))
        if self.asked is not None:
            chosen = self.asked[places]
            states, places = states[torch.from_numpy(chosen).to(states.device)], places[chosen]
            if not len(places):
                return Outcome(states.sum(), 0)
        steps, returns = (torch.from_numpy(told[places]).to(states.device) for told in (self.steps, self.returns))
        prompted: Any = module.prompted
        answers, targets = prompted(states, steps, returns.float()), self.items.values[places].astype(np.int64)
        if self.weights is None:
            return predict(module, answers, targets, self.item_loss, rng)
        table: Any = module.items
        codes, weights = (torch.from_numpy(array).to(states.device) for array in (targets, self.weights[places]))
        return Outcome(weighted_cross_entropy(answers, table.output, codes, weights, table.bias, half=self.half), len(targets))


def weighted_cross_entropy(states: Tensor, table: Tensor, targets: Tensor, weights: Tensor, bias: Tensor | None = None, *, half: bool = False) -> Tensor:
    """-(1/M) sum_m w_m log softmax(states @ table.T + bias)[targets]; logits are made in parts, and once more for their gradients.

    states   (M, D)
    table    (N, D)
    targets  (M,) int64 in 0 .. N-1
    weights  (M,), from 0
    bias     (N,) or None
    half     score in bfloat16
    """
    rows = max(1, LARGEST // len(table))

    def summed(states: Tensor, table: Tensor, targets: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
        logits = (states.bfloat16() @ table.bfloat16().T).to(table.dtype) if half else states @ table.T
        return F.cross_entropy(logits if bias is None else logits + bias, targets, reduction="none") @ weights

    total = table.new_zeros(())
    # Under mixed precision the states may come in half of it: enough for them, not for a sum over the whole catalogue.
    with torch.autocast(states.device.type, enabled=False):
        states, weights = states.to(table.dtype), weights.to(table.dtype)
        for at in range(0, len(states), rows):
            part = slice(at, at + rows)
            total = total + checkpoint(summed, states[part], table, targets[part], weights[part], bias, use_reentrant=False, preserve_rng_state=False)
    return total / len(states)

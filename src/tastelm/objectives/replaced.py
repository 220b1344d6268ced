"""Replaced-token detection: a generator fills in hidden items, a discriminator says which items are not the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import predict
from tastelm.objectives.base import Outcome
from tastelm.objectives.item_loss import ItemLoss
from tastelm.objectives.masked import Count, hide


@dataclass(frozen=True)
class ReplacedItems:
    """L = L_cloze + w * mean BCE(replaced?), over all items of the corrupted sequence (ELECTRA, Clark et al. 2020, Eq. 1 to 3; survey Eq. 4
    labels the unchanged item 1, which is the same loss with the sign of the logit turned).

    rate, last, count  what the generator must fill in, see `MaskedItems`
    weight             w

    Takes a module with `forward(sequences) -> (T, D)` whose table `items` has a mask, and a `discriminator` from states (T, D) to
    logits (T, 1). The module is generator and discriminator at once, as in Transformers4Rec. Replacements are drawn from the generator's
    softmax over the items that are hidden in the batch (appendix of de Souza Pereira Moreira et al. 2021), without a gradient. A drawn
    item that is the real one counts as real. Whatever goes with an item, such as its attributes, is that of the replacement.
    """

    item_loss: ItemLoss
    rate: float = 0.3
    last: float = 0.2
    weight: float = 10.0
    count: Count = "exact"

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        items: Any = module.items
        hidden = hide(batch, self.rate, self.last, self.count, rng)
        states = module(batch.replaced(np.where(hidden, items.n_items, batch.values)))[torch.from_numpy(np.flatnonzero(hidden))]
        generated = predict(module, states, batch.values[hidden].astype(np.int64), self.item_loss, rng)
        corrupted = batch.values.copy()
        corrupted[hidden] = draw(states.detach(), items, np.unique(batch.values[hidden]), rng)
        replaced = torch.from_numpy(corrupted != batch.values).to(states.device)
        discriminator: Any = module.discriminator
        logits: Tensor = discriminator(module(batch.replaced(corrupted)))[:, 0]
        detected = F.binary_cross_entropy_with_logits(logits, replaced.to(logits.dtype))
        parts = {"cloze": generated.loss.detach(), "detection": detected.detach()}
        return Outcome(generated.loss + self.weight * detected, generated.targets, parts)


def draw(states: Tensor, items: Any, candidates: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """(M,) one of `candidates` (K,) for each state (M, D), drawn from the softmax over their scores (by the largest of score + Gumbel noise)."""
    codes = torch.from_numpy(candidates.astype(np.int64)).to(states.device)
    with torch.no_grad():
        scores = states @ items.output[codes].T
        if items.bias is not None:
            scores = scores + items.bias[codes]
    noise = rng.gumbel(size=tuple(scores.shape))
    drawn: np.ndarray[Any, Any] = candidates[(scores.double().cpu().numpy() + noise).argmax(1)]
    return drawn

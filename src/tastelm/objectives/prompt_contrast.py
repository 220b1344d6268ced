"""What a prompt is tuned by: the items of a history, the first one too, and two views of its user that should be alike.

Both take a module with `attributes_of(users (B,)) -> (B, A)` codes, -1 for what is not known, `prompt(codes) -> (B, P, D)`, and
`states(sequences, prompts) -> (T + B, D)`, of each sequence the state before its first item and then those at its items; and batches
that say whose each sequence is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import UserWindows
from tastelm.objectives.autoregressive import predict, shift
from tastelm.objectives.base import Objective, Outcome, WeightedSum
from tastelm.objectives.contrastive import info_nce
from tastelm.objectives.item_loss import ItemLoss

NOT_KNOWN = -1


@dataclass(frozen=True)
class PromptedNextItem:
    """L = -sum_t log p(x_t | prompt, x_<t): every item is predicted, the first from the prompt alone (Wu et al. 2022, PPR).

    strangers  share of the histories whose user is hidden, so that the prompt of somebody of whom nothing is known is learnt too

    Takes what this file says, and sequences of at least one item.
    """

    item_loss: ItemLoss
    strangers: float = 0.0

    def __call__(self, module: nn.Module, batch: UserWindows, rng: np.random.Generator) -> Outcome:
        recommender: Any = module
        codes = recommender.attributes_of(np.where(rng.random(len(batch)) < self.strangers, -1, batch.users))
        states = recommender.states(shift(batch)[0], recommender.prompt(codes))
        return predict(module, states, batch.values.astype(np.int64), self.item_loss, rng)


@dataclass(frozen=True)
class PromptContrast:
    """Two views of a user are alike, and unlike those of users with another profile: of one the profile has gaps, of the other the history.

    L = -log exp(cos(u', u'') / t) / sum_w exp(cos(u', w) / t) over the batch, from both sides (Wu et al. 2022, PPR, prompt-oriented
    contrastive learning). Users with the same profile are no negatives of each other.

    attributes   chance of an attribute to be hidden in the first view
    items        chance of an item to be hidden in the second view. It leaves the sequence: a vector that stands for a gap would be new
                 to an encoder that was not pre-trained with one
    temperature  t

    Takes what this file says, with at least one attribute.
    """

    attributes: float
    items: float
    temperature: float = 1.0

    def __call__(self, module: nn.Module, batch: UserWindows, rng: np.random.Generator) -> Outcome:
        recommender: Any = module
        codes: Tensor = recommender.attributes_of(batch.users)
        gaps = torch.from_numpy(rng.random(codes.shape) < self.attributes).to(codes.device)
        shorter = batch.keep(rng.random(len(batch.values)) >= self.items)
        left = _ends(recommender, batch, codes.masked_fill(gaps, NOT_KNOWN))
        right = _ends(recommender, shorter, codes)
        profiles = torch.unique(codes, dim=0, return_inverse=True)[1]
        return Outcome(info_nce(left, right, temperature=self.temperature, same=profiles, symmetric=True), len(batch))


def next_and_contrast(ahead: PromptedNextItem, weight: float, contrast: PromptContrast) -> Objective:
    """L_next + weight L_contrast; a weight of 0 leaves the contrast out."""
    return WeightedSum([(1.0, "next", ahead), (weight, "contrast", contrast)]) if weight else ahead


def _ends(recommender: Any, batch: UserWindows, codes: Tensor) -> Tensor:
    """(B, D) the states at the ends, of length 1; of an empty sequence that behind the prompt."""
    states: Tensor = recommender.states(batch, recommender.prompt(codes))
    ends = torch.from_numpy(batch.offsets[1:] + np.arange(len(batch))).to(states.device)
    return F.normalize(states.index_select(0, ends), dim=1)

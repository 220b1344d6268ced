"""Mutual information between the views of a history: items, their attributes, the sequence, its segments (S3-Rec, Zhou et al. 2020).

Each is InfoNCE over a bilinear critic f(x, y) = x^T W y. The paper writes f = sig(x^T W y) and takes the exponential of it; a sigmoid
within InfoNCE keeps every loss above .313 and starves the gradient, so the critic here is the bilinear form itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.base import Outcome
from tastelm.objectives.contrastive import info_nce
from tastelm.objectives.item_loss import ItemLoss
from tastelm.objectives.masked import hide


@dataclass(frozen=True)
class Weights:
    """Of the four losses: item-attribute, masked item, masked attributes, segment. A loss of weight 0 is not worked out."""

    item_attribute: float = 0.2
    sequence_item: float = 1.0
    sequence_attribute: float = 1.0
    sequence_segment: float = 0.5


@dataclass(frozen=True)
class MutualInformation:
    """The weighted sum of S3-Rec's four objectives (Eq. 5, 7, 8 and 10), each a mean over its predictions.

    rate  share of the items that is hidden for the objectives about masked items

    Takes a module with `forward(sequences) -> (T, D)`, a table `items` with a mask, `attributes` (A, D), `attributes_of(codes)` that
    gives the attributes of items and whose they are, and the critics `item_attribute`, `sequence_item`, `sequence_attribute`,
    `sequence_segment`, each a linear map (D -> D).
    """

    item_loss: ItemLoss
    weights: Weights = Weights()
    rate: float = 0.2

    def __call__(self, module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        losses: dict[str, Tensor] = {}
        made: Any = module
        if self.weights.item_attribute:
            codes = torch.from_numpy(np.unique(batch.values).astype(np.int64)).to(made.items.weight.device)
            losses["item_attribute"] = attribute_nce(made.item_attribute(made.items(codes)), codes, made)
        targets = len(batch.values)
        if self.weights.sequence_item or self.weights.sequence_attribute:
            hidden = hide(batch, self.rate, 0.0, "exact", rng)
            states = made(batch.replaced(np.where(hidden, made.items.n_items, batch.values)))[torch.from_numpy(np.flatnonzero(hidden))]
            codes = torch.from_numpy(batch.values[hidden].astype(np.int64)).to(states.device)
            targets = len(codes)
            if self.weights.sequence_item:
                losses["sequence_item"] = self.item_loss(made.sequence_item(states), made.items.output, codes, rng, made.items.bias)
            if self.weights.sequence_attribute:
                losses["sequence_attribute"] = attribute_nce(made.sequence_attribute(states), codes, made)
        if self.weights.sequence_segment:
            losses["sequence_segment"] = _segments(made, batch, rng)
        total = torch.stack([getattr(self.weights, name) * loss for name, loss in losses.items()]).sum()
        return Outcome(total, targets, {name: loss.detach() for name, loss in losses.items()})


def attribute_nce(queries: Tensor, codes: Tensor, module: Any) -> Tensor:
    """For each attribute a of an item: -log exp(q . a) / (exp(q . a) + sum over the attributes the item does not have), mean over all pairs.

    queries  (M, D), the left side of the critic, for the items `codes` (M,). Zero if no item has an attribute.
    """
    attributes, owners = module.attributes_of(codes)
    if len(attributes) == 0:
        return queries.sum() * 0
    scores = queries @ module.attributes.T
    own = torch.zeros_like(scores, dtype=torch.bool)
    own[owners, attributes] = True
    others = torch.logsumexp(scores.masked_fill(own, -torch.inf), 1)[owners]
    positive = scores.flatten()[owners * scores.shape[1] + attributes]
    loss: Tensor = (torch.logaddexp(positive, others) - positive).mean()
    return loss


def _segments(module: Any, batch: Sequences, rng: np.random.Generator) -> Tensor:
    """A context without a segment knows its own segment among those of the batch."""
    batch = batch.take(np.flatnonzero(batch.lengths >= 2))
    if len(batch) < 2:
        nothing: Tensor = module.items.weight.sum() * 0
        return nothing
    context, segment = split_segment(batch, module.items.n_items, rng)
    both = context.joined(segment)
    ends = module(both)[torch.from_numpy(both.offsets[1:] - 1)]
    return info_nce(module.sequence_segment(ends[: len(batch)]), ends[len(batch) :])


def split_segment(batch: Sequences, mask: int, rng: np.random.Generator) -> tuple[Sequences, Sequences]:
    """The sequences with a segment of 1 .. n / 2 items hidden by `mask`, and with all but that segment hidden, in place."""
    lengths = 1 + np.floor(rng.random(len(batch)) * (batch.lengths // 2)).astype(np.int64)
    lengths = np.minimum(lengths, np.maximum(batch.lengths // 2, 1))
    begins = np.floor(rng.random(len(batch)) * (batch.lengths - lengths + 1)).astype(np.int64)
    place = np.arange(len(batch.values)) - batch.offsets[:-1][batch.owners]
    inside: NDArray[np.bool_] = (place >= begins[batch.owners]) & (place < (begins + lengths)[batch.owners])
    return batch.replaced(np.where(inside, mask, batch.values)), batch.replaced(np.where(inside, batch.values, mask))

"""A stack over the items and another over what is known of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.nn.features import FieldMixer
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape


class TwoStacks(SequenceRecommender):
    """States from the items and from their attributes, joined by a linear layer (Zhang et al. 2019, Eq. 10)."""

    def __init__(self, items: ItemTable, shape: Shape, mixer: FieldMixer) -> None:
        super().__init__(items, SequenceTransformer(shape, causal=True))
        self.features, self.feature_backbone = mixer, SequenceTransformer(shape, causal=True)
        self.scale = shape.dim**0.5
        self.join = nn.Linear(2 * shape.dim, shape.dim)
        with torch.no_grad():  # it begins as the item stack alone
            nn.init.normal_(self.join.weight, std=0.02)
            nn.init.zeros_(self.join.bias)
            self.join.weight[:, : shape.dim] += torch.eye(shape.dim)

    def encode(self, tokens: Tensor, sequences: Sequences) -> Tensor:
        attributes = self.features(self.codes(sequences)) * self.scale
        both = [self.backbone(tokens, sequences.lengths), self.feature_backbone(attributes, sequences.lengths)]
        joined: Tensor = self.join(torch.cat(both, 1))
        return joined

"""Learnt keys and values before every text, while the language model itself stays as it came."""

from __future__ import annotations

import torch
from torch import nn

from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM
from tastelm.plm.port import KeyValueShape, Prefix


class DeepPrefix(nn.Module):
    """P places of keys and values in each layer, the same before every text (Li and Liang 2021, Sec. 4.2).

    It begins as what the model itself keeps of real words (their Sec. 7.4). Their network that makes the numbers of fewer ones is left out: it steadies
    prefixes that begin at random, and is thrown away after training.
    """

    def __init__(self, shape: KeyValueShape, places: int) -> None:
        super().__init__()
        self.keys, self.values = (nn.Parameter(0.02 * torch.randn(shape.layers, shape.heads, places, shape.width)) for _ in range(2))

    @property
    def places(self) -> int:
        return self.keys.shape[2]

    def forward(self, rows: int) -> Prefix:
        """The prefix before each of so many texts."""
        keys, values = (part[:, None].expand(-1, rows, -1, -1, -1) for part in (self.keys, self.values))
        return Prefix(keys, values)

    @torch.no_grad()
    def begin(self, model: CausalLM, text: str) -> None:
        """Take over what the model keeps of a text, which is said again until all places are filled. Raises SettingError for an empty one."""
        told = model.tokens.encode(text)
        if not told:
            raise SettingError("a prefix begins as words, but the text that it should begin as is empty. Give a template that says something.")
        ids = torch.tensor([(told * (self.places // len(told) + 1))[: self.places]], device=model.digest.device)
        cache = model.read(model.embed(ids), torch.ones_like(ids, dtype=torch.bool)).cache
        for layer, kept in enumerate(cache.layers):
            self.keys[layer], self.values[layer] = kept.keys[0], kept.values[0]

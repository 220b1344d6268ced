"""The port of an encoder of items, by the same names as those of the language models: vectors in, states out, in rows with gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tastelm.errors import SettingError
from tastelm.nn.packing import Packing
from tastelm.nn.prefix import KeyValueShape, Prefix
from tastelm.nn.sequence import SequenceTransformer


@dataclass(frozen=True)
class SequencePort:
    """A recommender of sequences behind the face of a language model, for prompts that stand beside items as words beside words.

    Training reads packed sequences, which wastes no place on padding; rows have the same states, and take keys and values before every layer too.

    items    the catalogue on the way in, an `Items`
    encoder  an `Encoder`
    free     places at the head of each row that are no items and take no position, such as those of a prompt: a `SequenceTransformer` has them
    """

    items: Any
    encoder: Any
    free: int = 0

    @property
    def width(self) -> int:
        """Numbers of an item's vector."""
        return int(self.items.output.shape[1])

    @property
    def context(self) -> int:
        """The longest row, in items."""
        return int(self.encoder.max_len)

    @property
    def kv_shape(self) -> KeyValueShape:
        """Raises SettingError for an encoder that does not attend."""
        shape = self._transformer().shape
        return KeyValueShape(shape.layers, shape.heads, shape.dim // shape.heads)

    def embed(self, ids: Tensor) -> Tensor:
        """(...) codes of items -> (..., D) vectors."""
        vectors: Tensor = self.items(ids.flatten()).view(*ids.shape, -1)
        return vectors

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        """States of B rows of W vectors.

        embeds  (B, W, D)
        mask    (B, W) bool, which places hold anything: what does not is as if it were not there, and its state is 0. The `free` ones do
        prefix  keys and values that every place sees, also under a causal mask; they take no position
        Returns (B, W, D). A place's position is the count of the items before it. Raises SettingError for a prefix before an encoder that does not attend.
        """
        lengths = mask.sum(1)
        flat = embeds[mask]
        if prefix is None and not self.free:
            states = self.encoder(flat, lengths.cpu().numpy())
        else:
            states = self._transformer().within(_rows(mask, self.free), flat, self.free, prefix)
        rows: Tensor = states.new_zeros(embeds.shape).masked_scatter(mask[..., None], states)
        return rows

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) states -> (..., N) scores of the items."""
        scores: Tensor = self.items.scores(states.flatten(0, -2)).view(*states.shape[:-1], -1)
        return scores

    __call__ = forward

    def _transformer(self) -> SequenceTransformer:
        if not isinstance(self.encoder, SequenceTransformer):
            raise SettingError(f"{type(self.encoder).__name__} does not attend, so it has no keys and values to stand a prompt before. Use a transformer.")
        return self.encoder


def _rows(mask: Tensor, free: int) -> Packing:
    """The layout in which every row (B, W) is a sequence of its own, with its gaps left open."""
    count = mask.long().cumsum(1)
    segment = mask * torch.arange(1, len(mask) + 1, device=mask.device)[:, None]
    return Packing(mask.flatten().nonzero()[:, 0], segment.int(), (count - 1 - free)[mask], (count[:, -1:] - count)[mask])

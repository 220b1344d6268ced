"""A sequence recommender with a prompt in every layer: keys and values made of what is known of the user."""

from __future__ import annotations

import torch
from torch import Tensor

from tastelm.data.sequences import Sequences
from tastelm.nn.port import SequencePort
from tastelm.nn.prefix import KeyValueShape, Prefix
from tastelm.nn.prompted import PromptedRecommender


def vectors_of(places: int, layers: int) -> int:
    """How many vectors a prompt of so many places in each layer is made of: a key and a value for each, and one that asks."""
    return 2 * layers * places + 1


class PrefixedRecommender(PromptedRecommender):
    """Keys and values of the user's in each layer (prefix tuning, Li and Liang 2021), seen by all items, through an encoder. Parameter groups: `items`,
    `backbone`, `prompt`.

    The generator makes `vectors_of` vectors: those of the keys and values, and a last one that stands in the row before the items, takes no
    position, and answers for somebody without a history.
    """

    def states(self, sequences: Sequences, prompts: Tensor) -> Tensor:
        """(T + B, D) states, for each of B sequences the one before its first item, then those at its items; each at most `max_len` long.

        prompts  (B, P, D). A prompt of no vector is a masked one: then (T, D), the states without it.
        """
        if not prompts.shape[1]:
            return super().states(sequences, prompts)
        port = SequencePort(self.items, self.backbone, free=1)
        lengths = torch.from_numpy(sequences.lengths).to(prompts.device)
        filled = torch.arange(int(sequences.lengths.max(initial=0)) + 1, device=prompts.device) <= lengths[:, None]
        places = filled.clone()
        places[:, 0] = False
        asking = prompts[:, -1:].type_as(self.items.output)
        rows = asking.expand(-1, filled.shape[1], -1).masked_scatter(places[..., None], self.items(self.codes(sequences)))
        states: Tensor = self.head(port(rows, filled, _prefix(prompts[:, :-1], port.kv_shape))[filled])
        return states


def _prefix(vectors: Tensor, shape: KeyValueShape) -> Prefix:
    """(B, 2 L P, D) -> keys and values of P places in each of L layers, (L, B, H, P, E) each."""
    parts = vectors.view(len(vectors), 2, shape.layers, -1, shape.heads, shape.width).permute(1, 2, 0, 4, 3, 5)
    return Prefix(parts[0], parts[1])

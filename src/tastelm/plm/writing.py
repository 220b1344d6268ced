"""Writing with an encoder-decoder a token at a time: what was read and written before is read no second time, and texts written from one share it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tastelm.plm.seq2seq import Memory, Seq2SeqLM

# How transformers calls the attention of `_attend`.
SHARED = "tastelm-shared"


class Writing:
    """Texts that grow behind what was read: `Seq2SeqLM.write` for those who go on from what they have written, as a search with beams.

    model, memory  who writes, behind which B texts
    """

    def __init__(self, model: Seq2SeqLM, memory: Memory) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        self.model, self.memory = model, memory
        self.decoder: Any = model.network.get_decoder()
        _share(self.decoder)
        self.cache = EncoderDecoderCache(*(DynamicCache(config=model.network.config) for _ in range(2)))
        self.owners = self.places = torch.arange(len(memory.states), device=memory.states.device)

    def on(self, tokens: Tensor, parents: Tensor) -> Tensor:
        """(R, D) the states behind R texts, after one more token each.

        tokens   (R,) at first the B tokens that texts begin with
        parents  (R,) which of the texts of the call before each goes on from; 0..B-1 at first
        """
        self.model.meter.add(len(tokens))
        self.owners, before = self.owners[parents], self.places[parents]
        self.places, held = _laid_out(self.owners, len(self.memory.states))
        self.cache.self_attention_cache.batch_select_indices(before[held])
        # Once the decoder has keys and values of what was read, it asks the states for nothing but their shape.
        read = {"encoder_hidden_states": self.memory.states, "encoder_attention_mask": self.memory.mask.long()}
        out = self.decoder(input_ids=tokens[held][:, None], cache=self.cache, use_cache=True, **read)
        behind: Tensor = out.last_hidden_state[self.places, 0]
        return behind


def _laid_out(owners: Tensor, texts: int) -> tuple[Tensor, Tensor]:
    """A table of as many places for each of B texts that were read, so that what belongs to one stands together.

    owners  (R,) from which of them each is written
    Returns (R,) the place of each, and (P,) which of the R stands in each place; where none does, the first once more.
    """
    counts = torch.bincount(owners, minlength=texts)
    width, order = int(counts.max()), owners.argsort(stable=True)
    within = torch.empty_like(order)
    within[order] = torch.arange(len(owners), device=owners.device) - (counts.cumsum(0) - counts)[owners[order]]
    places = owners * width + within
    held = owners.new_zeros(texts * width)
    held[places] = torch.arange(len(owners), device=owners.device)
    return places, held


def _share(decoder: Any) -> None:
    """Let a decoder attend by `_attend`, which does what it did before where every text has what was read for itself."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if decoder.config._attn_implementation != SHARED:
        AttentionInterface.register(SHARED, _attend)
        AttentionMaskInterface.register(SHARED, sdpa_mask)
        decoder.set_attn_implementation(SHARED)


def _attend(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **more: Any) -> tuple[Tensor, Tensor | None]:
    """Attention of P texts to P, or with the last token of P * n texts, n side by side for each, to P that they share: (P * n, heads, 1, width) queries."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    found: Tensor
    if len(query) == len(key):
        found, weights = sdpa_attention_forward(module, query, key, value, mask, **more)
        return found, weights
    together = query.view(len(key), -1, *query.shape[1::2]).transpose(1, 2)
    found, _ = sdpa_attention_forward(module, together, key, value, mask, **(more | {"is_causal": False}))
    return found.view(len(query), 1, *found.shape[2:]), None

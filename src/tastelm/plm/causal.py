"""Causal language models: each place sees what stands before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tastelm.errors import SettingError
from tastelm.plm.port import LanguageModel, Prefix, attention, cache_of, positions_of


@dataclass
class Reading:
    """B texts that were read and can be gone on with.

    state    (B, D) at the last token of each
    cache    keys and values of what was read, as the network keeps them
    mask     (B, P) bool, which places of the cache hold anything
    prefix   how many of these places, the first, are a prefix and no tokens
    """

    state: Tensor
    cache: Any
    mask: Tensor
    prefix: int = 0

    @property
    def lengths(self) -> Tensor:
        """(B,) tokens read."""
        return self.mask[:, self.prefix :].long().sum(1)


class CausalLM(LanguageModel):
    """A decoder, such as Llama or GPT-2."""

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        states: Tensor = self._run(embeds, mask, cache_of(prefix, self.network.config), keep=False).last_hidden_state
        return states

    def read(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Reading:
        """Read B texts of vectors (B, P, D), each filled from the left where `mask` (B, P) says so, and keep what may be gone on from."""
        out = self._run(embeds, mask, cache_of(prefix, self.network.config), keep=True)
        ends = mask.long().sum(1) - 1
        places = 0 if prefix is None else prefix.keys.shape[3]
        whole = torch.cat([mask.new_ones(len(mask), places), mask], 1)
        return Reading(out.last_hidden_state[torch.arange(len(embeds), device=embeds.device), ends], out.cache, whole, places)

    def go_on(self, reading: Reading, ids: Tensor, sees: Tensor, depths: Tensor) -> Tensor:
        """States of further tokens, which may be branches of a tree that share what was read.

        ids     (B, Q) tokens
        sees    (B, Q, Q) bool, which of the further tokens each sees: itself and those before it in its own branch
        depths  (B, Q) how many of them stand before each in its branch
        Returns (B, Q, D). The reading stays as it was. Who asks counts them, since some may be padding. Raises SettingError for a branch that
        is longer than the model reads.
        """
        self._check(int((reading.lengths[:, None] + depths).max()) + 1)
        rows, width = ids.shape
        past = reading.mask[:, None, :].expand(rows, width, -1)
        mask = torch.cat([past, sees], 2)[:, None]
        positions = reading.lengths[:, None] + depths
        out = self.network.base_model(inputs_embeds=self.embed(ids), attention_mask=mask, position_ids=positions, cache=reading.cache, use_cache=True)
        reading.cache.crop(-width)
        states: Tensor = out.last_hidden_state
        return states

    def _run(self, embeds: Tensor, mask: Tensor, cache: Any, *, keep: bool) -> Any:
        self._check(embeds.shape[1])
        self.meter.add(mask)
        whole = mask
        if cache is not None:
            whole = torch.cat([mask.new_ones(len(mask), cache.get_seq_length()), mask], 1)
        with attention(embeds):
            return self.network.base_model(
                inputs_embeds=embeds, attention_mask=whole.long(), position_ids=positions_of(mask), cache=cache, use_cache=keep or cache is not None
            )

    def _check(self, length: int) -> None:
        if length > self.context:
            raise SettingError(f"a prompt takes {length} tokens, but the model reads {self.context}. Show it less, or take a model with a longer context.")

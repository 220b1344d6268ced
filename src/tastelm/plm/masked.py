"""Masked language models: each place sees all others."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor

from tastelm.errors import SettingError
from tastelm.plm.port import LanguageModel, Prefix, attention, cache_of, positions_of


class MaskedLM(LanguageModel):
    """An encoder that fills gaps, such as BERT.

    A prefix of keys and values is for the networks that may also be built as decoders (BERT, RoBERTa, ELECTRA and their kin): they have a way in for what
    was read before. It takes no position.
    """

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        self.meter.add(mask)
        read = {"inputs_embeds": embeds, "attention_mask": mask.long(), "position_ids": positions_of(mask) + self._first}
        if prefix is not None:
            read |= self._behind(prefix, mask)
        with attention(embeds):
            states: Tensor = self.network.base_model(**read).last_hidden_state
        return states

    def _behind(self, prefix: Prefix, mask: Tensor) -> dict[str, Any]:
        """What a network is given to read behind a prefix: its own masks would forget the places before the text."""
        network = self.network.base_model
        if "cache" not in signature(network.forward).parameters:
            raise SettingError(f"{type(network).__name__} has no way in for a prefix of keys and values. Give it vectors before its text, or take BERT.")
        seen = torch.cat([mask.new_ones(len(mask), prefix.keys.shape[3]), mask], 1)
        return {"cache": cache_of(prefix, self.network.config), "attention_mask": seen[:, None, None].expand(-1, 1, mask.shape[1], -1)}

    @property
    def context(self) -> int:
        return super().context - self._first

    @property
    def _first(self) -> int:
        """The position of the first token: RoBERTa and its kin count from behind that of padding."""
        return int(getattr(getattr(self.network.base_model, "embeddings", None), "padding_idx", -1)) + 1

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., V), through the head that was trained with it."""
        head = getattr(self.network, "cls", None) or self.network.lm_head
        logits: Tensor = head(states)
        return logits

"""Masked language models: each place sees all others."""

from __future__ import annotations

from torch import Tensor

from tastelm.errors import SettingError
from tastelm.plm.port import LanguageModel, Prefix, positions_of


class MaskedLM(LanguageModel):
    """An encoder that fills gaps, such as BERT."""

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        if prefix is not None:
            raise SettingError("a masked model takes no prefix of keys and values. Give it vectors before its text instead.")
        states: Tensor = self.network.base_model(inputs_embeds=embeds, attention_mask=mask.long(), position_ids=positions_of(mask)).last_hidden_state
        return states

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., V), through the head that was trained with it."""
        head = getattr(self.network, "cls", None) or self.network.lm_head
        logits: Tensor = head(states)
        return logits

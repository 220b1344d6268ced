"""Masked language models: each place sees all others."""

from __future__ import annotations

from torch import Tensor

from tastelm.errors import SettingError
from tastelm.plm.port import LanguageModel, Prefix, attention, positions_of


class MaskedLM(LanguageModel):
    """An encoder that fills gaps, such as BERT."""

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        if prefix is not None:
            raise SettingError("a masked model takes no prefix of keys and values. Give it vectors before its text instead.")
        self.meter.add(mask)
        positions = positions_of(mask) + self._first
        with attention(embeds):
            states: Tensor = self.network.base_model(inputs_embeds=embeds, attention_mask=mask.long(), position_ids=positions).last_hidden_state
        return states

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

"""Encoder-decoders: a text is read whole, and another is written from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tastelm.errors import SettingError
from tastelm.plm.port import KeyValueShape, LanguageModel, Prefix, cache_of


@dataclass
class Memory:
    """B texts as the encoder has read them: states (B, W, D), and mask (B, W) bool of what in them counts."""

    states: Tensor
    mask: Tensor

    def take(self, rows: Tensor) -> Memory:
        """The texts of `rows`, each as often as it stands there."""
        return Memory(self.states[rows], self.mask[rows])


# The context of a model that reads texts of any length.
ENDLESS = 1_000_000


class Seq2SeqLM(LanguageModel):
    """An encoder and a decoder, such as T5. `forward` is the encoder; `write` the decoder, before whose text a prefix of keys and values may stand.

    T5's encoder in transformers drops whatever was read before, so that before the text that is read only vectors can stand.
    """

    @property
    def width(self) -> int:
        return int(self.network.config.d_model)

    @property
    def context(self) -> int:
        """T5 knows distances, not places: how long a text may be is a matter of memory."""
        return int(getattr(self.network.config, "n_positions", 0) or ENDLESS)

    @property
    def kv_shape(self) -> KeyValueShape:
        """Of the decoder."""
        config = self.network.config
        return KeyValueShape(config.num_decoder_layers, config.num_heads, config.d_kv)

    def forward(self, embeds: Tensor, mask: Tensor, prefix: Prefix | None = None) -> Tensor:
        if prefix is not None:
            raise SettingError("an encoder of T5 takes no prefix of keys and values. Give it vectors before its text, or its decoder the prefix.")
        self.meter.add(mask)
        states: Tensor = self.network.get_encoder()(inputs_embeds=embeds, attention_mask=mask.long()).last_hidden_state
        return states

    def read(self, embeds: Tensor, mask: Tensor) -> Memory:
        """Read B texts of vectors (B, W, D)."""
        return Memory(self(embeds, mask), mask)

    def write(self, memory: Memory, ids: Tensor, prefix: Prefix | None = None) -> Tensor:
        """(B, T) the start token and T - 1 tokens already written -> (B, T, D) the states behind each.

        prefix  keys and values that every place finds before the start token. T5 knows distances alone, and to it the prefix stands where as many
                tokens would
        """
        self.meter.add(ids.numel())
        read: dict[str, Any] = {"encoder_hidden_states": memory.states, "encoder_attention_mask": memory.mask.long()}
        if prefix is not None:
            from transformers import DynamicCache, EncoderDecoderCache

            read["cache"] = EncoderDecoderCache(cache_of(prefix, self.network.config), DynamicCache(config=self.network.config))
        states: Tensor = self.network.get_decoder()(input_ids=ids, use_cache=prefix is not None, **read).last_hidden_state
        return states

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., V). The first T5 scales its states, since it writes words by the vectors that it reads them by; its followers do not."""
        if getattr(self.network.config, "scale_decoder_outputs", False):
            states = states * self.width**-0.5
        return super().logits(states)

    @torch.no_grad()
    def grow(self, tokens: int) -> None:
        """Let it have vectors of so many tokens, where it has fewer. New ones are drawn around the mean of the old, as wide as these lie."""
        if tokens <= self.vocabulary:
            return
        reads, writes = self.network.get_input_embeddings().weight, self.network.get_output_embeddings().weight
        larger = _grown(reads, tokens)
        head = None if writes is reads else nn.Parameter(_grown(writes, tokens))
        self.network.resize_token_embeddings(tokens, mean_resizing=False)
        self.network.get_input_embeddings().weight.copy_(larger)
        if head is not None:  # the library has put the vectors that are read in its place
            self.network.get_output_embeddings().weight = head

    def starts(self, rows: int, device: torch.device) -> Tensor:
        """(rows, 1) the token that every written text begins behind."""
        return torch.full((rows, 1), int(self.network.config.decoder_start_token_id), device=device)


def _grown(table: Tensor, rows: int) -> Tensor:
    """(V, D) -> (rows, D), the new ones like the old in mean and spread."""
    new = torch.randn(rows - len(table), table.shape[1], dtype=table.dtype, device=table.device)
    return torch.cat([table, table.mean(0) + table.std(0) * new])

"""What a causal language model writes behind a prompt: each token is read once, beside the keys and values of those before it."""

from __future__ import annotations

import torch
from torch import Tensor

from tastelm.decoding.greedy import greedy
from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM


@torch.no_grad()
def write_greedily(model: CausalLM, embeds: Tensor, mask: Tensor, *, longest: int) -> list[list[int]]:
    """The most probable token, one after the other, behind each of B prompts.

    embeds   (B, P, D), each row filled from the left where `mask` (B, P) says so
    longest  tokens that are written at most
    Returns B rows of tokens without the one that ends a text. Raises SettingError if prompt and sentence are longer than the model reads.
    """
    if (total := embeds.shape[1] + longest) > model.context:
        raise SettingError(f"a prompt and {longest} tokens behind it take {total}, but the model reads {model.context}. Write less, or take a longer context.")
    reading = model.read(embeds, mask)
    seen, place = mask, reading.lengths

    def step(token: Tensor) -> Tensor:
        nonlocal seen, place
        seen = torch.cat([seen, seen.new_ones(len(seen), 1)], 1)
        out = model.network.base_model(
            inputs_embeds=model.embed(token[:, None]), attention_mask=seen.long(), position_ids=place[:, None], cache=reading.cache, use_cache=True
        )
        place = place + 1
        return model.logits(out.last_hidden_state[:, 0])

    written = greedy(model.logits(reading.state), step, end=model.tokens.end, longest=longest)
    model.meter.add(sum(map(len, written)))
    return written

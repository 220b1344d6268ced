"""The most probable texts that a causal language model writes behind a prompt: what several begin with is read once for each of them."""

from __future__ import annotations

import torch
from torch import Tensor

from tastelm.decoding.free_beam import free_beam
from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM


@torch.no_grad()
def write_by_beams(model: CausalLM, embeds: Tensor, mask: Tensor, *, longest: int, beams: int) -> tuple[list[list[list[int]]], Tensor]:
    """The texts that `free_beam` finds behind each of B prompts, and their log-probabilities (B, beams).

    embeds   (B, P, D), each row filled from the left where `mask` (B, P) says so
    longest  tokens that are written at most
    Raises SettingError if prompt and text are longer than the model reads.
    """
    if (total := embeds.shape[1] + longest) > model.context:
        raise SettingError(f"a prompt and {longest} tokens behind it take {total}, but the model reads {model.context}. Show less, or take a longer context.")
    reading = model.read(embeds, mask)
    seen, place = mask, reading.lengths

    def step(tokens: Tensor, parents: Tensor) -> Tensor:
        nonlocal seen, place
        model.meter.add(len(tokens))
        reading.cache.reorder_cache(parents)
        seen, here = torch.cat([seen[parents], seen.new_ones(len(parents), 1)], 1), place[parents]
        out = model.network.base_model(
            inputs_embeds=model.embed(tokens[:, None]), attention_mask=seen.long(), position_ids=here[:, None], cache=reading.cache, use_cache=True
        )
        place = here + 1
        return model.logits(out.last_hidden_state[:, 0])

    return free_beam(model.logits(reading.state), step, end=model.tokens.end, longest=longest, beams=beams)

"""The most probable texts that a causal language model writes behind a prompt: what several begin with is read once."""

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
    # The texts behind a prompt are branches of one row: what was read is there once, and what was written stays where it is, seen by those that go on from it.
    seen, rows, length = mask[:, None], torch.arange(len(mask), device=mask.device)[:, None], 0

    def step(tokens: Tensor, parents: Tensor) -> Tensor:
        nonlocal seen, length
        model.meter.add(len(tokens))
        tokens, parents = tokens.view(len(mask), -1), parents.view(len(mask), -1) - seen.shape[1] * rows
        itself = torch.eye(tokens.shape[1], dtype=torch.bool, device=mask.device).expand(len(mask), -1, -1)
        seen = torch.cat([seen[rows, parents], itself], 2)
        places = (reading.lengths[:, None] + length).expand_as(tokens)
        length += 1
        out = model.network.base_model(
            inputs_embeds=model.embed(tokens), attention_mask=seen[:, None], position_ids=places, cache=reading.cache, use_cache=True
        )
        return model.logits(out.last_hidden_state.flatten(0, 1))

    return free_beam(model.logits(reading.state), step, end=model.tokens.end, longest=longest, beams=beams)

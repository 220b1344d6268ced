"""How likely a language model finds continuations of a text: the prompt is read once, whatever follows it shares what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tastelm.errors import DataError
from tastelm.plm.causal import CausalLM, Reading
from tastelm.prompting.branches import Branches, in_blocks

Normaliser = Literal["sum", "mean", "prior"]
# Nodes that are read together: their attention to each other, and their logits over the vocabulary, stay within some hundred MiB.
BLOCK = 1024
LOGITS = 512
NOTHING = (np.empty(0, np.int64), Branches.of([]))


def log_likelihoods(model: CausalLM, reading: Reading, continuations: Sequence[Sequence[Sequence[int]]]) -> list[Tensor]:
    """For each of the B texts of `reading` the log-probabilities (K,) of its K continuations, each a sequence of tokens:
    sum over its tokens of log p(token | text, tokens before it).

    Raises DataError for a continuation without a token.
    """
    for row in continuations:
        if not all(row):
            raise DataError("a continuation is empty, so it has no likelihood: an item without text cannot be scored by its text.")
    # Texts with the very same continuations, such as the whole catalogue, share their forest.
    forests = {id(row): [(part, Branches.of([row[index] for index in part])) for part in in_blocks(row, BLOCK)] for row in continuations}
    own = [forests[id(row)] for row in continuations]
    found = [torch.zeros(len(row)) for row in continuations]
    for turn in range(max(map(len, own), default=0)):
        chosen = [blocks[turn] if turn < len(blocks) else NOTHING for blocks in own]
        for result, (part, _), values in zip(found, chosen, _judge(model, reading, [branches for _, branches in chosen]), strict=True):
            result[torch.from_numpy(part)] = values
    return found


def _judge(model: CausalLM, reading: Reading, branches: Sequence[Branches]) -> list[Tensor]:
    """One pass over the nodes of all texts at once."""
    rows, width, device = len(branches), max(len(one.tokens) for one in branches), reading.state.device
    ids, depths = torch.zeros(rows, width, dtype=torch.long), torch.zeros(rows, width, dtype=torch.long)
    # Empty places see themselves, so that no softmax is over nothing; nothing reads them.
    sees = torch.eye(width, dtype=torch.bool).repeat(rows, 1, 1)
    for row, one in enumerate(branches):
        size = len(one.tokens)
        ids[row, :size], depths[row, :size] = torch.from_numpy(one.tokens), torch.from_numpy(one.depths)
        sees[row, :size, :size] = torch.from_numpy(one.sees())
    states = reading.state[:, None]
    model.meter.add(sum(len(one.tokens) for one in branches))
    if width:
        states = torch.cat([states, model.go_on(reading, ids.to(device), sees.to(device), depths.to(device))], 1)
    # The state behind the text itself stands first, so node q is at q + 1.
    places = np.concatenate([row * (width + 1) + one.behind + 1 for row, one in enumerate(branches)])
    taken = torch.from_numpy(np.concatenate([one.taken for one in branches])).to(device)
    steps = _log_probabilities(model, states.flatten(0, 1), torch.from_numpy(places).to(device), taken).cpu()
    ends = np.cumsum([len(one.taken) for one in branches])[:-1]
    return [
        torch.zeros(one.count).index_add(0, torch.from_numpy(one.owners), part)
        for one, part in zip(branches, steps.tensor_split(torch.from_numpy(ends)), strict=True)
    ]


def _log_probabilities(model: CausalLM, states: Tensor, places: Tensor, taken: Tensor) -> Tensor:
    """(S,) log p of the tokens `taken` behind the states at `places`; each state is spread over the vocabulary once."""
    asked, which = torch.unique(places, return_inverse=True)
    found = torch.empty(len(places), device=states.device)
    for at in range(0, len(asked), LOGITS):
        inside = (which >= at) & (which < at + LOGITS)
        spread = model.logits(states[asked[at : at + LOGITS]]).float()
        own = which[inside] - at
        found[inside] = spread[own, taken[inside]] - torch.logsumexp(spread, 1)[own]
    return found

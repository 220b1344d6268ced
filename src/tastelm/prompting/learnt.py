"""What a causal language model finds of the words that are to be learnt."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.plm.causal import CausalLM
from tastelm.prompting.layout import UNLEARNT, Layout


def learnt_nll(model: CausalLM, layout: Layout, sources: Mapping[str, nn.Module] | nn.ModuleDict) -> Tensor:
    """(B,) the mean negative log-likelihood of the tokens of each prompt that are to be learnt; what else stands in it counts for nothing."""
    device = model.digest.device
    states = model(layout.embed(model, sources), layout.mask(device))
    labels = torch.from_numpy(layout.labels[:, 1:].copy()).to(device)
    # Only what is learnt is spread over the vocabulary: most places of long prompts are not.
    learnt = labels != UNLEARNT
    losses = F.cross_entropy(model.logits(states[:, :-1][learnt]), labels[learnt], reduction="none")
    return losses.new_zeros(len(labels)).index_add(0, learnt.nonzero()[:, 0], losses) / learnt.sum(1)

"""The words of a sentence as a set: said at once, before the sentence is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from tastelm.objectives.base import Outcome


@dataclass(frozen=True)
class ContextWords:
    """L = 1/B sum_b -1/T_b sum_t log c_b(e_bt), c_b one distribution over the words for all T_b places (Li et al. 2021, PETER, context prediction).

    It asks the module for `context_nll(batch)`, (B,) the inner sums.
    """

    def __call__(self, module: nn.Module, batch: Any, rng: np.random.Generator) -> Outcome:
        losses: Tensor = module.context_nll(batch)  # type: ignore[operator]
        return Outcome(losses.mean(), len(losses))

"""A stage judged by what it learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from tastelm.memory import HEAP
from tastelm.objectives.base import Objective
from tastelm.views import View


@dataclass(frozen=True)
class Likelihood:
    """A validation by what is learnt: minus the mean loss of the judges."""

    judges: View
    objective: Objective

    @torch.no_grad()
    def __call__(self, module: nn.Module, metric: str) -> float:
        batches, loss, targets = self.judges.batches(0, 0), 0.0, 0
        for index in range(len(batches)):
            outcome = self.objective(module, batches[index], np.random.default_rng(index))
            loss, targets = loss + float(outcome.loss) * outcome.targets, targets + outcome.targets
            HEAP.tidy()
        return -loss / targets

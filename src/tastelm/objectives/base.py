"""What an objective is: a pure function from a module, a batch and a generator to a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn


@dataclass(frozen=True)
class Outcome:
    """The loss of one batch.

    loss     scalar tensor to descend
    targets  how many predictions it is the mean of: what the rate in the progress bar counts
    parts    detached scalars worth a line in the log, by name; left where they are, as to fetch each at every step would make the device wait
    """

    loss: Tensor
    targets: int
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """Remembers nothing: the same module, batch and generator give the same outcome."""

    def __call__(self, module: nn.Module, batch: Any, rng: np.random.Generator) -> Outcome: ...


@dataclass(frozen=True)
class WeightedSum:
    """Several objectives of one batch, added up; `parts` holds the loss of each before its weight."""

    terms: Sequence[tuple[float, str, Objective]]

    def __call__(self, module: nn.Module, batch: Any, rng: np.random.Generator) -> Outcome:
        outcomes = [(weight, name, objective(module, batch, rng)) for weight, name, objective in self.terms]
        loss = sum((weight * outcome.loss for weight, _, outcome in outcomes[1:]), outcomes[0][0] * outcomes[0][2].loss)
        return Outcome(loss, outcomes[0][2].targets, {name: outcome.loss.detach() for _, name, outcome in outcomes})

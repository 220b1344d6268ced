"""A stage: one phase of training. It hands modules, batches and an objective to the loop, and knows no file and no command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from tastelm.objectives.base import Objective
from tastelm.strategies import PretrainOnly, Strategy, TuningFree
from tastelm.train.budget import Budget
from tastelm.train.schedule import Schedule
from tastelm.views import View


@dataclass(frozen=True)
class Descent:
    """How a stage goes downhill (AdamW).

    lr            peak learning rate
    weight_decay  decoupled, on matrices only
    beta2         decay of the second moment
    clip          largest norm of the gradient, 0 for none
    accumulate    batches whose gradients make one step
    precision     of the arithmetic, in Lightning's words; `auto` is bf16-mixed on a GPU that has it, and on a CPU that has it for language models
                  that come trained; 32-true elsewhere
    """

    lr: float = 1e-3
    weight_decay: float = 0.0
    beta2: float = 0.999
    clip: float = 0.0
    accumulate: int = 1
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class Stage:
    """One line of a system: a view of the split -> module · objective · strategy, within a budget.

    name       what logs and checkpoints call it
    module     what is trained: fresh, or out of an earlier stage, or loaded from a run folder
    view       where batches come from; may be of other data than the stage before
    objective  what is learnt, or a weighted sum of several
    strategy   who may change
    budget     its own limits; the user's come on top
    share      part of the user's budget that it gets; the stages of a system should sum to 1
    descent    optimiser and schedule
    solve      for a closed form: puts the module's weights in place at once, instead of view and objective
    monitor    metric of the validation questions that chooses the best weights, or none where the module cannot answer yet:
               then the stage lasts as long as its budget and the last weights are kept
    judges     batches that are not trained on, where the validation questions do not ask what is learnt: their mean loss chooses the
               best weights instead, and `monitor` is `likelihood`, its negative
    """

    name: str
    module: nn.Module
    view: View | None = None
    objective: Objective | None = None
    strategy: Strategy = field(default_factory=PretrainOnly)
    budget: Budget = field(default_factory=Budget)
    share: float = 1.0
    descent: Descent = field(default_factory=Descent)
    solve: Callable[[], object] | None = None
    monitor: str | None = "ndcg@10"
    judges: View | None = None

    def __post_init__(self) -> None:
        if self.solve is None and not isinstance(self.strategy, TuningFree) and (self.view is None or self.objective is None):
            raise ValueError(f"stage '{self.name}' needs a view and an objective, or a closed form, or the strategy TuningFree")

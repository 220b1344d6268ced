"""The learning rate over a stage, and when to stop: warm up, hold while validation improves, then cool down.

Nobody has to set epochs. The rate is held until the validation metric has not improved for `patience` looks, then falls
linearly to nothing over `cooldown` times the steps taken so far, and the stage ends. Where a budget comes to its end first,
the same fall happens over its last part, so a short budget also ends in a cooled model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """
    kind      `plateau` as above; `linear` falls from the warm-up to the end of the budget; `constant` holds, and stops on the plateau
    warmup    steps over which the rate rises from nothing
    patience  looks at the validation metric without improvement that end the holding
    cooldown  length of the fall, as a share of the steps before it
    """

    kind: Literal["plateau", "linear", "constant"] = "plateau"
    warmup: int = 50
    patience: int = 3
    cooldown: float = 0.5

    @property
    def tail(self) -> float:
        """Share of a whole budget that the fall takes."""
        return self.cooldown / (1 + self.cooldown)


@dataclass
class Course:
    """Where a stage stands on its schedule; plain numbers, so that a checkpoint can hold it.

    best       best validation metric so far, and the step it was seen at
    bad        looks since then
    cool_from  step at which the fall began, -1 while holding
    cool_for   its length in steps
    """

    best: float = float("-inf")
    best_step: int = -1
    bad: int = 0
    cool_from: int = -1
    cool_for: int = 0

    def rate(self, schedule: Schedule, step: int, used: float) -> float:
        """Factor on the learning rate for the step after `step` steps, when the share `used` of the budget is gone."""
        factor = min(1.0, (step + 1) / max(schedule.warmup, 1))
        if schedule.kind == "linear":
            return factor * max(0.0, 1 - used)
        if schedule.kind == "plateau":
            factor *= min(1.0, max(0.0, 1 - used) / schedule.tail)
            if self.cool_from >= 0:
                factor *= max(0.0, 1 - (step - self.cool_from) / self.cool_for)
        return factor

    def saw(self, schedule: Schedule, metric: float, step: int, every: int) -> bool:
        """Note a validation metric (higher is better) after `step` steps, looked at `every` so many. Returns whether it is the best."""
        better = metric > self.best
        self.best, self.best_step, self.bad = (metric, step, 0) if better else (self.best, self.best_step, self.bad + 1)
        if self.cool_from < 0 and self.bad >= schedule.patience and schedule.kind != "linear":
            self.cool_from, self.cool_for = step, max(every, int(schedule.cooldown * step)) if schedule.kind == "plateau" else 0
        return better

    def over(self, step: int) -> bool:
        """Whether the fall has come to its end."""
        return self.cool_from >= 0 and step >= self.cool_from + self.cool_for

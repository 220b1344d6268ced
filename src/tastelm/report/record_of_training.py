"""What a leaderboard holds of how its systems were trained, read and checked."""

from __future__ import annotations

from pydantic import ConfigDict

from tastelm.report.kinds import Amount, Count, Kind, Number
from tastelm.train.parts import PART


class Look(Kind):
    """A line of a training's history: what was trained until then, the mean loss, those of its objectives as `loss/NAME`, and the validation metric
    by its name."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Number]

    step: Amount
    seconds: Amount
    loss: Number

    @property
    def scores(self) -> dict[str, float]:
        """Metric -> value."""
        return {name: value for name, value in self.__pydantic_extra__.items() if not name.startswith(PART)}

    @property
    def parts(self) -> dict[str, float]:
        """Objective -> its loss, before its weight."""
        return {name.removeprefix(PART): value for name, value in self.__pydantic_extra__.items() if name.startswith(PART)}


class Stage(Kind):
    """How a stage of training went."""

    name: str
    steps: Count
    epochs: Amount
    seconds: Amount
    best: float | None
    best_step: int
    ended: str
    history: list[Look]

    @property
    def parts(self) -> dict[str, float]:
        """Objective -> its loss at the last look."""
        return self.history[-1].parts if self.history else {}

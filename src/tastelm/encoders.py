"""Encoders that go over: of what was learnt on some items only that which knows none of them, to be tuned on others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.recommender import Recommender
from tastelm.strategies import group_of
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.progress import Watch
from tastelm.train.stage import Stage

# The parameter group of what reads sequences, and that of what it reads.
ENCODER, ITEMS = "backbone", "items"


@dataclass(frozen=True, eq=False)
class Encoder:
    """owner: the system that it was trained in; weights: name -> value."""

    owner: str
    weights: Mapping[str, Tensor]

    @classmethod
    def of(cls, recommender: Recommender) -> Encoder:
        """That of a trained system. Raises SettingError for one that has none beside the vectors of its items."""
        parameters = dict(recommender.module.named_parameters())
        _check_has_one(parameters, recommender.name)
        return cls(recommender.name, {name: value.detach() for name, value in parameters.items() if group_of(name) == ENCODER})

    @cached_property
    def digest(self) -> str:
        """16 hex digits over the weights."""
        found = hashlib.sha256()
        for name in sorted(self.weights):
            found.update(name.encode())
            found.update(self.weights[name].cpu().contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    def check(self, system: System[Any]) -> None:
        """Raises SettingError unless the system is the one that it was trained in."""
        if system.card.name != self.owner:
            raise SettingError(f"encoder: it comes of a run of {self.owner}, but {system.card.name} is to be trained. Give a run of {system.card.name}.")


def tune_with(
    encoder: Encoder, system: System[Any], split: Split, *, budget: Budget | None = None, seed: int = 0, folder: Path | None = None, watch: Watch | None = None
) -> Fitted:
    """Run the last stage of `system` on `split`, begun with an encoder that was trained elsewhere; all else begins as it always does.

    folder  as `fit_system` takes it

    Raises SettingError for an encoder of another system or other sizes, or a last stage that leaves the vectors of items as they are.
    """
    encoder.check(system)
    last = len(check_goes_over(system, split)) - 1
    return fit_system(system, split, budget=budget, seed=seed, folder=folder, watch=watch, start=encoder.weights, run=(last,))


def check_goes_over(system: System[Any], split: Split) -> list[Stage]:
    """The stages of a system that can be tuned with an encoder from elsewhere. Raises SettingError for another."""
    stages, owner = list(system.settle(split).stages(split)), system.card.name
    _check_has_one(dict(stages[-1].module.named_parameters()), owner)
    if not stages[-1].strategy.trains(ITEMS):
        raise SettingError(
            f"{owner} leaves the vectors of items as they are in its last stage, but of the target's items it knows none. "
            "Set what it tunes so that they are learnt, as ppr's tune=items."
        )
    return stages


def _check_has_one(parameters: Mapping[str, Any], owner: str) -> None:
    if not {ENCODER, ITEMS} <= {group_of(name) for name in parameters}:
        raise SettingError(f"{owner} has no encoder beside the vectors of its items, so nothing of it goes over to other items. Take ppr, peterrec or sasrec.")

"""From one domain to another: an encoder that is pre-trained on some items and tuned on others, of which it knows none."""

from __future__ import annotations

from typing import Any

from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.strategies import group_of
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.progress import Watch


def across(system: System[Any], source: Split, target: Split, *, budget: Budget | None = None, seed: int = 0, watch: Watch | None = None) -> Fitted:
    """Pre-train on `source` and tune on `target`, whose items and users may all be others.

    The stages before the last are run on the source, the last one on the target; a single stage is run on both. What goes over is the encoder (the
    parameter group `backbone`); vectors of items, of users and of prompts are learnt on the target from the start. A window that follows the data
    follows those of the source.

    budget  of the whole; half of it for each where there is a single stage

    Returns the fit on the target. Raises SettingError for a system without an encoder of sequences, or one whose last stage leaves the vectors of
    items as they are; and what the trainings raise.
    """
    settled = system.settle(source)
    stages = list(settled.stages(target))
    moves, owner = {group_of(name) for name, _ in stages[-1].module.named_parameters()}, system.card.name
    if not {"backbone", "items"} <= moves:
        raise SettingError(f"{owner} has no encoder beside the vectors of its items, so nothing of it goes over to other items. Take ppr, peterrec or sasrec.")
    if not stages[-1].strategy.trains("items"):
        raise SettingError(
            f"{owner} leaves the vectors of items as they are in its last stage, but of the target's items it knows none. "
            "Set what it tunes so that they are learnt, as ppr's tune=items."
        )
    last, whole = len(stages) - 1, budget
    if whole is not None and not last:
        whole = whole.share(0.5)
    before = fit_system(settled, source, budget=whole, seed=seed, watch=watch, run=range(max(1, last)))
    encoder = {name: value.detach() for name, value in before.recommender.module.named_parameters() if group_of(name) == "backbone"}
    return fit_system(settled, target, budget=whole, seed=seed, watch=watch, start=encoder, run=(last,))

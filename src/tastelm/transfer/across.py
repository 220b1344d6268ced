"""From one domain to another: an encoder that is pre-trained on some items and tuned on others, of which it knows none."""

from __future__ import annotations

from typing import Any

from tastelm.data.split import Split
from tastelm.encoders import Encoder, check_goes_over, tune_with
from tastelm.fitting import Fitted, fit_system
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
    last, whole = len(check_goes_over(settled, target)) - 1, budget
    if whole is not None and not last:
        whole = whole.share(0.5)
    before = fit_system(settled, source, budget=whole, seed=seed, watch=watch, run=range(max(1, last)))
    return tune_with(Encoder.of(before.recommender), settled, target, budget=whole, seed=seed, watch=watch)

"""The stage that learns to tell what users are from their histories."""

from __future__ import annotations

import numpy as np

from tastelm.data.attribute import Attribute
from tastelm.data.profile import Learners
from tastelm.data.split import Split
from tastelm.nn.patched import ProfilingRecommender
from tastelm.objectives.profile import UserAttributes
from tastelm.systems.common import SequenceConfig
from tastelm.train.budget import Budget
from tastelm.train.stage import Stage
from tastelm.views import ItemSequences

# Histories in a step. Each holds one label, so a step of as many predictions as for the next item would be an epoch.
HISTORIES = 32


def user_attributes(module: ProfilingRecommender, split: Split, attributes: tuple[Attribute, ...], config: SequenceConfig) -> Stage:
    """Tell `attributes` from histories, those longer than the window in parts, cut anew in every epoch. Users who are not learnt from
    tell when to stop, by the likelihood of what they are."""
    learners = Learners.of(split, attributes)
    module.profile.fill(learners.shares)
    lengths = learners.histories.lengths
    targets = int(HISTORIES * np.minimum(lengths[lengths > 0], config.max_len).mean()) if lengths.any() else HISTORIES
    judges = ItemSequences(learners.judges, config.max_len, overlap=0, targets=targets, windows="last") if learners.judges.lengths.any() else None
    return Stage(
        "tune",
        module,
        view=ItemSequences(learners.histories, config.max_len, overlap=0, targets=targets),
        objective=UserAttributes(learners.labels),
        budget=Budget(epochs=config.max_epochs),
        descent=config.descent(),
        judges=judges,
        monitor="likelihood" if judges else None,
    )

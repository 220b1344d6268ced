"""Ratings as a target of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from tastelm.objectives.base import Outcome


@dataclass(frozen=True)
class RatingError:
    """L = 1/R sum (r_ui - r^_ui)^2 over the R pairs of a batch whose rating is known, on the scale of the module; 0 where none is.

    It asks the module for `rated(users, items)`, (B,) predictions, and for `scale.standard(ratings)`.
    Source: the rating losses of NRT (Li et al. 2017), PETER (Li et al. 2021) and PEPLER (Li et al. 2023).
    """

    def __call__(self, module: nn.Module, batch: Any, rng: np.random.Generator) -> Outcome:
        predicted = module.rated(batch.users, batch.items)  # type: ignore[operator]
        true = module.scale.standard(batch.ratings)  # type: ignore[union-attr,operator]
        known = ~true.isnan()
        errors = (predicted - true.nan_to_num()).square() * known
        return Outcome(errors.sum() / known.sum().clamp(min=1), len(errors))

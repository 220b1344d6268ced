"""How right the ratings of a run are: predicted for interactions it was not trained on, and held against those that were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tastelm.data.reviews import reviews
from tastelm.data.split import Part, Split
from tastelm.metrics.paired_text import TextScore, plain
from tastelm.metrics.rating import mae, rmse
from tastelm.plm.meter import Bill
from tastelm.recommender import Recommender
from tastelm.systems.base import Rater

# Interactions that are asked about, and how many at once.
CASES, AT_ONCE = 10_000, 512


def judge_ratings(model: Recommender, split: Split, part: Part = Part.TEST, *, cases: int = CASES, seed: int = 0) -> dict[str, Any]:
    """RMSE and MAE over at most `cases` rated interactions of a part, with 95 % bootstrap intervals over them, as `judge_reasons` tells its measures.

    Empty for a run that predicts no ratings, and where the data have none to tell from.
    """
    module = model.module
    if not isinstance(module, Rater):
        return {}
    every = reviews(split, part)
    rated = np.flatnonzero(~np.isnan(every.ratings))
    chosen = np.sort(np.random.default_rng(seed).permutation(rated)[:cases])
    users = model.users.encode(split.users.decode(every.users[chosen]))
    items = model.items.encode(split.items.decode(every.items[chosen]))
    predicted, bill = [np.empty(0)], Bill(module)
    with torch.inference_mode():
        for at in range(0, len(chosen), AT_ONCE):
            predicted.append(module.ratings(users[at : at + AT_ONCE], items[at : at + AT_ONCE]).double().cpu().numpy())
    took = bill.settle(max(1, len(chosen)))
    found = errors(np.concatenate(predicted), every.ratings[chosen], split)
    return plain(found, seed=seed) | {"cases": len(chosen), "of": len(rated), "seed": seed} | took.plain() if found else {}


def errors(predicted: NDArray[np.float64], given: NDArray[np.float64], split: Split) -> dict[str, TextScore]:
    """RMSE and MAE of (C,) predictions, clipped to the scale of the ratings of the training part; NaN is not rated.

    Empty without a rating that was given, and where those of training are all alike or there are none.
    """
    trained = reviews(split, Part.TRAIN).ratings
    trained, known = trained[~np.isnan(trained)], ~np.isnan(given)
    if not known.any() or not len(trained) or trained.min() == trained.max():
        return {}
    # The scale is that of training; a true rating beyond it is taken for its end, since no prediction could be further.
    low, high = float(trained.min()), float(trained.max())
    true = np.clip(given[known], low, high)
    return {name: error(predicted[known], true, scale=(low, high), train_mean=float(trained.mean())) for name, error in (("rmse", rmse), ("mae", mae))}

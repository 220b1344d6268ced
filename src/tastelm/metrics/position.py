"""Position bias: how much the place at which a candidate is shown decides where it is ranked (Hou et al. 2024, section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import ShapeError


@dataclass(frozen=True, eq=False)
class PositionBias:
    """What the places of the candidates have to do with their ranks.

    first     (K,) share of the rankings whose best candidate was shown at each place; of several best ones each counts in part
    bias      distance of `first` from what is alike for all places: 0, to 1 where one place always wins
    variance  of a candidate's rank over several rankings of the same question, mean over candidates and questions; NaN with one ranking each.
              A ranker to which places mean nothing has 0, one that ranks at random (K^2 - 1) / 12
    """

    first: NDArray[np.float64]
    bias: float
    variance: float


def position_bias(scores: NDArray[np.float64], places: NDArray[np.int64], *, shuffles: int = 1) -> PositionBias:
    """The bias of rankings that are each made of `shuffles` orders in a row: 1 tells of the model alone, more of what averaging leaves.

    scores  (Q, S, K) score of each of K candidates of Q questions in S orders, higher is better
    places  (Q, S, K) place at which it was shown, from 0

    A ranking of several orders is that of the mean scores; its best candidate was shown at a place of each of these orders, and counts
    there. Raises ShapeError for other shapes, and where S is not a multiple of `shuffles`.
    """
    if scores.ndim != 3 or scores.shape != places.shape or 0 in scores.shape:
        raise ShapeError(f"position_bias takes scores and places of (questions, orders, candidates), not {scores.shape} and {places.shape}.")
    questions, orders, candidates = scores.shape
    if shuffles < 1 or orders % shuffles:
        raise ShapeError(f"{orders} orders cannot be put together by {shuffles}: give a multiple of it.")
    merged = scores.reshape(questions, orders // shuffles, shuffles, candidates).mean(2)
    best = np.isclose(merged, merged.max(-1, keepdims=True), rtol=1e-9, atol=1e-12)
    weight = np.repeat(best / best.sum(-1, keepdims=True), shuffles, axis=1)
    first = np.bincount(places.ravel(), weights=weight.ravel(), minlength=candidates) / (questions * orders)
    # Half the sum of differences is the total variation; with one place that always wins it is 1 - 1/K.
    bias = np.abs(first - 1 / candidates).sum() / 2 / max(1 - 1 / candidates, np.finfo(float).tiny)
    one, other = (np.expand_dims(np.round(merged, 9), axis) for axis in (-1, -2))
    ranks = (other > one).sum(-1) + (other == one).sum(-1) / 2
    variance = float(ranks.var(axis=1, ddof=1).mean()) if merged.shape[1] > 1 else float("nan")
    return PositionBias(first, float(bias), variance)

"""Metrics of answers that name one category, or put one of two above the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastelm.metrics.paired_text import TextScore
from tastelm.metrics.ranks import FloatArray


def hits(named: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C,) 1 where the category named is the true one, else 0, NaN where the truth is not known (-1): what accuracy is the mean of."""
    return np.where(truth < 0, np.nan, (named == truth).astype(np.float64))


def macro_f1(named: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The mean of F1 over the categories that are named or true for anybody of whom the truth is known; NaN where there is nobody."""
    named, truth = named[truth >= 0], truth[truth >= 0]
    scores = [2 * np.sum((named == c) & (truth == c)) / (np.sum(named == c) + np.sum(truth == c)) for c in np.union1d(named, truth)]
    return float(np.mean(scores)) if scores else float("nan")


def auc(scores: FloatArray, positive: NDArray[np.bool_]) -> TextScore:
    """The chance that one of the positive cases has a higher score than one of the others, out of all pairs; ties count half, chance is .5.

    scores, positive  (N,); where all cases are of one kind there is no value
    """
    _, level = np.unique(scores, return_inverse=True)

    def weighted(weights: FloatArray) -> float:
        ours, others = (np.bincount(level, weights * kind) for kind in (positive, ~positive))
        pairs = ours.sum() * others.sum()
        return float(ours @ (np.cumsum(others) - others / 2) / pairs) if pairs else float("nan")

    return TextScore("auc", len(scores), weighted, "pairs of all cases", within=(0.0, 1.0))

"""Metrics of answers that name one category."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def hits(named: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C,) 1 where the category named is the true one, else 0, NaN where the truth is not known (-1): what accuracy is the mean of."""
    return np.where(truth < 0, np.nan, (named == truth).astype(np.float64))


def macro_f1(named: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The mean of F1 over the categories that are named or true for anybody of whom the truth is known; NaN where there is nobody."""
    named, truth = named[truth >= 0], truth[truth >= 0]
    scores = [2 * np.sum((named == c) & (truth == c)) / (np.sum(named == c) + np.sum(truth == c)) for c in np.union1d(named, truth)]
    return float(np.mean(scores)) if scores else float("nan")

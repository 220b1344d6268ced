"""Errors of predicted ratings. No case is ever dropped: a prediction that could not be read is replaced and counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tastelm.errors import DataError, SettingError
from tastelm.metrics.paired_text import TextScore, mean_score
from tastelm.metrics.ranks import FloatArray


def mae(predicted: ArrayLike, rated: ArrayLike, *, scale: tuple[float, float], train_mean: float) -> TextScore:
    """Mean absolute error |p - r| of predictions clipped to the scale; `per_case` holds the absolute errors.

    predicted   (N,) NaN = the text held no rating: it becomes `train_mean`, and `counts["imputed"]` says how often
    rated       (N,) the true ratings, all within the scale
    scale       lowest and highest rating, both allowed
    train_mean  mean rating of the training data, within the scale
    Raises DataError for no case, unequal lengths or a true rating that is undefined or off the scale, SettingError for a bad scale or mean.
    """
    errors, signature, imputed = _errors(predicted, rated, scale, train_mean)
    return mean_score("mae", np.abs(errors), signature, counts={"imputed": imputed})


def rmse(predicted: ArrayLike, rated: ArrayLike, *, scale: tuple[float, float], train_mean: float) -> TextScore:
    """Root of the mean squared error of predictions clipped to the scale; `per_case` holds the squared errors. Arguments as for `mae`."""
    errors, signature, imputed = _errors(predicted, rated, scale, train_mean)
    squares = errors**2
    return TextScore("rmse", len(squares), lambda weights: float(np.sqrt(weights @ squares / weights.sum())), signature, squares, {"imputed": imputed})


def _errors(predicted: ArrayLike, rated: ArrayLike, scale: tuple[float, float], train_mean: float) -> tuple[FloatArray, str, int]:
    low, high = scale
    if not low < high:
        raise SettingError(f"scale = {scale}: give the lowest and the highest rating, for example (1, 5).")
    if not low <= train_mean <= high:
        raise SettingError(f"train_mean = {train_mean} is off the scale {low:g}..{high:g}: give the mean rating of the training data.")
    guesses, truths = np.asarray(predicted, dtype=np.float64), np.asarray(rated, dtype=np.float64)
    if guesses.ndim != 1 or guesses.shape != truths.shape or not guesses.size:
        raise DataError(f"predictions have shape {guesses.shape}, true ratings {truths.shape}: give one of each per case, at least one.")
    bad = np.flatnonzero(~((truths >= low) & (truths <= high)))
    if bad.size:
        raise DataError(f"case {bad[0]}: the true rating {truths[bad[0]]:g} is not on the scale {low:g}..{high:g} ({bad.size} such cases). Correct the scale.")
    unread = np.isnan(guesses)
    filled = np.clip(np.where(unread, train_mean, guesses), low, high)
    return filled - truths, f"clipped to {low:g}..{high:g}, unread = training mean", int(unread.sum())

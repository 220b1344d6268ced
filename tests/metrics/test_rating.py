"""Errors of ratings by hand: clipping, imputation, nothing dropped."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from tastelm.errors import DataError, SettingError
from tastelm.metrics.paired_text import paired_bootstrap
from tastelm.metrics.rating import mae, rmse
from tastelm.metrics.significance import bootstrap_ci


def test_by_hand_with_a_clipped_and_an_unread_prediction() -> None:
    # 7 -> 5, 0 -> 1, NaN -> 3.5: errors 0, 1, 1, 1.5
    predicted, rated = [7.0, 0.0, 3.0, np.nan], [5.0, 2.0, 4.0, 2.0]
    absolute = mae(predicted, rated, scale=(1, 5), train_mean=3.5)
    squared = rmse(predicted, rated, scale=(1, 5), train_mean=3.5)
    assert absolute.value == pytest.approx(3.5 / 4) and squared.value == pytest.approx(sqrt((1 + 1 + 2.25) / 4))
    assert absolute.counts == squared.counts == {"imputed": 1}
    assert absolute.cases == 4
    np.testing.assert_allclose(absolute.per_case, [0, 1, 1, 1.5])
    np.testing.assert_allclose(squared.per_case, [0, 1, 1, 2.25])
    assert absolute.signature == "clipped to 1..5, unread = training mean"


def test_trap_p5_drops_five_stars() -> None:
    rated = np.array([1.0, 4.9, 5.0, 5.0])
    score = mae(np.full(4, 4.0), rated, scale=(1, 5), train_mean=4)
    assert score.cases == 4 and score.value == pytest.approx((3 + 0.9 + 1 + 1) / 4)
    kept = rated < 5
    assert mae(np.full(2, 4.0), rated[kept], scale=(1, 5), train_mean=4).value != pytest.approx(score.value)


def test_trap_unread_predictions_are_not_dropped() -> None:
    # a model that only answers where it is easy must not look perfect
    score = rmse([5.0, np.nan, np.nan], [5.0, 1.0, 1.0], scale=(1, 5), train_mean=4)
    assert score.value == pytest.approx(sqrt(18 / 3)) and score.counts["imputed"] == 2


def test_resampled_mae_is_the_bootstrap_of_its_cases() -> None:
    rng = np.random.default_rng(0)
    rated = rng.integers(1, 6, 300).astype(float)
    a, b = (mae(rated + rng.normal(0, spread, 300), rated, scale=(1, 5), train_mean=3) for spread in (0.5, 1.0))
    found = paired_bootstrap(a, b, seed=1)
    assert a.per_case is not None and b.per_case is not None
    low, high = bootstrap_ci(a.per_case - b.per_case, seed=2)
    assert found.difference == pytest.approx(float(np.mean(a.per_case - b.per_case)))
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), abs=0.02)
    assert found.high < 0 and found.drawn == "bootstrap"


@pytest.mark.parametrize(
    ("predicted", "rated", "message"),
    [
        ([], [], r"shape \(0,\), true ratings \(0,\): give one of each per case, at least one"),
        ([1.0], [1.0, 2.0], r"shape \(1,\), true ratings \(2,\)"),
        ([1.0, 1.0], [3.0, 6.0], r"case 1: the true rating 6 is not on the scale 1\.\.5 \(1 such cases\)"),
        ([1.0], [np.nan], "case 0: the true rating nan is not on the scale"),
    ],
)
def test_bad_data(predicted: list[float], rated: list[float], message: str) -> None:
    for function in (mae, rmse):
        with pytest.raises(DataError, match=message):
            function(predicted, rated, scale=(1, 5), train_mean=3)


@pytest.mark.parametrize(
    ("scale", "mean", "message"), [((5, 1), 3, r"scale = \(5, 1\)"), ((1, 5), 0, "train_mean = 0 is off the scale"), ((1, 5), np.nan, "nan")]
)
def test_bad_settings(scale: tuple[float, float], mean: float, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        mae([1.0], [1.0], scale=scale, train_mean=mean)

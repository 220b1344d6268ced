"""Full rank to sampled rank: the hypergeometric law, against drawing for real."""

from __future__ import annotations

import numpy as np
import pytest

from tastelm.errors import SettingError
from tastelm.metrics import estimate_sampled


def test_by_hand() -> None:
    # 4 candidates, true place 2: one of the three others is better; drawing one negative it is the better one with chance 1/3
    sampled = estimate_sampled(2, 4, 1)
    assert float(sampled.mean) == pytest.approx(4 / 3)
    np.testing.assert_allclose(sampled.probability([1, 2, 3]), [2 / 3, 1 / 3, 0], atol=1e-12)
    assert float(sampled.hr(1)) == pytest.approx(2 / 3)
    assert float(sampled.hr(10)) == pytest.approx(1)
    assert float(sampled.mrr(5)) == pytest.approx(2 / 3 + 1 / 6)
    assert float(sampled.ndcg(5)) == pytest.approx(2 / 3 + 1 / 3 / np.log2(3))


def test_all_negatives_are_the_full_ranking() -> None:
    ranks = np.arange(1, 21)
    np.testing.assert_allclose(estimate_sampled(ranks, 20, 19).hr(5), (ranks <= 5).astype(float), atol=1e-12)
    np.testing.assert_allclose(estimate_sampled(ranks, 20, 19).mean, ranks)


def test_against_drawing() -> None:
    rng = np.random.default_rng(0)
    better = np.array([rng.choice(199, size=30, replace=False) < 24 for _ in range(20_000)]).sum(axis=1)  # true rank 25 of 200
    sampled = estimate_sampled(np.array([25]), 200, 30)
    assert sampled.hr(3)[0] == pytest.approx((better < 3).mean(), abs=0.012)
    assert sampled.mean[0] == pytest.approx(1 + better.mean(), abs=0.05)
    assert sampled.mrr(10)[0] == pytest.approx(np.where(better < 10, 1 / (better + 1), 0).mean(), abs=0.01)


def test_out_of_range_is_refused() -> None:
    with pytest.raises(SettingError, match=r"rank must lie in 1\.\.n_candidates, got 0\.\.5 with 10\.\.10 candidates"):
        estimate_sampled([0, 5], 10, 3)
    with pytest.raises(SettingError, match=r"negatives must lie in 1\.\.n_candidates-1, got 10\.\.10"):
        estimate_sampled(1, 10, 10)

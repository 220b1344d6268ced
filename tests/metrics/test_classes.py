"""Categories named, by hand."""

import numpy as np
import pytest

from tastelm.metrics.classes import auc, hits, macro_f1

NAMED, TRUTH = np.array([0, 0, 1, 1, 2, 0]), np.array([0, 1, 1, 1, 3, -1])


def test_a_hit_is_a_true_category_and_what_is_not_known_is_no_case() -> None:
    np.testing.assert_equal(hits(NAMED, TRUTH), [1, 0, 1, 1, 0, np.nan])


def test_macro_f1_by_hand() -> None:
    # 0: 2 * 1 / (2 + 1); 1: 2 * 2 / (2 + 3); 2 is named and 3 is true, each once and wrongly.
    assert macro_f1(NAMED, TRUTH) == (2 / 3 + 4 / 5 + 0 + 0) / 4
    assert macro_f1(TRUTH[:4], TRUTH[:4]) == 1 and np.isnan(macro_f1(NAMED[5:], TRUTH[5:]))


def test_auc_by_hand_and_by_all_pairs() -> None:
    scores, liked = np.array([0.9, 0.2, 0.5, 0.5]), np.array([True, False, True, False])
    assert auc(scores, liked).value == (1 + 1 + 1 + 0.5) / 4
    assert auc(-scores, liked).value == 1 - auc(scores, liked).value and np.isnan(auc(scores, ~np.zeros(4, bool)).value)
    rng = np.random.default_rng(0)
    many, kind = rng.integers(0, 9, 200).astype(float), rng.random(200) < 0.4
    pairs = many[kind][:, None] - many[~kind]
    assert auc(many, kind).value == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    weights = np.bincount(rng.integers(0, 200, 200), minlength=200).astype(float)
    repeated = np.repeat(np.arange(200), weights.astype(int))
    assert auc(many, kind).weighted(weights) == pytest.approx(auc(many[repeated], kind[repeated]).value)

"""Metrics beyond accuracy, by hand and against slow code."""

from __future__ import annotations

from itertools import combinations
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.metrics import Lists, Metric
from tastelm.metrics import lists as lists_module

from .cases import ranks_of

# four items; case 2 has an empty list, case 1 a short one
ITEMS = np.array([[0, 1, 2], [0, -1, -1], [-1, -1, -1]], dtype=np.int32)
LISTS = Lists(
    ITEMS,
    4,
    np.array([6.0, 2.0, 0.0, 0.0]),
    vectors=np.array([[1, 0], [0, 2], [-3, 0], [0, 0]], dtype=np.float32),
    history_popularity=np.array([2.0, np.nan, 1.0]),
)
RANKS = ranks_of(*[([1, 2], [0])] * 3)


def value(text: str, lists: Lists = LISTS) -> np.ndarray:
    return np.asarray(Metric.parse(text)(ranks_of(*[([1, 2], [0])] * lists.n_cases), lists))


def test_coverage() -> None:
    assert value("coverage@1") == 1 / 4
    assert value("coverage@3") == 3 / 4
    assert isinstance(Metric("coverage", 3)(RANKS, LISTS), float)


def test_gini() -> None:
    # from the definition: mean absolute difference over all ordered pairs of items / (2 * mean exposure)
    exposure = np.array([0, 1, 1, 2])
    expected = np.abs(exposure[:, None] - exposure[None]).sum() / (2 * 16 * exposure.mean())
    assert value("gini@3") == pytest.approx(expected)
    assert value("gini@1") == pytest.approx(1 - 1 / 4)  # item 0 takes all
    even = Lists(np.array([[0, 1], [2, 3]], dtype=np.int32), 4, np.ones(4))
    assert value("gini@2", even) == pytest.approx(0)
    nothing = Lists(np.full((2, 2), -1, dtype=np.int32), 4, np.ones(4))
    assert np.isnan(value("gini@2", nothing)) and value("coverage@2", nothing) == 0


def test_novelty_adds_one_to_each_item() -> None:
    # (6, 2, 0) + 1 of 8 + 4
    surprise = [-log2(7 / 12), -log2(3 / 12), -log2(1 / 12)]
    np.testing.assert_allclose(value("novelty@3"), [sum(surprise) / 3, surprise[0], float("nan")])
    assert Metric("novelty", 3).mean(RANKS, LISTS) == pytest.approx((np.mean(surprise) + surprise[0]) / 2)


def test_popularity_and_its_lift() -> None:
    np.testing.assert_allclose(value("popularity@3"), [8 / 3, 6, np.nan])
    np.testing.assert_allclose(value("popularity@2"), [4, 6, np.nan])
    np.testing.assert_allclose(value("popularity_lift@2"), [(4 - 2) / 2, np.nan, np.nan])
    unseen = Lists(ITEMS, 4, LISTS.popularity, history_popularity=np.zeros(3))
    assert np.isnan(value("popularity_lift@2", unseen)).all()


def test_diversity_by_hand() -> None:
    # cosines 0, -1, 0 -> distances 1, 2, 1
    np.testing.assert_allclose(value("diversity@3"), [4 / 3, np.nan, np.nan])
    np.testing.assert_allclose(value("diversity@2"), [1, np.nan, np.nan])
    zero = Lists(np.array([[0, 3]], dtype=np.int32), 4, LISTS.popularity, vectors=LISTS.vectors)
    np.testing.assert_allclose(value("diversity@2", zero), [1])


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 10_000))
def test_diversity_is_the_mean_over_pairs(n_cases: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((8, 3)).astype(np.float32)
    items = np.stack([rng.permutation(8)[:k] for _ in range(n_cases)]).astype(np.int32)
    unit = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    slow = [np.mean([1 - unit[a] @ unit[b] for a, b in combinations(row, 2)]) for row in items]
    np.testing.assert_allclose(value(f"diversity@{k}", Lists(items, 8, np.ones(8), vectors=vectors)), slow, atol=1e-6)


def test_diversity_in_small_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = value("diversity@3")
    monkeypatch.setattr(lists_module, "_CHUNK", 2)
    np.testing.assert_array_equal(value("diversity@3"), whole)


def test_a_list_of_the_whole_catalogue_serves_any_k() -> None:
    everything = Lists(np.array([[2, 0, 1]], dtype=np.int32), 3, np.ones(3))
    assert value("coverage@50", everything) == 1

"""Position bias, on rankers whose love of a place is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tastelm.errors import ShapeError
from tastelm.metrics.position import position_bias

Q, K = 40, 5


def shown(orders: int, *, cyclic: bool = False, seed: int = 0) -> NDArray[np.int64]:
    """(Q, S, K) places."""
    rng = np.random.default_rng(seed)
    if not cyclic:
        return np.argsort(rng.random((Q, orders, K)), axis=-1)
    first = np.argsort(rng.random((Q, orders // K, 1, K)), axis=-1)
    return ((first + np.arange(K)[None, None, :, None]) % K).reshape(Q, orders, K)


def test_who_always_takes_the_first_is_all_bias_before_and_none_after_every_turn() -> None:
    places = shown(2 * K, cyclic=True)
    scores = -places.astype(np.float64)
    before, after = position_bias(scores, places), position_bias(scores, places, shuffles=K)
    assert before.bias == pytest.approx(1) and before.first.tolist() == [1, 0, 0, 0, 0] and before.variance > 1.5
    assert after.bias == pytest.approx(0, abs=1e-9) and after.variance == pytest.approx(0, abs=1e-9), "all stand level"


def test_random_orders_share_the_love_out_by_and_by() -> None:
    places = shown(24)
    scores = -places.astype(np.float64)
    one, three, twelve = (position_bias(scores, places, shuffles=count) for count in (1, 3, 12))
    assert one.bias > three.bias > twelve.bias > 0 and one.bias == pytest.approx(1)


def test_who_looks_at_the_candidates_alone_has_no_bias() -> None:
    places = shown(400)
    taste = np.random.default_rng(1).random((Q, 1, K))
    found = position_bias(np.broadcast_to(taste, places.shape), places)
    assert found.variance == pytest.approx(0, abs=1e-12) and found.bias < 0.02 and found.first == pytest.approx(np.full(K, 1 / K), abs=0.02)


def test_who_ranks_at_random_has_the_variance_of_chance() -> None:
    places = shown(200)
    found = position_bias(np.random.default_rng(2).random(places.shape), places)
    assert found.variance == pytest.approx((K**2 - 1) / 12, rel=0.03) and found.bias < 0.03


def test_by_hand() -> None:
    """Two candidates, two orders: the first question is won by the candidate, the second by the place."""
    places = np.array([[[0, 1], [1, 0]], [[0, 1], [1, 0]]])
    scores = np.array([[[2.0, 1.0], [2.0, 1.0]], [[2.0, 1.0], [1.0, 2.0]]])
    found = position_bias(scores, places)
    assert found.first.tolist() == [0.75, 0.25] and found.bias == pytest.approx(0.5)
    assert found.variance == pytest.approx((0 + 0 + 0.5 + 0.5) / 4)
    level = position_bias(scores, places, shuffles=2)
    assert level.first.tolist() == [0.5, 0.5] and level.bias == 0 and np.isnan(level.variance)


@given(st.integers(0, 999), st.sampled_from([1, 2, 3, 6]))
def test_it_is_a_share_and_knows_no_names(seed: int, shuffles: int) -> None:
    rng, places = np.random.default_rng(seed), shown(6, seed=seed)
    scores = rng.integers(4, size=places.shape).astype(np.float64)
    found = position_bias(scores, places, shuffles=shuffles)
    assert found.first.sum() == pytest.approx(1) and -1e-12 <= found.bias <= 1 + 1e-12
    renamed = rng.permutation(K)
    again = position_bias(3 * scores[..., renamed] - 7, places[..., renamed], shuffles=shuffles)
    assert again.bias == pytest.approx(found.bias) and again.variance == pytest.approx(found.variance, nan_ok=True)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"takes scores and places of \(questions, orders, candidates\), not \(2, 3\) and \(2, 3\)"):
        position_bias(np.zeros((2, 3)), np.zeros((2, 3), np.int64))
    with pytest.raises(ShapeError, match="7 orders cannot be put together by 2"):
        position_bias(np.zeros((1, 7, 3)), np.zeros((1, 7, 3), np.int64), shuffles=2)

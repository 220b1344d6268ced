"""What similarity and EASE count, against dense numpy, and that nobody's histories are touched."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.nn.sessions import incidence
from tastelm.similarity import alike, cosine_neighbours, ease_weights

N = 7
HISTORIES = st.lists(st.lists(st.integers(0, N - 1), max_size=6), min_size=1, max_size=12)


def dense(histories: Sequences) -> NDArray[np.float64]:
    """(U, N) 1 where a user met an item."""
    met = np.zeros((len(histories), N))
    for user, history in enumerate(histories):
        met[user, history] = 1
    return met


def full_table(codes: torch.Tensor, weights: torch.Tensor) -> NDArray[np.float64]:
    table = np.zeros((len(codes), N))
    for item in range(len(codes)):
        for other, weight in zip(codes[item].tolist(), weights[item].tolist(), strict=True):
            if weight:
                assert table[item, other] == 0, "a neighbour stands in the list once"
                table[item, other] = weight
    return table


@given(rows=HISTORIES)
def test_a_user_who_met_an_item_twice_met_it(rows: list[list[int]]) -> None:
    histories = Sequences.of(rows)
    assert (incidence(histories, N).toarray() == dense(histories)).all()


@given(rows=HISTORIES)
def test_the_histories_keep_their_order(rows: list[list[int]]) -> None:
    """Systems share the training part: a count that sorts it in place would take the order from everybody after it."""
    histories = Sequences.of(rows)
    before = histories.values.copy()
    incidence(histories, N)
    cosine_neighbours(histories, N, 3, 1.0)
    ease_weights(histories, N, 1.0)
    assert (histories.values == before).all()


@settings(max_examples=30)
@given(rows=HISTORIES, shrink=st.sampled_from([0.0, 1.0, 10.0]), block=st.sampled_from([1, 3, 4096]))
def test_all_neighbours_by_brute_force(rows: list[list[int]], shrink: float, block: int) -> None:
    histories = Sequences.of(rows)
    met = dense(histories)
    together, count = met.T @ met, met.sum(0)
    expected = together / np.maximum(np.sqrt(np.outer(count, count)) + shrink, 1e-9)
    np.fill_diagonal(expected, 0)
    codes, weights = cosine_neighbours(histories, N, N, shrink, block=block)
    np.testing.assert_allclose(full_table(codes, weights), expected, atol=1e-6)
    assert (weights[:, 1:] <= weights[:, :-1]).all(), "the nearest first"


@given(rows=HISTORIES, count=st.integers(1, N))
def test_the_nearest_are_kept(rows: list[list[int]], count: int) -> None:
    histories = Sequences.of(rows)
    every, some = (cosine_neighbours(histories, N, size, 1.0)[1] for size in (N, count))
    assert some.shape == (N, count) and torch.equal(some, every[:, :count])


@given(rows=HISTORIES, l2=st.sampled_from([0.5, 3.0, 100.0]))
def test_ease_by_brute_force(rows: list[list[int]], l2: float) -> None:
    histories = Sequences.of(rows)
    met = dense(histories)
    inverse = np.linalg.inv(met.T @ met + l2 * np.eye(N))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(ease_weights(histories, N, l2).numpy(), expected, atol=1e-4)


def test_ease_minimises_what_it_says() -> None:
    rng = np.random.default_rng(0)
    histories = Sequences.of([rng.integers(N, size=4) for _ in range(30)])
    met, l2 = dense(histories), 2.0
    weights = ease_weights(histories, N, l2).double().numpy()

    def loss(table: NDArray[np.float64]) -> float:
        return float(((met - met @ table) ** 2).sum() + l2 * (table**2).sum())

    for _ in range(50):
        nudge = rng.normal(size=(N, N)) * 1e-2
        np.fill_diagonal(nudge, 0)
        assert loss(weights + nudge) > loss(weights)
    assert (np.diag(weights) == 0).all() and loss(weights) == pytest.approx(min(loss(weights), loss(0 * weights)))


def test_like_items_are_those_of_the_same_users_and_none_where_nobody_met_both() -> None:
    histories = Sequences.of([[0, 1], [0, 1], [1, 2], [4], []])
    assert alike(histories, N, 2).tolist() == [[1, -1], [0, 2], [1, -1], [-1, -1], [-1, -1], [-1, -1], [-1, -1]]

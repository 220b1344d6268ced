"""Pairwise ranking by hand, and against items the user never met."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.nn.factors import Factors
from tastelm.objectives.ranking import PairwiseRanking, met_pairs

from .toys import rng

TRAIN = Sequences.of([[0, 3, 3], [], [2], [0, 1, 2, 3, 4]])


def test_pairs_met() -> None:
    assert met_pairs(TRAIN, 5).tolist() == [0, 3, 12, 15, 16, 17, 18, 19]


@given(histories=st.lists(st.lists(st.integers(0, 39), max_size=6), min_size=1, max_size=6).filter(any), seed=st.integers(0, 99))
def test_no_item_met_is_a_negative(histories: list[list[int]], seed: int) -> None:
    train = Sequences.of(histories)
    objective = PairwiseRanking(met_pairs(train, 40), 40, 0.0, 1)
    users = np.repeat(np.arange(len(histories)), 50)
    drawn = objective._unmet(users, rng(seed))
    assert all(item not in histories[user] for user, item in zip(users, drawn, strict=True))
    assert drawn.min() >= 0 and drawn.max() < 40


def test_negatives_are_spread_evenly_over_what_is_left() -> None:
    objective = PairwiseRanking(met_pairs(TRAIN, 5), 5, 0.0, 1)
    count = np.bincount(objective._unmet(np.zeros(3000, np.int64), rng()), minlength=5)
    assert count[[0, 3]].sum() == 0 and count[[1, 2, 4]].min() > 900


def test_a_user_who_met_everything_ends_the_search() -> None:
    objective = PairwiseRanking(met_pairs(TRAIN, 5), 5, 0.0, 1)
    assert len(objective._unmet(np.full(20, 3), rng())) == 20


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_the_loss_by_hand(l2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Factors(4, 5, 2)
    with torch.no_grad():
        module.users.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, 0.0], [-1.0, 0.5], [0.0, 1.0]]))
        module.items.weight.copy_(torch.arange(10.0).view(5, 2) / 10)
        module.items.bias.copy_(torch.tensor([0.0, 0.1, 0.2, 0.3, 0.4]))  # type: ignore[union-attr]
    monkeypatch.setattr(PairwiseRanking, "_unmet", lambda self, users, rng: np.array([1, 4, 0, 3]))
    outcome = PairwiseRanking(met_pairs(TRAIN, 5), 5, l2, 2)(module, (np.array([0, 2]), np.array([3, 2])), rng())

    def score(u: tuple[float, float], item: int) -> float:
        return u[0] * item * 0.2 + u[1] * (item * 0.2 + 0.1) + item * 0.1

    def square(item: int) -> float:
        return (item * 0.2) ** 2 + (item * 0.2 + 0.1) ** 2

    terms = []
    for u, i, j in (((1.0, 2.0), 3, 1), ((1.0, 2.0), 3, 4), ((-1.0, 0.5), 2, 0), ((-1.0, 0.5), 2, 3)):
        terms.append(math.log(1 + math.exp(-(score(u, i) - score(u, j)))) + l2 * (u[0] ** 2 + u[1] ** 2 + square(i) + square(j)))
    assert float(outcome.loss.detach()) == pytest.approx(sum(terms) / 4, rel=1e-5) and outcome.targets == 2


def test_the_objective_is_pure() -> None:
    module, objective = Factors(4, 5, 2), PairwiseRanking(met_pairs(TRAIN, 5), 5, 0.1, 3)
    batch = (np.array([0, 2]), np.array([3, 2]))
    losses = [float(objective(module, batch, rng(seed)).loss.detach()) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2] and batch[0].tolist() == [0, 2] and batch[1].tolist() == [3, 2]

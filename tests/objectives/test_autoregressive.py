"""Next items: the shift by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import NextItem, shift
from tastelm.objectives.item_loss import BCE, FullSoftmax, Negatives

from .toys import Recorder, rng

BATCH = Sequences.of([[4, 2, 5], [1, 0], [3, 3, 3, 1]])


def test_the_shift_by_hand() -> None:
    inputs, targets = shift(BATCH)
    assert [row.tolist() for row in inputs] == [[4, 2], [1], [3, 3, 3]] and targets.tolist() == [2, 5, 0, 3, 3, 1]


@given(rows=st.lists(st.lists(st.integers(0, 50), min_size=2, max_size=8), min_size=1, max_size=8))
def test_every_item_but_the_first_is_predicted_from_those_before(rows: list[list[int]]) -> None:
    inputs, targets = shift(Sequences.of(rows))
    assert [row.tolist() for row in inputs] == [row[:-1] for row in rows]
    assert targets.tolist() == [item for row in rows for item in row[1:]]


@pytest.mark.parametrize("bias", [False, True])
def test_the_loss_is_the_mean_over_all_transitions(bias: bool) -> None:
    module = Recorder(bias=bias)
    outcome = NextItem(FullSoftmax())(module, BATCH, rng())
    assert module.shown == [[4, 2], [1], [3, 3, 3]] and outcome.targets == 6
    torch.testing.assert_close(outcome.loss, F.cross_entropy(module.items.scores(module.places[:6]), torch.tensor([2, 5, 0, 3, 3, 1])))


def test_the_objective_is_pure() -> None:
    module, objective, before = Recorder(), NextItem(BCE(Negatives(3))), BATCH.values.copy()
    losses = [float(objective(module, BATCH, rng(seed)).loss.detach()) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2] and (BATCH.values == before).all()

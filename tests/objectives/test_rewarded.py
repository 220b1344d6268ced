"""The next item for a reward: what is read, what is told, and what each prediction weighs."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives import rewarded
from tastelm.objectives.item_loss import BCE, FullSoftmax, Negatives
from tastelm.objectives.rewarded import NextItemForReward, weighted_cross_entropy

from .toys import Recorder, rng

ITEMS = Sequences.of([[4, 2, 5], [1, 0], [3, 3, 3, 1]])
STEPS = np.array([0, 1, 2, 0, 1, 0, 1, 2, 3])
RETURNS = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1])
WEIGHTS = np.array([0.5, 2, 0, 1, 1, 3, 0.25, 1.5, 1])
# The last two items of the first sequence, and the third whole.
BATCH = Sequences.of([[1, 2], [5, 6, 7, 8]])
TARGETS, PLACES = torch.tensor([5, 3, 3, 1]), [2, 6, 7, 8]


class Prompted(Recorder):
    """Remembers the prompts too; an answer is the state, moved by what it was told."""

    def prompted(self, states: Tensor, steps: Tensor, returns: Tensor) -> Tensor:
        self.told = steps.tolist(), returns.tolist()
        return states + (steps + returns)[:, None]


def answers(module: Prompted) -> Tensor:
    return module.places[:4] + torch.tensor([2 + 7.0, 1 + 3.0, 2 + 2.0, 3 + 1.0])[:, None]


def test_an_item_is_told_from_those_before_it_and_the_reward_from_it_on() -> None:
    module = Prompted()
    outcome = NextItemForReward(ITEMS, STEPS, RETURNS, FullSoftmax())(module, BATCH, rng())
    assert module.shown == [[2], [3, 3, 3]], "places are read as items, and the last of each is none"
    assert module.told == ([2, 1, 2, 3], [7, 3, 2, 1]) and outcome.targets == 4
    torch.testing.assert_close(outcome.loss, F.cross_entropy(module.items.scores(answers(module)), TARGETS))


@pytest.mark.parametrize("bias", [False, True])
def test_each_prediction_weighs_what_its_item_does(bias: bool) -> None:
    module = Prompted(bias=bias)
    if module.items.bias is not None:
        torch.nn.init.normal_(module.items.bias)
    outcome = NextItemForReward(ITEMS, STEPS, RETURNS, FullSoftmax(), WEIGHTS)(module, BATCH, rng())
    each = F.cross_entropy(module.items.scores(answers(module)), TARGETS, reduction="none")
    torch.testing.assert_close(outcome.loss, (each * torch.tensor(WEIGHTS[PLACES])).sum().float() / 4)
    even = NextItemForReward(ITEMS, STEPS, RETURNS, FullSoftmax(), np.ones(9))(module, BATCH, rng())
    torch.testing.assert_close(even.loss, each.mean())


def test_an_item_of_no_weight_teaches_nothing() -> None:
    module = Prompted()
    NextItemForReward(ITEMS, STEPS, RETURNS, FullSoftmax(), WEIGHTS)(module, BATCH, rng()).loss.backward()
    pull = module.places.grad
    assert pull is not None and (pull[0] == 0).all() and (pull[1:4] != 0).any(1).all()


def test_the_softmax_in_parts_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = torch.Generator().manual_seed(0)
    states, table, bias = (torch.randn(shape, generator=maker) for shape in ((7, 4), (5, 4), (5,)))
    targets, weights = torch.tensor([0, 4, 2, 2, 1, 3, 0]), torch.rand(7, generator=maker)
    leaves = [value.requires_grad_() for value in (states, table, bias)]
    by_hand = (F.cross_entropy(states @ table.T + bias, targets, reduction="none") * weights).sum() / 7
    wanted = torch.autograd.grad(by_hand, leaves)
    monkeypatch.setattr(rewarded, "LARGEST", 10)  # two states at once
    found = weighted_cross_entropy(states, table, targets, weights.double(), bias)
    torch.testing.assert_close(found, by_hand)
    torch.testing.assert_close(torch.autograd.grad(found, leaves), wanted)
    torch.testing.assert_close(weighted_cross_entropy(states, table, targets, weights, bias, half=True), by_hand, atol=0.03, rtol=0.03)


def test_the_objective_is_pure() -> None:
    module, objective, before = Prompted(), NextItemForReward(ITEMS, STEPS, RETURNS, BCE(Negatives(3))), BATCH.values.copy()
    losses = [float(objective(module, BATCH, rng(seed)).loss.detach()) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2] and (BATCH.values == before).all()

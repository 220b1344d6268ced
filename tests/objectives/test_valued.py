"""The next item with a critic: what the critic aims at by hand, who learns and who judges, and where no gradient passes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives import valued
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.valued import NextItemAndValue, best, worth

from .toys import Recorder, rng

ITEMS = Sequences.of([[4, 2, 5], [1, 0], [3, 3, 3, 1]])
REWARDS = np.array([9, 0.2, 1, 9, 0.2, 9, 1, 0.2, 1])
# The first sequence whole, and the middle of the third.
BATCH = Sequences.of([[0, 1, 2], [6, 7]])
TARGETS = torch.tensor([2, 5, 3])


class Critical(Recorder):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.critics = nn.ModuleList([nn.Linear(4, 6), nn.Linear(4, 6)])


def objective(*, discount: float = 0.5, actor: bool = False) -> NextItemAndValue:
    return NextItemAndValue(ITEMS, REWARDS, FullSoftmax(), discount, actor)


def learner(module: Critical, seed: int) -> tuple[nn.Linear, nn.Linear]:
    """Who learns and who judges by the generator of a seed."""
    first, second = module.critics
    return (first, second) if rng(seed).random() < 0.5 else (second, first)  # type: ignore[return-value]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_what_the_critic_aims_at_by_hand(seed: int) -> None:
    module = Critical()
    outcome = objective()(module, BATCH, rng(seed))
    assert module.shown == [[4, 2, 5], [3, 3]] and outcome.targets == 3
    learns, judges = learner(module, seed)
    before, behind = module.places[[0, 1, 3]], module.places[[1, 2, 4]]
    ahead = judges(behind)[torch.arange(3), learns(behind).argmax(1)]
    # Behind the second transition the sequence ends; the third goes on outside of its window.
    aim = torch.tensor([0.2, 1.0, 0.2]) + 0.5 * ahead * torch.tensor([1, 0, 1])
    critic = (aim - learns(before)[torch.arange(3), TARGETS]).square().mean()
    following = F.cross_entropy(module.items.scores(before), TARGETS)
    torch.testing.assert_close(outcome.loss, following + critic)
    assert outcome.parts == pytest.approx({"next": float(following.detach()), "critic": float(critic.detach())}, rel=1e-4)


def test_both_critics_get_their_turns_and_one_at_a_time() -> None:
    module, turns = Critical(), set()
    for seed in range(8):
        module.zero_grad()
        objective()(module, BATCH, rng(seed)).loss.backward()
        learns, judges = learner(module, seed)
        assert learns.weight.grad is not None and learns.weight.grad.abs().sum() > 0 and judges.weight.grad is None
        turns.add(learns is module.critics[0])
    assert turns == {True, False}


def test_an_actor_is_weighed_by_its_critic_and_teaches_it_nothing() -> None:
    module = Critical()
    outcome = objective(actor=True)(module, BATCH, rng())
    learns, _ = learner(module, 0)
    before = module.places[[0, 1, 3]]
    weight = learns(before)[torch.arange(3), TARGETS].detach().clamp(min=0)
    assert bool((weight == 0).any()) and bool((weight > 0).any()), "the toy has a critic that is wrong, and one that is not"
    each = F.cross_entropy(module.items.scores(before), TARGETS, reduction="none")
    assert outcome.parts["next"] == pytest.approx(float((each * weight).mean().detach()))
    outcome.loss.backward()
    taught = learns.weight.grad
    module.zero_grad()
    objective()(module, BATCH, rng()).loss.backward()
    torch.testing.assert_close(taught, learns.weight.grad)


def test_half_precision_changes_little() -> None:
    for actor in (False, True):
        module = Critical()
        whole = objective(actor=actor)(module, BATCH, rng()).loss
        with torch.autocast("cpu", torch.bfloat16):
            half = objective(actor=actor)(module, BATCH, rng()).loss
        half.backward()
        torch.testing.assert_close(half.float(), whole, atol=0.05, rtol=0.05)


def test_without_a_discount_the_critic_learns_the_reward_alone() -> None:
    module = Critical()
    descent = torch.optim.Adam(module.critics.parameters(), lr=0.1)
    for seed in range(600):
        descent.zero_grad()
        objective(discount=0.0)(module, BATCH, rng(seed)).loss.backward()
        descent.step()
    for critic in module.critics:
        assert isinstance(critic, nn.Linear)
        torch.testing.assert_close(worth(critic, module.places[[0, 1, 3]], TARGETS), torch.tensor([0.2, 1.0, 0.2]), atol=0.02, rtol=0)


def test_the_best_item_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    critic, states = nn.Linear(4, 6), torch.randn(7, 4)
    whole = best(critic, states)
    monkeypatch.setattr(valued, "LARGEST", 12)
    assert torch.equal(best(critic, states), whole) and torch.equal(whole, critic(states).argmax(1))

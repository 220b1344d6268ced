"""Slots: what is asked for reaches the answer through the prompt alone, and nothing behind a state reaches it."""

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.nn.items import ItemTable
from tastelm.nn.recurrent import GRUEncoder
from tastelm.nn.slots import RewardPrompt, RewardRecommender, SlotMixer

DIM, ITEMS, STEPS = 8, 12, 5
HISTORIES = Sequences.of([[3, 1, 4], [], [9, 2, 6, 5, 3, 5, 8], [7]])
NOBODY = np.full(4, -1, np.int32)


def recommender(*, prompt: bool = True, spread: float = 0.0, ask: float = 2.0, loud: bool = True) -> RewardRecommender:
    torch.manual_seed(0)
    backbone = GRUEncoder(DIM, hidden=6, layers=1, max_len=6, dropout=0.0)
    told = RewardPrompt(DIM, STEPS)
    mixer = SlotMixer(DIM, 2, dropout=0.0, relu=False)
    module = RewardRecommender(ItemTable(ITEMS, DIM, tied=False), backbone, mixer, told if prompt else None, steps=STEPS, ask=ask, spread=spread)
    module.fill(np.array([5.0, 4, 3, 2, 1]), np.array([1.0, 1, 1, 1, 0.5]), 2.5)
    for value in module.parameters():
        torch.nn.init.normal_(value, std=0.5) if loud else None
    return module.eval()


def test_the_prompt_is_linear_in_the_reward() -> None:
    prompt = RewardPrompt(DIM, STEPS)
    slots = prompt(torch.tensor([0, 4, 4]), torch.tensor([0.0, 1.0, -3.0]))
    torch.testing.assert_close(slots[:, 0], prompt.steps.weight[[0, 4, 4]])
    torch.testing.assert_close(slots[:, 1], torch.outer(torch.tensor([0.0, 1.0, -3.0]), prompt.reward))


def test_slots_are_told_apart_by_the_mixing_alone() -> None:
    torch.manual_seed(0)
    mixer = SlotMixer(DIM, 2, dropout=0.0, relu=True).eval()
    slots, order = torch.randn(6, 3, DIM), [2, 0, 1]
    mixed = mixer(slots)
    assert (mixed >= 0).all() and (mixed > 0).any()
    torch.testing.assert_close(mixer(slots[:, order]), mixed, msg="equal weights")
    with torch.no_grad():
        mixer.weight.copy_(torch.tensor([0.7, -0.2, 0.4]))
    mixed = mixer(slots)
    assert not torch.allclose(mixer(slots[:, order]), mixed)
    with torch.no_grad():
        mixer.weight.copy_(mixer.weight[order])
    torch.testing.assert_close(mixer(slots[:, order]), mixed)


def test_every_slot_sees_every_other() -> None:
    """There is no causal mask: each slot moves what the block makes of each."""
    torch.manual_seed(0)
    mixer = SlotMixer(DIM, 1, dropout=0.0, relu=False).eval()
    slots = torch.randn(1, 3, DIM)
    for read in range(3):
        with torch.no_grad():
            mixer.weight.copy_(torch.eye(3)[read])
        for moved in range(3):
            other = slots.clone()
            other[:, moved] += 1
            assert not torch.allclose(mixer(other), mixer(slots)), f"slot {read} does not see slot {moved}"


def test_the_size_of_a_reward_is_seen() -> None:
    module, states = recommender(), torch.randn(1, DIM)
    low, middle, high = (module.prompted(states, torch.tensor([1]), torch.tensor([value])) for value in (0.1, 1.0, 10.0))
    assert not torch.allclose(low, middle, atol=1e-3) and not torch.allclose(middle, high, atol=1e-3)


def test_without_step_and_reward_the_backbone_and_the_mixing_are_left() -> None:
    module, bare = recommender(), recommender(prompt=False)
    bare.load_state_dict({name: value for name, value in module.state_dict().items() if not name.startswith("prompt.")})
    assert not torch.allclose(module.item_scores(HISTORIES, NOBODY), bare.item_scores(HISTORIES, NOBODY))
    with torch.no_grad():
        assert module.prompt is not None
        module.prompt.reward.zero_()
        module.prompt.steps.weight.zero_()
    found = bare.item_scores(HISTORIES, NOBODY)
    for returns in (0.0, 3.0, 100.0):
        torch.testing.assert_close(module.asked(HISTORIES, torch.full((4,), returns)), found)
    # By hand: the state of the last item beside two empty slots.
    window = Sequences.of([[7]])
    slots = torch.cat([bare(window)[:, None], torch.zeros(1, 2, DIM)], 1)
    torch.testing.assert_close(found[3:], bare.items.scores(bare.head(slots)))


def test_asked_is_a_multiple_of_what_is_usual_at_the_step() -> None:
    module = recommender(ask=2.0)
    # Histories of 3, 0, 7 and 1 items; what is beyond the last step counts as the last.
    wanted = 2 * torch.tensor([2.0, 5.0, 1.0, 4.0])
    torch.testing.assert_close(module.item_scores(HISTORIES, NOBODY), module.asked(HISTORIES, wanted))
    assert not torch.allclose(module.item_scores(HISTORIES, NOBODY)[0], module.asked(HISTORIES, wanted / 2)[0])
    # The step is that of the whole history, of which the window holds six items.
    long = Sequences.of([[9, 2, 6, 5, 3, 5, 8]])
    states = module(long.last(6))[-1:]
    by_hand = module.items.scores(module.prompted(states, torch.tensor([STEPS - 1]), torch.tensor([2.0])))
    torch.testing.assert_close(module.item_scores(HISTORIES, NOBODY)[2:3], by_hand)


def test_nobodys_history_gets_what_is_popular() -> None:
    module = recommender()
    module.prior.copy_(torch.arange(float(ITEMS)))
    assert module.item_scores(HISTORIES, NOBODY)[1].tolist() == list(range(ITEMS))
    assert module.item_scores(Sequences.of([[]]), NOBODY[:1])[0].tolist() == list(range(ITEMS))


def test_a_spread_is_the_mean_over_what_may_be_asked() -> None:
    """Of a million draws from the normal distribution, as far as three points can know it."""
    module = recommender(spread=0.2, ask=1.0)
    draws = torch.from_numpy(np.random.default_rng(0).normal(2.0, 0.2, 20_000)).float()
    with torch.no_grad():
        states = module(Sequences.of([[3, 1, 4]]))[-1:].expand(len(draws), -1)
        drawn = module.items.scores(module.prompted(states, torch.full((len(draws),), 3), draws)).softmax(1).mean(0)
        found = module.item_scores(Sequences.of([[3, 1, 4]]), NOBODY[:1])[0].exp()
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(found, drawn, atol=2e-3, rtol=2e-2)


@pytest.mark.parametrize("place", range(4))
def test_a_state_does_not_see_the_item_it_predicts_or_a_later_one(place: int) -> None:
    """Other items from `place` on change no answer at the places before, whose targets they are."""
    module, steps, returns = recommender(), torch.arange(1, 6), torch.linspace(3, 1, 5)
    one, other = [3, 8, 1, 5, 2], [3, 8, 1, 5, 2]
    other[place:] = [11 - item for item in other[place:]]
    answers, moved = (module.prompted(module(Sequences.of([row])), steps, returns) for row in (one, other))
    torch.testing.assert_close(answers[:place], moved[:place], rtol=0, atol=0)
    assert not torch.allclose(answers[place], moved[place]), "it is seen where it may be"

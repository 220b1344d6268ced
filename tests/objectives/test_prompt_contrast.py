"""The prompt's objectives on a module whose states can be foretold: what is predicted, what is hidden, and what the contrast comes to."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.nn.items import ItemTable
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.prompt_contrast import PromptContrast, PromptedNextItem

from .toys import rng

DIM = 4
PROFILES = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 0]])


class Told(nn.Module):
    """A state is the vector of the user's profile, whatever the items are; remembers what it was shown."""

    def __init__(self, *, alike: bool = False) -> None:
        super().__init__()
        self.items = ItemTable(6, DIM)
        nn.init.normal_(self.items.weight, generator=torch.Generator().manual_seed(0))
        self.scale = nn.Parameter(torch.ones(()))
        self.alike, self.codes, self.shown = alike, list[list[list[int]]](), list[list[list[int]]]()

    def attributes_of(self, users: NDArray[np.integer]) -> Tensor:
        wanted = torch.from_numpy(users)
        return torch.where(wanted[:, None] < 0, -1, PROFILES[wanted])

    def prompt(self, codes: Tensor) -> Tensor:
        self.codes.append(codes.tolist())
        place = (codes[:, 0] + 2 * codes[:, 1]).clamp(min=0)  # 0, 1, 3 for the three profiles; 0 where all is hidden
        return torch.ones(len(codes), 1, DIM) if self.alike else F.one_hot(place, DIM).float()[:, None]

    def states(self, sequences: Sequences, prompts: Tensor) -> Tensor:
        self.shown.append([row.tolist() for row in sequences])
        return self.scale * prompts[:, 0].repeat_interleave(torch.from_numpy(sequences.lengths + 1), 0)


def batch(users: list[int]) -> UserWindows:
    return UserWindows.owned(Sequences.of([[1, 2, 3], [4], [5, 0]][: len(users)]), np.array(users))


def contrast(users: list[int], *, attributes: float = 0.0, items: float = 0.0, temperature: float = 1.0, alike: bool = False) -> float:
    outcome = PromptContrast(attributes, items, temperature)(Told(alike=alike), batch(users), rng())
    assert outcome.targets == len(users)
    return float(outcome.loss.detach())


def test_every_item_is_predicted_the_first_from_the_prompt_alone() -> None:
    module = Told()
    outcome = PromptedNextItem(FullSoftmax())(module, batch([1, 0, 2]), rng())
    assert outcome.targets == 6 and module.shown == [[[1, 2], [], [5]]] and module.codes == [[[1, 0], [0, 0], [1, 1]]]
    states = torch.eye(DIM)[[1, 1, 1, 0, 3, 3]]
    expected = F.cross_entropy(states @ module.items.weight.T, torch.tensor([1, 2, 3, 4, 5, 0]))
    torch.testing.assert_close(outcome.loss, expected)


def test_some_are_learnt_from_as_strangers() -> None:
    def hidden(share: float, seed: int = 0) -> list[bool]:
        module = Told()
        PromptedNextItem(FullSoftmax(), share)(module, batch([1, 0, 2]), rng(seed))
        return [codes == [-1, -1] for codes in module.codes[0]]

    assert hidden(0.0) == [False] * 3 and hidden(1.0) == [True] * 3 and hidden(0.3) == hidden(0.3)
    assert 0.2 < np.mean([hidden(0.3, seed) for seed in range(200)]) < 0.4


def test_where_all_vectors_are_equal_the_contrast_is_the_logarithm_of_the_batch() -> None:
    for temperature in (1.0, 0.1):
        assert contrast([0, 1, 2], attributes=0.5, items=0.5, temperature=temperature, alike=True) == pytest.approx(math.log(3), abs=1e-5)


def test_the_contrast_falls_where_views_align_and_others_do_not() -> None:
    # Views of length 1 that agree with each other and stand square to the others: -log e / (e + 2).
    aligned = contrast([0, 1, 2], items=0.5)
    assert aligned == pytest.approx(math.log(math.e + 2) - 1, abs=1e-5) and aligned < math.log(3)
    # With the whole profile hidden the first view is the same for all, and tells nobody apart.
    assert contrast([0, 1, 2], attributes=1.0) > aligned
    assert contrast([0, 1, 2], temperature=0.2) == pytest.approx(math.log(math.exp(5) + 2) - 5, abs=1e-5)


def test_users_with_the_same_profile_are_no_negatives_of_each_other() -> None:
    # Users 0 and 3 are alike: each has the third as its one negative, who has two.
    assert contrast([0, 3, 2]) == pytest.approx((2 * (math.log(math.e + 1) - 1) + math.log(math.e + 2) - 1) / 3, abs=1e-5)
    assert contrast([0, 3, 0], attributes=0.5, items=0.5) == pytest.approx(0, abs=1e-6)


def test_one_view_has_gaps_in_the_profile_the_other_in_the_history() -> None:
    module, users = Told(), batch([1, 0, 2])
    PromptContrast(1.0, 1.0)(module, users, rng())
    assert module.codes == [[[-1, -1]] * 3, [[1, 0], [0, 0], [1, 1]]] and module.shown == [[[1, 2, 3], [4], [5, 0]], [[], [], []]]
    gaps, left = 0, 0
    for seed in range(200):
        module = Told()
        PromptContrast(0.2, 0.4)(module, users, rng(seed))
        gaps, left = gaps + int((np.array(module.codes[0]) < 0).sum()), left + sum(map(len, module.shown[1]))
        assert module.codes[1] == [[1, 0], [0, 0], [1, 1]] and module.shown[0] == [[1, 2, 3], [4], [5, 0]]
    assert 0.15 < gaps / 1200 < 0.25 and 0.55 < left / 1200 < 0.65

"""What a history tells of its user."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.nn.profile import ProfileHead
from tastelm.objectives.contrastive import info_nce
from tastelm.objectives.order import pooled
from tastelm.objectives.profile import Acquaintance, UserAttributes, UserNumbers
from tastelm.views import ItemSequences

from .toys import Recorder, rng

TRAIN = Sequences.of([[0, 1, 2], [], [5, 4], [3, 3, 1, 0]])


def batch(users: list[int]) -> UserWindows:
    windows = TRAIN.take(np.array(users))
    return UserWindows(windows.values, windows.offsets, None, np.array(users))


class Profile(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.profile = ProfileHead(4, {"age": 3, "sex": 2})


def test_attributes_are_asked_of_those_of_whom_they_are_known() -> None:
    module, labels = Profile(), {"age": np.array([2, 0, -1, 1]), "sex": np.array([-1, -1, -1, -1])}
    outcome = UserAttributes(labels)(module, batch([3, 0, 2]), rng())
    states = pooled(module.places[:9], batch([3, 0, 2]))
    torch.testing.assert_close(outcome.loss, F.cross_entropy(module.profile.maps[0](states[:2]), torch.tensor([1, 2])))
    nobody = UserAttributes({"sex": labels["sex"]})(module, batch([3, 0]), rng())
    assert float(nobody.loss.detach()) == 0 and nobody.loss.requires_grad


def test_numbers_are_asked_of_those_of_whom_they_are_known() -> None:
    module: Any = Recorder()
    module.numbers = nn.Linear(4, 2)
    values = np.array([[1.0, np.nan], [0, 0], [np.nan, np.nan], [-2.0, 0.5]], np.float32)
    outcome = UserNumbers(values)(module, batch([3, 0, 2]), rng())
    told = module.numbers(pooled(module.places[:9], batch([3, 0, 2])))
    torch.testing.assert_close(outcome.loss, ((told[0, 0] + 2) ** 2 + (told[0, 1] - 0.5) ** 2 + (told[1, 0] - 1) ** 2) / 3)
    nobody = UserNumbers(values)(module, batch([2]), rng())
    assert float(nobody.loss.detach()) == 0 and nobody.loss.requires_grad


def test_those_who_know_each_other_are_told_from_the_rest_of_the_batch() -> None:
    module, friends = Recorder(), Sequences.of([[2], [0], [0], [1]])
    outcome = Acquaintance(friends, TRAIN, window=2, temperature=0.5)(module, batch([0, 2, 3]), rng())
    # User 3 knows only user 1, who has no history: two pairs are left. A friend's window is the last two items.
    assert module.shown == [[5, 4], [1, 2]]
    assert float(outcome.loss.detach()) == 0, "each is the friend of the other, so nobody of the batch is a stranger to them"


def test_whom_one_knows_and_oneself_are_no_strangers() -> None:
    told = Acquaintance(Sequences.of([[2, 3], [], [0], [2]]), TRAIN, window=2, temperature=0.5)
    familiar = told._familiar(np.array([0, 2, 3]), np.array([3, 0, 2]))
    assert familiar.tolist() == [[True, True, True], [False, True, True], [True, False, True]]
    mine, theirs = (F.normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(seed)), dim=1) for seed in (0, 1))
    scores = mine @ theirs.T / 0.5
    left = (scores[0, [0]], scores[1, [0, 1]], scores[2, [1, 2]])  # the one in question, and strangers
    expected = torch.stack([torch.logsumexp(row, 0) - scores[at, at] for at, row in enumerate(left)]).mean()
    torch.testing.assert_close(info_nce(mine, theirs, temperature=0.5, same=torch.from_numpy(familiar)), expected)


def test_who_knows_nobody_contributes_nothing() -> None:
    outcome = Acquaintance(Sequences.of([[2], [], [], []]), TRAIN, window=2)(Recorder(), batch([0, 2, 3]), rng())
    assert float(outcome.loss.detach()) == 0 and outcome.loss.requires_grad


def test_windows_say_whose_they_are() -> None:
    view = ItemSequences(TRAIN, 2, overlap=0, targets=100)
    windows = view.batches(0, 0)[0]
    assert set(windows.users.tolist()) == {0, 2, 3}
    for row, user in zip(windows, windows.users, strict=True):
        own = TRAIN[int(user)].tolist()
        assert any(own[at : at + len(row)] == row.tolist() for at in range(len(own)))

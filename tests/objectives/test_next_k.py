"""The next few items of every prefix."""

import numpy as np
import torch
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.next_k import NextItems, ahead

from .toys import Recorder, rng

BATCH = Sequences.of([[0, 1, 2, 3], [5, 4], [2, 2, 1]])


def test_places_and_targets_are_those_written_by_hand() -> None:
    places, targets = ahead(BATCH, 2)
    # Inputs: 0 1 2 | 5 | 2 2, at places 0 .. 5.
    assert sorted(zip(places.tolist(), targets.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (4, 1), (4, 2), (5, 1)]


def test_one_item_ahead_is_the_next_item() -> None:
    module = Recorder()
    one, other = NextItems(FullSoftmax(), 1)(module, BATCH, rng()), NextItem(FullSoftmax())(module, BATCH, rng())
    torch.testing.assert_close(one.loss, other.loss)
    assert one.targets == other.targets == 6


def test_the_loss_is_the_mean_over_all_that_lies_ahead() -> None:
    module = Recorder()
    outcome = NextItems(FullSoftmax(), 3)(module, BATCH, rng())
    places, targets = ahead(BATCH, 3)
    expected = F.cross_entropy(module.items.scores(module.places[torch.from_numpy(places)]), torch.from_numpy(targets))
    torch.testing.assert_close(outcome.loss, expected)
    assert outcome.targets == len(targets) == 10
    assert module.shown == [[0, 1, 2], [5], [2, 2]] and np.issubdtype(targets.dtype, np.int64)

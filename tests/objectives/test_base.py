"""Several objectives of one batch."""

import torch

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.masked import MaskedItems

from .toys import Recorder, rng

BATCH = Sequences.of([[4, 2, 5], [1, 0]])


def test_a_weighted_sum_adds_up_and_names_its_parts() -> None:
    module, forward, cloze = Recorder(mask=True), NextItem(FullSoftmax()), MaskedItems(FullSoftmax(), last=1.0)
    outcome = WeightedSum([(2.0, "forward", forward), (0.5, "cloze", cloze)])(module, BATCH, rng())
    first, second = forward(module, BATCH, rng()).loss, cloze(module, BATCH, rng()).loss
    torch.testing.assert_close(outcome.loss, 2 * first + 0.5 * second)
    assert outcome.parts == {"forward": float(first.detach()), "cloze": float(second.detach())} and outcome.targets == 3


def test_one_objective_is_a_sum_too() -> None:
    module, forward = Recorder(), NextItem(FullSoftmax())
    torch.testing.assert_close(WeightedSum([(3.0, "x", forward)])(module, BATCH, rng()).loss, 3 * forward(module, BATCH, rng()).loss)


def test_the_gradients_are_the_weighted_ones() -> None:
    module, forward = Recorder(), NextItem(FullSoftmax())
    (single,) = torch.autograd.grad(forward(module, BATCH, rng()).loss, module.places)
    (both,) = torch.autograd.grad(WeightedSum([(0.5, "a", forward), (2.0, "b", forward)])(module, BATCH, rng()).loss, module.places)
    torch.testing.assert_close(both, 2.5 * single)

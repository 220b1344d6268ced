"""InfoNCE against its definition, its queue, and two views of a sequence."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.nn.queue import VectorQueue
from tastelm.objectives.augment import Crop, Mask
from tastelm.objectives.contrastive import TwoViews, info_nce

from .toys import Recorder, rng

LEFT, RIGHT = (torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))


def test_it_is_cross_entropy_with_the_own_partner_as_target() -> None:
    scores, own = LEFT @ RIGHT.T / 0.3, torch.arange(5)
    torch.testing.assert_close(info_nce(LEFT, RIGHT, temperature=0.3), F.cross_entropy(scores, own))
    both = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    torch.testing.assert_close(info_nce(LEFT, RIGHT, temperature=0.3, symmetric=True), both)


def test_equal_vectors_give_the_logarithm_of_the_batch() -> None:
    assert info_nce(torch.ones(8, 2), torch.ones(8, 2)).item() == pytest.approx(math.log(8))
    assert info_nce(torch.ones(1, 2), torch.ones(1, 2)).item() == 0


def test_a_pair_of_one_label_leaves_exactly_one_term_of_each_sum() -> None:
    assert info_nce(torch.ones(4, 2), torch.ones(4, 2), same=torch.tensor([0, 0, 1, 2])).item() == pytest.approx((2 * math.log(3) + 2 * math.log(4)) / 4)


def test_a_queue_adds_its_rows_and_a_logarithm_of_the_chance_is_taken_off() -> None:
    assert info_nce(torch.ones(2, 2), torch.ones(2, 2), queue=torch.ones(6, 2)).item() == pytest.approx(math.log(8))
    log_q = torch.log(torch.tensor([0.5, 0.25, 0.1, 0.1, 0.05]))
    torch.testing.assert_close(info_nce(LEFT, RIGHT, log_q=log_q), F.cross_entropy(LEFT @ RIGHT.T - log_q, torch.arange(5)))


def test_the_queue_keeps_the_newest_and_no_gradient() -> None:
    queue = VectorQueue(3, 1)
    assert len(queue.vectors()) == 0
    queue.push(torch.tensor([[1.0], [2.0]], requires_grad=True))
    queue.push(torch.tensor([[3.0], [4.0]], requires_grad=True))
    assert queue.vectors().flatten().tolist() == [4, 3, 2] and not queue.vectors().requires_grad
    again = VectorQueue(3, 1)
    again.load_state_dict(queue.state_dict())
    assert again.vectors().flatten().tolist() == [4, 3, 2], "a resumed run goes on with it"


def test_two_views_look_at_the_ends_of_two_copies_no_longer_than_the_window() -> None:
    module, batch = Recorder(mask=True), Sequences.of([[0, 1, 2, 3, 4], [5, 4], [3, 3, 3]])
    outcome = TwoViews(Crop(0.99), longest=3, temperature=0.2)(module, batch, rng())
    assert [len(row) for row in module.shown] == [3, 1, 2, 3, 1, 2] and outcome.targets == 3
    ends = F.normalize(module.places[torch.tensor([2, 3, 5, 8, 9, 11])], dim=1)
    torch.testing.assert_close(outcome.loss, info_nce(ends[:3], ends[3:], temperature=0.2, symmetric=True))


def test_two_views_use_and_fill_the_queue_of_the_module() -> None:
    module, batch = Recorder(mask=True), Sequences.of([[0, 1, 2], [5, 4]])
    objective = TwoViews(Mask(6, 0.5), longest=5)
    without = objective(module, batch, rng()).loss
    module.queue = VectorQueue(10, 4)
    first, second = objective(module, batch, rng()).loss, objective(module, batch, rng()).loss
    torch.testing.assert_close(first, without)
    assert second > first and len(module.queue.vectors()) == 4
    assert np.isfinite(float(second.detach()))

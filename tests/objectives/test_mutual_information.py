"""S3-Rec's objectives: against hand examples, without a second sigmoid, each through its own weights."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.masked import hide
from tastelm.objectives.mutual_information import MutualInformation, Weights, attribute_nce, split_segment

from .toys import Recorder, rng

BATCH = Sequences.of([[0, 1, 2, 3], [5, 4, 3], [1, 2, 5, 0, 4]])
OWNED = {0: [0, 1], 1: [2], 2: [], 3: [1], 4: [0, 2], 5: [2]}
NAMES = ("item_attribute", "sequence_item", "sequence_attribute", "sequence_segment")


class Pairs(Recorder):
    def __init__(self) -> None:
        super().__init__(mask=True)
        self.attributes = nn.Parameter(torch.randn(3, 4, generator=torch.Generator().manual_seed(5)))
        for name in NAMES:
            self.add_module(name, nn.Linear(4, 4, bias=False))

    def attributes_of(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pairs = [(attribute, owner) for owner, code in enumerate(codes.tolist()) for attribute in OWNED[code]]
        return torch.tensor([a for a, _ in pairs], dtype=torch.int64), torch.tensor([o for _, o in pairs], dtype=torch.int64)


def only(name: str) -> Weights:
    return Weights(**{other: float(other == name) for other in NAMES})


def test_attributes_are_told_from_those_the_item_does_not_have() -> None:
    module, codes = Pairs(), torch.tensor([0, 2, 4])
    queries = torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    scores, expected = queries @ module.attributes.T, []
    for row, code in enumerate(codes.tolist()):
        others = [scores[row, a] for a in range(3) if a not in OWNED[code]]
        expected += [-torch.log(scores[row, a].exp() / (scores[row, a].exp() + sum(o.exp() for o in others))) for a in OWNED[code]]
    torch.testing.assert_close(attribute_nce(queries, codes, module), torch.stack(expected).mean())
    assert attribute_nce(queries[:1], torch.tensor([2]), module).item() == 0, "an item without attributes has no pair"


def test_a_sure_critic_gets_below_what_a_second_sigmoid_would_allow() -> None:
    module = Pairs()
    with torch.no_grad():
        module.items.weight.copy_(F.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1) * 8)
        module.sequence_item.weight.copy_(torch.eye(4))
        hidden = hide(BATCH, 0.2, 0.0, "exact", rng())
        module.places[: len(hidden)] = module.items.weight[torch.from_numpy(BATCH.values.astype(np.int64))] * 8
    outcome = MutualInformation(FullSoftmax(), only("sequence_item"))(module, BATCH, rng())
    assert outcome.loss < 0.313


@pytest.mark.parametrize("name", NAMES)
def test_each_objective_alone_moves_its_own_critic_and_no_other(name: str) -> None:
    module = Pairs()
    outcome = MutualInformation(FullSoftmax(), only(name))(module, BATCH, rng())
    outcome.loss.backward()
    assert set(outcome.parts) == {name} and outcome.parts[name] == pytest.approx(float(outcome.loss.detach()))
    for other in NAMES:
        gradient = getattr(module, other).weight.grad
        assert (gradient is not None and gradient.abs().sum() > 0) == (other == name)
    assert (module.attributes.grad is not None) == ("attribute" in name)


def test_the_sum_is_weighted() -> None:
    outcome = MutualInformation(FullSoftmax())(Pairs(), BATCH, rng())
    weighted = [weight * outcome.parts[name] for name, weight in zip(NAMES, (0.2, 1.0, 1.0, 0.5), strict=True)]
    assert float(outcome.loss.detach()) == pytest.approx(sum(weighted))


def test_masked_objectives_show_no_hidden_item() -> None:
    module = Pairs()
    MutualInformation(FullSoftmax(), only("sequence_attribute"), rate=0.4)(module, BATCH, rng(3))
    hidden = hide(BATCH, 0.4, 0.0, "exact", rng(3))
    shown = np.concatenate([np.array(row) for row in module.shown])
    assert (shown[hidden] == 6).all() and (shown[~hidden] == BATCH.values[~hidden]).all()


def test_context_and_segment_are_the_sequence_taken_apart() -> None:
    for seed in range(20):
        context, segment = split_segment(BATCH, 6, rng(seed))
        inside = segment.values != 6
        assert (context.values[inside] == 6).all() and (np.where(inside, segment.values, context.values) == BATCH.values).all()
        for index, length in enumerate(BATCH.lengths):
            places = np.flatnonzero(inside[BATCH.owners == index])
            assert 1 <= len(places) <= length // 2 and places[-1] - places[0] == len(places) - 1


def test_one_sequence_alone_has_no_segment_to_be_told_from() -> None:
    outcome = MutualInformation(FullSoftmax(), only("sequence_segment"))(Pairs(), Sequences.of([[0, 1, 2]]), rng())
    assert float(outcome.loss.detach()) == 0

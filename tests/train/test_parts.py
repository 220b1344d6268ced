"""The loss of each objective: its mean between two looks, and that nobody waits for it."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from tastelm.data.sequences import Sequences
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import Outcome, WeightedSum
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.train import run
from tastelm.train.parts import Parts
from tastelm.train.stage import Descent

from .toys import Scripted, encoder, stage, train

BOTH = WeightedSum([(1.0, "next", NextItem(FullSoftmax())), (0.5, "again", NextItem(FullSoftmax()))])


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK_AT_MOST", 4)


def test_a_part_stays_where_it_is_until_somebody_looks() -> None:
    parts = Parts()
    for _ in range(3):
        parts.add({"cloze": torch.zeros((), device="meta")})  # to fetch it would be an error
    with pytest.raises(RuntimeError, match="meta"):
        parts.means()


def test_a_mean_is_over_the_batches_that_have_the_part() -> None:
    parts = Parts()
    parts.add({"cloze": torch.tensor(1.0), "rare": torch.tensor(4.0)})
    parts.add({"cloze": torch.tensor(2.0)})
    assert parts.means() == {"loss/cloze": 1.5, "loss/rare": 4.0}
    again = Parts(json.loads(json.dumps(parts.plain())))
    for one in (parts, again):
        one.add({"cloze": torch.tensor(0.1)})
    assert parts.means() == again.means()


def test_history_holds_the_loss_of_each_objective() -> None:
    module = encoder(dropout=0.0)
    found = train(stage(module, objective=BOTH), steps=8, validate=Scripted(0.1, 0.3))
    assert [list(line) for line in found.history] == [["step", "seconds", "loss", "loss/next", "loss/again", "ndcg@10"]] * 2
    for line in found.history:
        assert line["loss/next"] == pytest.approx(line["loss/again"]) and line["loss"] == pytest.approx(1.5 * line["loss/next"])
    first, second = (line["loss/next"] for line in found.history)
    assert first != second, "each look begins anew"


def test_parts_are_means_over_accumulated_batches_too() -> None:
    seen = []

    def objective(module: nn.Module, batch: Sequences, rng: np.random.Generator) -> Outcome:
        made = BOTH(module, batch, rng)
        seen.append(float(made.parts["next"]))
        return made

    toy = stage(encoder(dropout=0.0), objective=objective, descent=Descent(lr=0.01, accumulate=2))
    found = train(toy, steps=2)
    assert len(seen) == 4 and found.history[-1]["loss/next"] == pytest.approx(np.mean(seen))

"""SQN and SAC: the critic knows what items are worth, and as a weight leans to what is bought."""

from typing import Any

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.objectives.valued import NextItemAndValue
from tastelm.runs import load
from tastelm.systems.baselines.sqn import SQN
from tastelm.testing import CHECKS, SMALL
from tastelm.train.budget import Budget

from .test_prl import CIRCLE, log

SMALLER = {name: SMALL[name] for name in ("dim", "dropout", "max_len", "batch", "lr")}
NOBODY = np.full(1, -1, np.int32)


def chances(budget: str, **settings: Any) -> tuple[Fitted, dict[str, float], dict[str, float]]:
    """The probability of `a`, which is bought, and `b`, which is viewed, after `s0`, and what the critics say of both."""
    made = log(800)
    fitted = fit_system(SQN.create(SMALLER | {"dropout": 0.0} | settings), made, budget=Budget.parse(budget))
    module: Any = fitted.recommender.module
    history, codes = Sequences.of([made.items.encode(["s0"])]), dict(zip("ab", made.items.encode(["a", "b"]).tolist(), strict=True))
    with torch.no_grad():
        chance = module.item_scores(history, NOBODY).softmax(1)[0]
        value = torch.stack([critic(module(history)) for critic in module.critics]).mean(0)[0]
    return fitted, {name: float(chance[code]) for name, code in codes.items()}, {name: float(value[code]) for name, code in codes.items()}


@pytest.mark.parametrize("encoder", ["sasrec", "gru4rec", "nextitnet"])
def test_the_critic_beside_knows_what_items_are_worth_and_changes_no_share(encoder: str) -> None:
    _, chance, value = chances("300steps", encoder=encoder)
    assert value["a"] == pytest.approx(1.0, abs=0.1) and value["b"] == pytest.approx(0.2, abs=0.1), "nothing comes behind them"
    assert chance["a"] == pytest.approx(0.5, abs=0.08), "both come as often"


def test_a_critic_that_weighs_leans_to_what_is_bought() -> None:
    fitted, chance, _ = chances("400steps", critic="weighs")
    assert chance["a"] == pytest.approx(5 / 6, abs=0.07), "1 against 0.2"
    assert [stage.name for stage in fitted.stages] == ["next item and critic", "critic as weight"]


def test_rewards_of_what_is_held_out_change_nothing() -> None:
    scores = []
    for held_out in (("view", "buy"), ("view", "stolen")):
        module: Any = fit_system(SQN.create(SMALLER | {"rewards": "view=0.2,buy=1"}), log(60, held_out=held_out), budget=Budget.parse("10steps"))
        scores.append(module.recommender.module.item_scores(Sequences.of([[0], [1, 2], []]), np.full(3, -1, np.int32)))
    assert torch.equal(*scores)


def test_a_window_is_what_the_encoder_reads() -> None:
    (stage,) = SQN.create(SMALLER | {"max_len": 4}).settle(CIRCLE).stages(CIRCLE)
    batches: Any = stage.view and stage.view.batches(0, 0)
    assert max(int(batches[at].lengths.max()) for at in range(len(batches))) == 4
    assert isinstance(stage.objective, NextItemAndValue) and stage.objective.rewards.tolist() == [1.0] * len(CIRCLE.train.values)


def test_it_is_loaded_with_its_critics(tmp_path: Any) -> None:
    model = fit_system(SQN.create(SMALLER), log(60), budget=Budget.parse("10steps")).recommender
    model.save(tmp_path)
    for name, value in load(tmp_path).module.state_dict().items():
        assert torch.equal(value, model.module.state_dict()[name])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoder": "lstm"}, r"sqn\.encoder: 'lstm' does not fit .*it takes sasrec \| gru4rec \| caser \| nextitnet"),
        ({"critic": "sac"}, r"sqn\.critic: 'sac' does not fit .*beside \| weighs"),
        ({"discount": 1.5}, r"sqn\.discount: 1\.5 does not fit .*a number >= 0, <= 1"),
        ({"rewards": "clicks"}, r"sqn\.rewards: 'clicks' is not known"),
        ({"max_len": 1}, r"sqn\.max_len: 1 does not fit; a critic compares .* Use 2 or more\."),
        ({"critic": "weighs", "loss": "bce"}, r"sqn\.critic: it weighs the softmax over the whole catalogue, not loss=bce\."),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        SQN.create(settings)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_the_critic_that_weighs_keeps_the_promises_too(check: str) -> None:
    CHECKS[check](SQN, {"critic": "weighs"})

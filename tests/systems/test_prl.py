"""PRL: what is asked for decides, its controls do not know, and the rewards of what is held out are nobody's business."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.rewards import Replay
from tastelm.data.sequences import Sequences
from tastelm.data.split import Split, split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.objectives.rewarded import NextItemForReward
from tastelm.strategies import Holistic, PretrainOnly, PromptAndPLM, group_of
from tastelm.systems.prompt_and_plm.prl import PRL
from tastelm.testing import CHECKS, SMALL, circle
from tastelm.train.budget import Budget

SMALLER = {name: SMALL[name] for name in ("dim", "dropout", "max_len", "batch", "lr")}
CIRCLE = split(circle(60))


def log(users: int, seed: int = 0, held_out: tuple[str, str] = ("view", "buy")) -> Split:
    """After one of three items comes `a`, which is bought, or as often `b`, which is viewed; the two behind them are held out."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        bought = user % 2 == 0
        met = [(f"s{rng.integers(3)}", "view"), ("a", "buy") if bought else ("b", "view"), ("x", held_out[0]), ("y", held_out[1])]
        rows += [(f"u{user}", item, float(at), event) for at, (item, event) in enumerate(met)]
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time", "event"], orient="row"), name="shop"))


def fit(made: Split, budget: str, **settings: Any) -> Fitted:
    return fit_system(PRL.create(SMALLER | settings), made, budget=Budget.parse(budget))


def chances(budget: str = "100steps", **settings: Any) -> tuple[float, float, dict[float, Any]]:
    """The probability of `a` if a purchase's reward is to come, if a view's is, and as the system itself asks, by `ask`."""
    made = log(800)
    module: Any = fit(made, budget, weight="none", dropout=0.0, **settings).recommender.module
    histories, a = Sequences.of([made.items.encode([f"s{at}"]) for at in range(3)]), int(made.items.encode(["a"])[0])
    with torch.no_grad():
        high, low = (float(module.asked(histories, torch.full((3,), value)).softmax(1)[:, a].mean()) for value in (1.0, 0.2))
        asked = dict[float, Any]()
        for module.wanted in (0.3, 2.0):
            asked[module.wanted] = module.item_scores(histories, np.full(3, -1, np.int32)).softmax(1)[:, a].mean()
    return high, low, asked


@pytest.mark.parametrize("encoder", ["sasrec", "gru4rec", "caser", "nextitnet"])
def test_a_high_reward_asks_for_what_is_bought(encoder: str) -> None:
    high, low, asked = chances(encoder=encoder)
    assert high > 0.95 and low < 0.05, "a purchase is worth 1 and a view 0.2"
    # The mean reward-to-go at the step is 0.6.
    assert asked[2.0] > 0.95 and asked[0.3] < 0.05


def test_with_shuffled_rewards_the_gap_vanishes() -> None:
    high, low, _ = chances(reward="shuffled")
    assert abs(high - low) < 0.12 and 0.35 < low < 0.65


def test_without_a_prompt_what_is_asked_for_changes_nothing() -> None:
    high, low, asked = chances(reward="none")
    assert high == low and asked[0.3] == asked[2.0] and 0.4 < high < 0.6, "both come as often"


def test_the_backbone_may_be_trained_first() -> None:
    high, low, _ = chances("200steps", start="supervised")
    assert high > 0.9 and low < 0.1


def test_re_weighting_leans_to_what_is_bought_whatever_is_asked_for() -> None:
    made = log(800)
    module: Any = fit(made, "100steps", reward="none", dropout=0.0).recommender.module
    chance = module.item_scores(Sequences.of([made.items.encode(["s0"])]), np.full(1, -1, np.int32)).softmax(1)[0, int(made.items.encode(["a"])[0])]
    assert float(chance.detach()) == pytest.approx(5 / 6, abs=0.06), "1 against 0.2"


@pytest.mark.parametrize("reward", ["data", "shuffled"])
def test_rewards_of_what_is_held_out_change_no_prediction(reward: str) -> None:
    histories, nobody = Sequences.of([[0], [1, 2], [], [3, 0, 4, 1, 2]]), np.full(4, -1, np.int32)
    scores = []
    for held_out in (("view", "buy"), ("buy", "view"), ("view", "stolen")):
        module: Any = fit(log(60, held_out=held_out), "10steps", rewards="view=0.2,buy=1", reward=reward).recommender.module
        scores.append(module.item_scores(histories, nobody))
    assert torch.equal(scores[0], scores[1]) and torch.equal(scores[0], scores[2])


def test_statistics_are_those_of_the_training_part() -> None:
    fitted = fit(log(60), "3steps", steps=4)
    state = fitted.recommender.module.state_dict()
    # Sequences of two interactions, the second worth 1 or 0.2, as often; what no sequence reaches is as the last.
    torch.testing.assert_close(state["mean"], torch.tensor([0.8, 0.6, 0.6, 0.6]))
    torch.testing.assert_close(state["deviation"], torch.full((4,), 0.4))
    assert float(state["unit"]) == pytest.approx(0.6)


@pytest.mark.parametrize("encoder", ["sasrec", "gru4rec", "caser", "nextitnet"])
def test_a_prediction_does_not_see_its_item_or_a_later_one(encoder: str) -> None:
    """The loss of the predictions before a place is the same, to the bit, whatever stands there."""
    torch.manual_seed(0)
    module = PRL.create(SMALLER | {"encoder": encoder}).build(CIRCLE.sizes).eval()
    for value in module.parameters():
        torch.nn.init.normal_(value, std=0.3) if value.ndim > 1 else None
    steps, returns = torch.arange(1, 6), torch.linspace(5, 1, 5)
    one, other = Sequences.of([[3, 8, 1, 5, 2]]), Sequences.of([[3, 8, 14, 6, 9]])
    answers, moved = (module.prompted(module(batch), steps, returns) for batch in (one, other))
    torch.testing.assert_close(answers[:2], moved[:2], rtol=0, atol=0)
    assert not torch.allclose(answers[2], moved[2]), "it is seen where it may be"


def objective(made: Split, **settings: Any) -> NextItemForReward:
    stages = list(PRL.create(SMALLER | settings).settle(made).stages(made))
    assert isinstance(stages[-1].objective, NextItemForReward)
    return stages[-1].objective


def test_what_an_item_weighs_by_hand() -> None:
    made = log(20)
    worth = np.tile([0.2, 1.0, 0.2, 0.2], 10)  # a session that ends with a purchase, one that does not, and so on
    order = np.argsort(np.repeat([int(user[1:]) for user in made.users.ids], 2), kind="stable")
    found = {weight: objective(made, weight=weight) for weight in ("reward", "reward-to-go", "none")}
    assert found["none"].weights is None and found["reward"].weights is not None and found["reward-to-go"].weights is not None
    np.testing.assert_allclose(found["reward"].weights[:40][order] * 0.6, worth)
    np.testing.assert_allclose(found["reward-to-go"].weights[:40][order] * 0.6, np.tile([1.2, 1.0, 0.4, 0.2], 10))
    assert found["reward"].weights[:40][found["reward"].steps[:40] > 0].mean() == pytest.approx(1)
    # Behind them stand the questions that judge, each behind its history, and by the scale of training.
    assert found["reward"].asked is not None and found["reward"].asked[40:].reshape(20, 3).tolist() == [[False, False, True]] * 20
    np.testing.assert_allclose(found["reward"].weights[42::3] * 0.6, 0.2)
    assert objective(made, rewards="one").weights is None and objective(CIRCLE).weights is None, "all alike"
    assert objective(CIRCLE, weight="reward-to-go").weights is not None


def test_the_control_shuffles_what_is_told_and_not_what_an_item_weighs() -> None:
    made = log(20)
    own, control = objective(made), objective(made, reward="shuffled")
    np.testing.assert_array_equal(own.weights, control.weights)
    assert own.returns[:40].tolist() == Replay.of(made).returns.tolist()
    np.testing.assert_allclose(own.returns[42::3], 0.2, err_msg="what comes behind a question is not in its reward")
    assert control.returns[:40].tolist() == Replay.of(made).shuffled(made.seed).returns.tolist() != own.returns[:40].tolist()
    np.testing.assert_allclose(objective(made, horizon=1).returns[:40], Replay.of(made).rewards)


def test_what_auto_stands_for_is_settled_with_the_window() -> None:
    settled = PRL.create({"start": "supervised"}).settle(log(20))
    assert settled.config.rewards == "event" and settled.config.max_len == 20 and settled.from_scratch().config.start == "scratch"
    assert PRL.create().settle(CIRCLE).config.rewards == "one"
    assert PRL.create({"rewards": "one"}).settle(log(20)).config.rewards == "one"


def test_stages_and_who_trains_in_them() -> None:
    (alone,) = PRL.create().settle(CIRCLE).stages(CIRCLE)
    assert isinstance(alone.strategy, PromptAndPLM) and alone.share == 1
    assert {group_of(name) for name, _ in alone.module.named_parameters()} == {"items", "backbone", "prompt", "head"}
    first, second = PRL.create({"start": "supervised", "encoder": "gru4rec"}).settle(CIRCLE).stages(CIRCLE)
    assert isinstance(first.strategy, PretrainOnly) and isinstance(second.strategy, PromptAndPLM) and first.share + second.share == 1
    assert {group_of(name) for name, _ in first.module.named_parameters()} == {"items", "backbone"}
    assert first.module.backbone is second.module.backbone and first.module.items is second.module.items
    (bare,) = PRL.create({"reward": "none"}).settle(CIRCLE).stages(CIRCLE)
    assert isinstance(bare.strategy, Holistic) and not any(group_of(name) == "prompt" for name, _ in bare.module.named_parameters())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoder": "lstm"}, r"prl\.encoder: 'lstm' does not fit .*it takes sasrec \| gru4rec \| caser \| nextitnet"),
        ({"reward": "all"}, r"prl\.reward: 'all' does not fit .*data \| shuffled \| none"),
        ({"weight": "rewards"}, r"prl\.weight: 'rewards' does not fit .*none \| reward \| reward-to-go"),
        ({"start": "trained"}, r"prl\.start: 'trained' does not fit .*scratch \| supervised"),
        ({"horizon": -1}, r"prl\.horizon: -1 does not fit .*a whole number >= 0"),
        ({"ask": "-0.5"}, r"prl\.ask: '-0\.5' does not fit .*a number >= 0"),
        ({"spread": -1.0}, r"prl\.spread: -1\.0 does not fit .*a number >= 0"),
        ({"steps": 0}, r"prl\.steps: 0 does not fit .*a whole number >= 1, <= 100000"),
        ({"tied": "perhaps"}, r"prl\.tied: 'perhaps' does not fit .*true or false"),
        ({"relu": "perhaps"}, r"prl\.relu: 'perhaps' does not fit .*true or false"),
        ({"heads": 3}, r"prl\.heads: dim 64 is not a multiple of heads 3"),
        ({"rewards": "clicks"}, r"prl\.rewards: 'clicks' is not known; use auto, event, rating or one, or say what each event is worth"),
        ({"loss": "bce"}, r"prl\.weight: reward weighs the softmax over the whole catalogue, not loss=bce\. Use weight=none with it, or loss=full\."),
        ({"askk": 1.0}, r"prl has no setting 'askk'; did you mean 'ask'\?"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        PRL.create(settings)


def test_other_losses_go_without_weights() -> None:
    fitted = fit(log(60), "5steps", loss="bce", weight="none", negatives=4)
    assert fitted.stages[-1].steps == 5


def test_data_without_the_rewards_that_are_named_are_refused() -> None:
    with pytest.raises(SettingError, match=r"rewards: circle has no column 'event', which rewards=buy=1 needs; it has user, item, time"):
        fit(CIRCLE, "5steps", rewards="buy=1")
    with pytest.raises(SettingError, match=r"rewards: nothing is said of the event 'view', which 90 of 120 training interactions have; known are: buy\."):
        fit(log(60), "5steps", rewards="buy=1")
    table = log(20).dataset.interactions.with_columns(event=pl.when(pl.col("item") != "a").then("event"))
    with pytest.raises(DataError, match=r"shop: 10 of 40 training interactions have no event"):
        fit(split(Dataset.build(table, name="shop")), "5steps")


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "settings", [{"encoder": "gru4rec", "spread": 0.5}, {"encoder": "caser", "weight": "reward-to-go", "tied": True, "relu": False}], ids=["gru4rec", "caser"]
)
def test_the_other_encoders_keep_the_promises_too(settings: dict[str, Any], check: str) -> None:
    CHECKS[check](PRL, settings)

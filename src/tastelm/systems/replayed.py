"""The stage that learns what followed when so much reward was still to come, and the questions that tell when it has learnt enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tastelm.data.rewards import Replay, parse_rewards
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.slots import RewardRecommender
from tastelm.objectives.rewarded import NextItemForReward
from tastelm.settings import setting
from tastelm.strategies import Holistic, PromptAndPLM
from tastelm.systems.common import TransformerConfig, next_item
from tastelm.train.stage import Stage
from tastelm.views import ItemSequences


@dataclass(frozen=True)
class RewardedConfig(TransformerConfig):
    """Settings of a system that asks for reward."""

    rewards: str = setting("auto", "worth of an interaction: click=0.2,purchase=1; event, rating or one; auto: the first of these that the data have")
    reward: Literal["data", "shuffled", "none"] = setting("data", "rewards of the prompt: those of the data, the same dealt out anew, or no prompt at all")
    horizon: int = setting(0, "interactions that a reward-to-go looks ahead; 0: to the end of the sequence", at_least=0)
    weight: Literal["none", "reward", "reward-to-go"] = setting("reward", "what an item weighs in the loss", source="Xin et al. 2022")
    steps: int = setting(50, "steps of a sequence that are told apart", source="public script of PRL", at_least=1, at_most=100_000)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_rewards(self.rewards)
        if self.weight != "none" and self.loss != "full":
            raise SettingError(
                f"weight: {self.weight} weighs the softmax over the whole catalogue, not loss={self.loss}. Use weight=none with it, or loss=full."
            )


def rewarded(module: RewardRecommender, split: Split, config: RewardedConfig) -> Stage:
    """Fill `module` with what is usual in the training part, and learn the next item of each prefix given its reward-to-go.

    With a prompt the questions of the VALID part, each given the reward that came of it, tell when to stop: a ranking of the next items, most of
    which are worth little, would choose weights that do not listen to what is asked for.
    """
    known = Replay.of(split, config.rewards, horizon=config.horizon)
    judges = Replay.judges(split, config.rewards, horizon=config.horizon)
    told = known.shuffled(split.seed) if config.reward == "shuffled" else known
    asked = judges.shuffled(split.seed) if config.reward == "shuffled" else judges
    mean, deviation = told.usual(config.steps)
    module.fill(mean, deviation, float(told.returns[told.steps > 0].mean() if told.steps.any() else 0) or 1.0)
    weights = known.weights(config.weight)
    own = None if weights is None else known.weighted(judges, config.weight)
    assert asked.asked is not None
    objective = NextItemForReward(
        known.items.joined(judges.items), np.concatenate([told.steps, asked.steps]), np.concatenate([told.returns, asked.returns]), config.item_loss(),
        None if weights is None or own is None else np.concatenate([weights, own]), config.half,
        np.concatenate([np.ones(len(known.rewards), bool), asked.asked]),
    )  # fmt: skip
    places = np.arange(len(known.rewards) + len(judges.rewards))
    view = ItemSequences(known.items.replaced(places[: len(known.rewards)]), config.max_len + 1, overlap=1, targets=config.batch)
    judged = replace(view, sequences=judges.items.replaced(places[len(known.rewards) :]), windows="last")
    listens = module.prompt is not None and bool(asked.asked.any())
    stage = next_item(module, split, config, objective=objective)
    return replace(
        stage, name="prompt", view=view, strategy=Holistic() if module.prompt is None else PromptAndPLM(),
        judges=judged if listens else None, monitor="likelihood" if listens else stage.monitor,
    )  # fmt: skip

"""PRL: a sequence recommender that is told how much reward is still to come, and is asked for much of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.rewards import settled_rewards
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender
from tastelm.nn.slots import RewardPrompt, RewardRecommender, SlotMixer
from tastelm.settings import among, setting, span, unless
from tastelm.systems.backbones import EncoderName, backbone
from tastelm.systems.common import SequenceSystem, next_item
from tastelm.systems.replayed import RewardedConfig, rewarded
from tastelm.train.stage import Stage


class PRL(SequenceSystem["PRL.Config"]):
    """Prompt-based reinforcement learning (Xin et al., 2022): learnt is which item followed a history when so much reward was still to come,
    L = -(1/N) sum_n w_n log p(a_n | s_n, R_n, t_n); asked for is then a multiple (`ask`) of the mean reward-to-go of the training part.

    The reward-to-go R_t holds the reward of the item to be told, so the prompt says in training whether a purchase comes: `reward=shuffled`
    is the control that knows no more than how long a session is, `reward=none` the backbone and the mixing layer without any prompt, with
    `weight=reward` the re-weighted baseline. All three weigh the items by their true rewards. Where the data have neither events nor
    ratings each interaction is worth 1, and the prompt says how long a history will be. For sessions cut the data first.

    Ambiguous in the sources: the paper weighs the loss by the reward of the item (`weight=reward`), a public script of it feeds the weights
    and does not use them (`weight=none`). Deviations: a window follows the data instead of the last 10 items, every item is learnt from;
    rewards are read in units of their mean reward-to-go; a history without items gets what is popular. Weights are 1 on the mean.
    """

    card = Card(
        name="prl",
        paper="Xin et al. 2022, Rethinking Reinforcement Learning for Recommendation: A Prompt Perspective",
        summary="For logs in which some events are worth more than others: asked for a high reward, it leans to what was bought.",
        paradigm=Paradigm.PROMPT_AND_PLM,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(RewardedConfig):
        layers: int = setting(1, "blocks or recurrent layers of the encoder", source="public script of PRL", at_least=1, at_most=64, search=span(1, 3))
        heads: int = setting(1, "attention heads, of the slots too; dim must be a multiple", source="public script of PRL", at_least=1, search=among(1, 2, 4))
        dropout: float = setting(0.3, "share of units dropped in training", source="public script of PRL", at_least=0, at_most=0.95, search=span(0.1, 0.6))
        lr: float = setting(3e-3, "peak learning rate of AdamW", source="0.005 in a public script", above=0, at_most=1, search=span(5e-4, 5e-3, log=True))
        encoder: EncoderName = setting("sasrec", "whose encoder reads the history", source="Xin et al. 2022")
        ask: float = setting(
            2.0, "times the mean reward-to-go of training that is asked for", source="Xin et al. 2022", at_least=0, search=span(0.5, 3.0),
            when=unless("reward", "none"),
        )  # fmt: skip
        spread: float = setting(0.0, "standard deviation of what is asked for, in those of training", source="optional in Xin et al. 2022", at_least=0)
        tied: bool = setting(False, "score items by the vectors that are read", source="a softmax layer of its own in a public script")
        relu: bool = setting(True, "whether the mixed slots go through a ReLU", source="public script of PRL")
        start: Literal["scratch", "supervised"] = setting("scratch", "where the backbone begins: anew, or trained for the next item without prompt")

    def settle(self, split: Split) -> PRL:
        config = super().settle(split).config
        return PRL(replace(config, rewards=settled_rewards(split, config.rewards)))

    def from_scratch(self) -> PRL:
        return PRL(replace(self.config, start="scratch"))

    def build(self, sizes: Sizes) -> RewardRecommender:
        config = self.config
        items = ItemTable(sizes.items, config.dim, tied=config.tied, bias=not config.tied, scale=config.dim**0.5)
        prompt = None if config.reward == "none" else RewardPrompt(config.dim, config.steps)
        mixer = SlotMixer(config.dim, config.heads, dropout=config.dropout, relu=config.relu)
        return RewardRecommender(items, backbone(config.encoder, config), mixer, prompt, steps=config.steps, ask=config.ask, spread=config.spread)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)
        stage = rewarded(module, split, config)
        if config.start == "supervised":
            yield replace(next_item(SequenceRecommender(module.items, module.backbone), split, config), name="supervised", share=0.5)
        yield replace(stage, share=0.5 if config.start == "supervised" else 1.0)

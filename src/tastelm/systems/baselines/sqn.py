"""SQN and SAC: a sequence recommender that learns from a critic of rewards beside the next item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.rewards import Replay, parse_rewards, settled_rewards
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender
from tastelm.objectives.valued import NextItemAndValue
from tastelm.settings import among, setting, span
from tastelm.systems.backbones import EncoderName, backbone
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.stage import Stage
from tastelm.views import ItemSequences


class SQN(SequenceSystem["SQN.Config"]):
    """Self-supervised reinforcement learning (Xin et al., 2020): the encoder of a next-item recommender also feeds a critic, which learns by double
    Q-learning what an item and all behind it are worth. L = L_next + L_q, with which the critic only shapes the encoder (`critic=beside`, SQN); or
    L = Q L_next + L_q, by which what is worth more is learnt harder (`critic=weighs`, SAC), after a first half without weights.

    Deviations: two critics share one encoder, instead of two networks of which each learns from every other step; a negative Q weighs nothing;
    a window follows the data instead of the last 10 items, and every item is learnt from. Behind the last training interaction of a user nothing
    is taken to come. What the critic knows is not asked: items are ranked by the softmax, as in the paper.
    """

    card = Card(
        name="sqn",
        paper="Xin et al. 2020, Self-Supervised Reinforcement Learning for Recommender Systems",
        summary="For logs in which some events are worth more than others: a critic of rewards beside the next item, or as its weight.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        layers: int = setting(1, "blocks or recurrent layers of the encoder", source="public script of PRL", at_least=1, at_most=64, search=span(1, 3))
        heads: int = setting(1, "attention heads; dim must be a multiple", source="public script of PRL", at_least=1, search=among(1, 2, 4))
        encoder: EncoderName = setting("sasrec", "whose encoder reads the history", source="Xin et al. 2020")
        critic: Literal["beside", "weighs"] = setting("beside", "the critic learns beside the next item (SQN), or weighs it too (SAC)")
        discount: float = setting(0.5, "what a reward one interaction later is worth", source="Xin et al. 2020", at_least=0, at_most=1)
        rewards: str = setting("auto", "worth of an interaction: click=0.2,purchase=1; event, rating or one; auto: the first of these that the data have")
        tied: bool = setting(False, "score items by the vectors that are read", source="a softmax layer of its own in the paper")

        def __post_init__(self) -> None:
            super().__post_init__()
            parse_rewards(self.rewards)
            if self.max_len == 1:
                raise SettingError("max_len: 1 does not fit; a critic compares what is known before an item with what is known behind it. Use 2 or more.")
            if self.critic == "weighs" and self.loss != "full":
                raise SettingError(f"critic: it weighs the softmax over the whole catalogue, not loss={self.loss}. Use critic=beside with it, or loss=full.")

    def settle(self, split: Split) -> SQN:
        config = super().settle(split).config
        return SQN(replace(config, rewards=settled_rewards(split, config.rewards)))

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        items = ItemTable(sizes.items, config.dim, tied=config.tied, bias=not config.tied, scale=config.dim**0.5)
        critics = nn.ModuleList([nn.Linear(config.dim, sizes.items), nn.Linear(config.dim, sizes.items)])
        return SequenceRecommender(items, backbone(config.encoder, config)).beside({"critics": critics})

    def stages(self, split: Split) -> Iterator[Stage]:
        config, known = self.config, Replay.of(split, self.config.rewards)
        beside = NextItemAndValue(known.items, known.rewards, config.item_loss(), config.discount)
        # Both ends of a transition are read in one pass, so that a window is as long as what the encoder reads.
        view = ItemSequences(known.items.replaced(np.arange(len(known.rewards))), config.max_len, overlap=1, targets=config.batch)
        stage = replace(next_item(self.build(split.sizes), split, config, objective=beside), name="next item and critic", view=view)
        if config.critic == "beside":
            yield stage
            return
        yield replace(stage, share=0.5)
        yield replace(stage, name="critic as weight", objective=replace(beside, actor=True, half=config.half), share=0.5)

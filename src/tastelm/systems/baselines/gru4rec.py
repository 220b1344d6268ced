"""GRU4Rec: a recurrent network that predicts the next item of a session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.recurrent import GRUEncoder
from tastelm.nn.sequence import SequenceRecommender
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.item_loss import ItemLoss, LossName, item_loss
from tastelm.settings import among, setting, span
from tastelm.systems.common import SequenceConfig, SequenceSystem, next_item
from tastelm.train.stage import Stage


class GRU4Rec(SequenceSystem["GRU4Rec.Config"]):
    """Session-based recommendations with recurrent neural networks (Hidasi et al., 2016; Hidasi and Karatzoglou, 2018).

    Deviations: whole histories are unrolled side by side, each from a zero state, instead of session-parallel mini-batches; the
    softmax is over the whole catalogue (`loss=bpr-max`, `negatives=2048`, `alpha=0.5` for the paper's loss and negatives); AdamW
    instead of Adagrad. The other targets of a batch are no negatives of their own, since all draws come from one sampler.
    """

    card = Card(
        name="gru4rec",
        paper="Hidasi et al. 2016, Session-based Recommendations with Recurrent Neural Networks",
        summary="The recurrent classic; strong on short sessions when it is trained with the full softmax.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SESSION,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(SequenceConfig):
        hidden: int = setting(128, "units of a recurrent layer", source="100 to 1000 in the papers", at_least=1, search=among(64, 128, 256))
        layers: int = setting(1, "recurrent layers", source="Hidasi et al. 2016", at_least=1, at_most=16, search=span(1, 2))
        tied: bool = setting(True, "score items by the vectors that are read", source="Hidasi and Karatzoglou 2018, constrained embedding")
        loss: LossName = setting("full", "over the whole catalogue, or against drawn negatives", source="bpr-max in Hidasi and Karatzoglou 2018")
        alpha: float = setting(
            0.0, "sampled, bpr, bpr-max: negatives are drawn by an item's count to this power; 0: evenly",
            source="0 to 1 in Hidasi and Karatzoglou 2018", at_least=0, at_most=1,
        )  # fmt: skip
        bpreg: float = setting(1.0, "bpr-max: weight of the squared scores of the negatives", source="Hidasi and Karatzoglou's code", at_least=0)

        def item_loss(self, popularity: NDArray[np.integer] | None = None) -> ItemLoss:
            drawn = popularity if self.alpha else None
            return item_loss(self.loss, negatives=self.negatives, popularity=drawn, alpha=self.alpha, bpreg=self.bpreg, half=self.half)

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        encoder = GRUEncoder(config.dim, hidden=config.hidden, layers=config.layers, max_len=config.max_len, dropout=config.dropout)
        return SequenceRecommender(ItemTable(sizes.items, config.dim, tied=config.tied, scale=config.dim**0.5), encoder)

    def stages(self, split: Split) -> Iterator[Stage]:
        objective = NextItem(self.config.item_loss(split.popularity))
        yield next_item(self.build(split.sizes), split, self.config, objective=objective)

"""SASRec: a causal transformer that predicts the next item from all before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.item_loss import ItemLoss, LossName, item_loss
from tastelm.settings import among, setting, span
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.stage import Stage


class SASRec(SequenceSystem["SASRec.Config"]):
    """Self-attentive sequential recommendation (Kang and McAuley, 2018), L = -sum_t log p(x_t+1 | x_<=t).

    Deviations, and the paper's way by a setting: the softmax is over the whole catalogue
    (`loss=bce`, `negatives=1`); blocks are pre-norm with a wide GELU net (`block=paper`); a long history is learnt from in
    windows (`windows=last`); steps hold equal numbers of predictions, the rate is higher and cools down.
    """

    card = Card(
        name="sasrec",
        paper="Kang and McAuley 2018, Self-Attentive Sequential Recommendation",
        summary="The one to beat wherever the order of a history says something. Trains in minutes on a CPU.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        dim: int = setting(64, "width of the item vectors and states", source="50 in the paper", at_least=2, search=among(32, 64, 128))
        dropout: float = setting(0.4, "share of units dropped in training", source="0.5 in the paper", at_least=0, at_most=0.95, search=span(0.1, 0.6))
        loss: LossName = setting("full", "over the whole catalogue, or against drawn negatives", source="bce in the paper")
        negatives: int = setting(256, "items drawn in a step by the losses that sample", source="1 in the paper", at_least=1)
        calibration: float = setting(0.75, "t of gbce, 0 to 1", source="Petrov and Macdonald 2023", at_least=0, at_most=1)
        block: Literal["pre", "post", "paper"] = setting("pre", "where the norms stand: GPT-2's way, BERT's, or that of SASRec's own code")
        positions: Literal["start", "end", "rotary"] = setting("start", "learned vectors counted from the start or the end of the window, or rotary")
        tied: bool = setting(True, "score items by the vectors that are read", source="Kang and McAuley 2018")
        windows: Literal["all", "last"] = setting("all", "learn from all of a long history in windows, or from its last window", source="last in the paper")

        def item_loss(self) -> ItemLoss:
            return item_loss(self.loss, negatives=self.negatives, calibration=self.calibration, half=self.half)

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        paper = config.block == "paper"
        shape = Shape(
            config.dim, config.layers, config.heads, config.max_len, config.dropout,
            norm="query" if config.block == "paper" else config.block, activation="relu" if paper else "gelu",
            feed_forward=1 if paper else 4, positions=config.positions,
        )  # fmt: skip
        # Scaled by sqrt(d) the items outweigh the positions and the untrained blocks, and the first steps learn from the last item.
        items = ItemTable(sizes.items, config.dim, tied=config.tied, scale=config.dim**0.5)
        return SequenceRecommender(items, SequenceTransformer(shape, causal=True))

    def stages(self, split: Split) -> Iterator[Stage]:
        yield next_item(self.build(split.sizes), split, self.config, windows=self.config.windows)

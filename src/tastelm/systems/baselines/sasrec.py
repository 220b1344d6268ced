"""SASRec: a causal transformer that predicts the next item from all before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape, check_heads, window_for
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.item_loss import item_loss
from tastelm.settings import among, setting, span
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences


class SASRec(System["SASRec.Config"]):
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
    class Config:
        dim: int = setting(64, "width of the item vectors and states", source="50 in the paper", at_least=2, search=among(32, 64, 128))
        layers: int = setting(2, "transformer blocks", source="Kang and McAuley 2018", at_least=1, at_most=64, search=span(1, 3))
        heads: int = setting(2, "attention heads; dim must be a multiple", source="1 in the paper", at_least=1, search=among(1, 2, 4))
        max_len: int = setting(
            0, "items of a history that are read; 0: what holds 95 % of the histories whole, 20 to 200", source="50, 200 in the paper", at_least=0
        )
        dropout: float = setting(0.4, "share of units dropped in training", source="0.5 in the paper", at_least=0, at_most=0.95, search=span(0.1, 0.6))
        lr: float = setting(3e-3, "peak learning rate of AdamW", source="1e-3 in the paper", above=0, at_most=1, search=span(5e-4, 5e-3, log=True))
        weight_decay: float = setting(0.0, "decoupled decay of the weight matrices", at_least=0)
        loss: Literal["full", "sampled", "gbce", "bce", "bpr"] = setting(
            "full", "over the whole catalogue, or against drawn negatives", source="bce in the paper"
        )
        negatives: int = setting(256, "items drawn in a step by the losses that sample", source="1 in the paper", at_least=1)
        calibration: float = setting(0.75, "t of gbce, 0 to 1", source="Petrov and Macdonald 2023", at_least=0, at_most=1)
        batch: int = setting(768, "predictions in a step", at_least=1)
        block: Literal["pre", "post", "paper"] = setting("pre", "where the norms stand: GPT-2's way, BERT's, or that of SASRec's own code")
        positions: Literal["start", "end", "rotary"] = setting("start", "learned vectors counted from the start or the end of the window, or rotary")
        tied: bool = setting(True, "score items by the vectors that are read", source="Kang and McAuley 2018")
        windows: Literal["all", "last"] = setting("all", "learn from all of a long history in windows, or from its last window", source="last in the paper")
        max_epochs: int = setting(200, "ceiling; training usually ends on its own before", source="Kang and McAuley 2018", at_least=1)

        def __post_init__(self) -> None:
            check_heads(self.dim, self.heads, self.positions)

    def settle(self, split: Split) -> SASRec:
        return SASRec(replace(self.config, max_len=self.config.max_len or window_for(split.train.lengths)))

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
        config = self.config
        module = self.build(split.sizes)
        module.prior.copy_(torch.from_numpy(split.popularity))
        yield Stage(
            "next item",
            module,
            view=ItemSequences(split.train, config.max_len + 1, overlap=1, targets=config.batch, windows=config.windows),
            objective=NextItem(item_loss(config.loss, negatives=config.negatives, calibration=config.calibration)),
            budget=Budget(epochs=config.max_epochs),
            descent=Descent(lr=config.lr, weight_decay=config.weight_decay),
        )

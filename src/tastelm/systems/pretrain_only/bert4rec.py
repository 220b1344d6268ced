"""BERT4Rec: a bidirectional transformer that fills in hidden items, and is asked for one behind the history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import ClozeHead, SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.masked import MaskedItems
from tastelm.settings import setting, span
from tastelm.systems.common import SequenceSystem, TransformerConfig
from tastelm.train.budget import Budget
from tastelm.train.stage import Stage
from tastelm.views import ItemSequences


class BERT4Rec(SequenceSystem["BERT4Rec.Config"]):
    """Cloze-trained transformer over item sequences (Sun et al., 2019), L = -1/|M| sum_{i in M} log p(x_i | x without M), Eq. 8.

    Deviations, and the paper's way by a setting: masks are drawn anew in every epoch instead of ten static copies; the share
    of sequences whose last item alone is hidden is `last` (1/11 in the code); blocks are pre-norm (`block=post`); positions
    count from the end, so that the question always stands at the same one (`positions=start`); the validation item is never trained on.
    """

    card = Card(
        name="bert4rec",
        paper="Sun et al. 2019, BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from Transformer",
        summary="Masked language modelling over items; wants longer training than sasrec and long histories.",
        paradigm=Paradigm.PRETRAIN_ONLY,
        objectives=(Target.MASKED,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    asks = 1

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        dropout: float = setting(0.2, "share of units dropped in training", source="Sun et al. 2019", at_least=0, at_most=0.95, search=span(0.1, 0.5))
        mask: float = setting(0.5, "share of the items that is hidden", source="0.2 to 0.6 in the paper", above=0, at_most=1, search=span(0.2, 0.7))
        last: float = setting(
            0.2, "share of the sequences whose last item alone is hidden", source="1/11 in the paper's code", at_least=0, at_most=1, search=span(0.0, 0.5)
        )
        batch: int = setting(768, "items read in a step", at_least=1)
        block: Literal["pre", "post"] = setting("pre", "norms before each part, or after it", source="post in the paper")
        positions: Literal["start", "end", "rotary"] = setting(
            "end", "learned vectors counted from the start or the end of the window, or rotary", source="start in the paper"
        )
        head: bool = setting(True, "a dense layer, GELU and norm between state and items, and a bias for each item", source="Sun et al. 2019")
        max_epochs: int = setting(400, "ceiling; training usually ends on its own before", at_least=1)

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        shape = Shape(
            config.dim, config.layers, config.heads, config.max_len, config.dropout,
            norm=config.block, positions=config.positions, position_scale=config.dim**0.5, init="xavier",
        )  # fmt: skip
        items = ItemTable(sizes.items, config.dim, bias=config.head, scale=config.dim**0.5, mask=True)
        head = ClozeHead(config.dim) if config.head else None
        return SequenceRecommender(items, SequenceTransformer(shape, causal=False), head=head, ask="mask")

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        yield Stage(
            "cloze",
            self.build(split.sizes),
            view=ItemSequences(split.train, config.max_len, overlap=0, targets=config.batch),
            objective=MaskedItems(config.item_loss(), rate=config.mask, last=config.last),
            budget=Budget(epochs=config.max_epochs),
            descent=config.descent(patience=5),
        )

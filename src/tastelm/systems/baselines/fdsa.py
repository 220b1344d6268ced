"""FDSA: one causal stack over the items, another over their attributes, joined at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.features import FieldMixer
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.nn.two_stacks import TwoStacks
from tastelm.settings import setting
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.stage import Stage


class FDSA(SequenceSystem["FDSA.Config"]):
    """Feature-level deeper self-attention network (Zhang et al., 2019).

    Deviations: the norm of the items, of the attributes and of the output are three, not one shared by accident as in a popular
    copy; the softmax is over the whole catalogue. Without attributes it is sasrec.
    """

    card = Card(
        name="fdsa",
        paper="Zhang et al. 2019, Feature-level Deeper Self-Attention Network for Sequential Recommendation",
        summary="sasrec with a second stack over the items' attributes; helps where items are rare and well described.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.ATTRIBUTE),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        columns: str = setting("all", "columns of the items table to read: all, none, or names with commas between")

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        shape = Shape(config.dim, config.layers, config.heads, config.max_len, config.dropout)
        items, fields = ItemTable(sizes.items, config.dim, scale=config.dim**0.5), sizes.pick(config.columns)
        if not fields:
            return SequenceRecommender(items, SequenceTransformer(shape, causal=True))
        return TwoStacks(items, shape, FieldMixer(fields, sizes.items, config.dim))

    def stages(self, split: Split) -> Iterator[Stage]:
        module = self.build(split.sizes)
        if isinstance(module, TwoStacks):
            module.features.tables.fill(split.features)
        yield next_item(module, split, self.config)

"""CL4SRec: next item, and two changed copies of a history are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.queue import VectorQueue
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.augment import Crop, Mask, OneOf, Reorder
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.contrastive import TwoViews
from tastelm.settings import setting, span, unless
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.stage import Stage

COMPARED = unless("weight", 0)


class CL4SRec(SequenceSystem["CL4SRec.Config"]):
    """Contrastive learning for sequential recommendation (Xie et al., 2022), L = L_next + w L_contrast, Eq. 4 and 11.

    Deviations: states are compared by cosine over a temperature; the softmax is over the whole catalogue (`loss=bce`,
    `negatives=1`). `queue` adds negatives of earlier batches, which the paper has not (He et al., 2020).
    """

    card = Card(
        name="cl4srec",
        paper="Xie et al. 2022, Contrastive Learning for Sequential Recommendation",
        summary="sasrec that also learns to know a history again when it is cropped, masked or reordered.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE, Target.CONTRASTIVE),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        weight: float = setting(0.1, "of the contrast", source="Xie et al. 2022", at_least=0, search=span(0.01, 0.5, log=True))
        temperature: float = setting(0.5, "of the cosine between two states", above=0, search=span(0.1, 1.0), when=COMPARED)
        crop: float = setting(0.6, "share of a history that a crop keeps", source="Xie et al. 2022", above=0, at_most=1, search=span(0.2, 0.9), when=COMPARED)
        mask: float = setting(0.3, "share of a history that a mask hides", source="Xie et al. 2022", above=0, at_most=1, search=span(0.1, 0.7), when=COMPARED)
        reorder: float = setting(0.6, "share of a history that is reordered", source="Xie et al. 2022", above=0, at_most=1)
        queue: int = setting(0, "states of earlier batches that are negatives too", at_least=0, at_most=65536)

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        shape = Shape(config.dim, config.layers, config.heads, config.max_len, config.dropout)
        items = ItemTable(sizes.items, config.dim, scale=config.dim**0.5, mask=True)
        module = SequenceRecommender(items, SequenceTransformer(shape, causal=True))
        if config.queue:
            module.queue = VectorQueue(config.queue, config.dim)
        return module

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        views = TwoViews(OneOf((Crop(config.crop), Mask(len(split.items), config.mask), Reorder(config.reorder))), config.max_len, config.temperature)
        terms = ((1.0, "next item", NextItem(config.item_loss())), (config.weight, "contrast", views))
        yield next_item(self.build(split.sizes), split, config, objective=WeightedSum(terms))

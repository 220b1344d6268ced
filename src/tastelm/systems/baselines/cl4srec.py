"""CL4SRec: next item, and two changed copies of a history are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.items import ItemTable
from tastelm.nn.queue import VectorQueue
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.augment import Change, Crop, Insert, Mask, OneOf, Reorder, Substitute
from tastelm.objectives.autoregressive import NextItem
from tastelm.objectives.base import WeightedSum
from tastelm.objectives.contrastive import TwoViews
from tastelm.settings import setting, span, unless
from tastelm.similarity import alike
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.stage import Stage

Changes = Literal["random", "informative", "all"]
COMPARED, ANYHOW, INFORMED = unless("weight", 0), unless("changes", "informative"), unless("changes", "random")


class CL4SRec(SequenceSystem["CL4SRec.Config"]):
    """Contrastive learning for sequential recommendation (Xie et al., 2022), L = L_next + w L_contrast, Eq. 4 and 11.

    Deviations: states are compared by cosine over a temperature; the softmax is over the whole catalogue (`loss=bce`,
    `negatives=1`). `queue` adds negatives of earlier batches, which the paper has not (He et al., 2020). `changes=informative` puts in items
    that the same users met, in place of others or before them, and `changes=all` draws among all five (CoSeRec, Liu et al., 2021, whatever
    the length of a history; most alike by cosine).
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
        crop: float = setting(0.6, "share of a history that a crop keeps", source="Xie et al. 2022", above=0, at_most=1, search=span(0.2, 0.9), when=ANYHOW)
        mask: float = setting(0.3, "share of a history that a mask hides", source="Xie et al. 2022", above=0, at_most=1, search=span(0.1, 0.7), when=ANYHOW)
        reorder: float = setting(0.6, "share of a history that is reordered", source="Xie et al. 2022", above=0, at_most=1)
        changes: Changes = setting("random", "crop, mask, reorder; or put in similar items; or all", source="Xie et al. 2022", when=COMPARED, later=True)
        similar: float = setting(
            0.3, "share of a history that similar items stand for, or before", above=0, at_most=1, search=span(0.1, 0.7), when=INFORMED, later=True
        )
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
        views = TwoViews(OneOf(self._changes(split)), config.max_len, config.temperature)
        terms = ((1.0, "next item", NextItem(config.item_loss())), (config.weight, "contrast", views))
        yield next_item(self.build(split.sizes), split, config, objective=WeightedSum(terms))

    def _changes(self, split: Split) -> tuple[Change, ...]:
        config = self.config
        anyhow = Crop(config.crop), Mask(len(split.items), config.mask), Reorder(config.reorder)
        if config.changes == "random":
            return anyhow
        similar = alike(split.train, len(split.items))
        informed = Substitute(similar, config.similar), Insert(similar, config.max_len, config.similar)
        return informed if config.changes == "informative" else (*anyhow, *informed)

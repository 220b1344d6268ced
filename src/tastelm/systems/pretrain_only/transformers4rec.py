"""Transformers4Rec: one encoder over items and their side features, with any of four language-model objectives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.features import FeaturedItems, with_features
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import ClozeHead, SequenceRecommender, SequenceTransformer, Shape
from tastelm.nn.two_stream import TwoStreamRecommender
from tastelm.objectives.base import Objective
from tastelm.objectives.item_loss import ItemLoss, item_loss
from tastelm.objectives.masked import Count, MaskedItems
from tastelm.objectives.permuted import PermutedItems
from tastelm.objectives.replaced import ReplacedItems
from tastelm.settings import among, setting, span, unless, when
from tastelm.systems.common import SequenceSystem, TransformerConfig, hidden_items, next_item
from tastelm.train.stage import Stage

HIDES, DETECTS = unless("objective", "clm"), when("objective", "rtd")


class Transformers4Rec(SequenceSystem["Transformers4Rec.Config"]):
    """Transformers4Rec (de Souza Pereira Moreira et al., 2021): causal, masked, permuted modelling or replaced-token detection over
    sessions whose items carry side features. A mask hides an item with all its features.

    Deviations: rotary instead of XLNet's relative positions; features begin at the scale of the items
    instead of behind a norm each; replaced-token detection ranks with the generator, as in the paper, and draws replacements from the
    items hidden in the batch. `count=bernoulli`, `last=0` hide as its library does.
    """

    card = Card(
        name="transformers4rec",
        paper="de Souza Pereira Moreira et al. 2021, Transformers4Rec: Bridging the Gap between NLP and Sequential/Session-Based Recommendation",
        summary="Choose the objective (clm, mlm, plm, rtd) and the items' columns to read; for sessions with side features.",
        paradigm=Paradigm.PRETRAIN_ONLY,
        objectives=(Target.AUTOREGRESSIVE, Target.MASKED, Target.PERMUTED, Target.REPLACED),
        task=Question.SESSION,
        data=(DataType.SEQUENCE, DataType.ATTRIBUTE),
    )

    asks = 1

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        objective: Literal["clm", "mlm", "plm", "rtd"] = setting(
            "mlm", "causal, masked or permuted modelling, or replaced-token detection", source="all four in the paper", search=among("clm", "mlm", "plm", "rtd")
        )
        columns: str = setting("all", "columns of the items table to read: all, none, or names with commas between")
        fusion: Literal["sum", "concat", "gated", "attention", "product"] = setting(
            "concat", "how an item and its columns become one vector", source="concat, sum and product in the paper"
        )
        answer: Literal["items", "fused"] = setting(
            "items", "what a state is compared with: the items' own vectors, or those joined by their columns", source="items in the paper"
        )
        dropout: float = setting(0.2, "share of units dropped in training", source="0 to 0.5 in the paper", at_least=0, at_most=0.95, search=span(0.1, 0.5))
        mask: float = setting(
            0.3, "share of the items that is hidden or asked for", source="0 to 0.7 in the paper", above=0, at_most=1, search=span(0.1, 0.6), when=HIDES
        )
        last: float = setting(
            0.2, "share of the sequences whose last item alone is asked for", source="0 in the paper", at_least=0, at_most=1, search=span(0.0, 0.5), when=HIDES
        )
        count: Count = setting("exact", "that share of each history, or a drawn item and others by chance", source="bernoulli in its library", later=True)
        max_span: int = setting(5, "longest span that plm asks for", source="2 to 6 in the paper", at_least=1, search=span(2, 6), when=when("objective", "plm"))
        rtd_weight: float = setting(10.0, "of the detection", source="1 to 50 in the paper", above=0, search=span(1.0, 50.0, log=True), when=DETECTS)
        positions: Literal["start", "end", "rotary"] = setting("rotary", "learned vectors counted from an end of the window, or rotary")
        smoothing: float = setting(
            0.0, "share of the target that the full softmax spreads over the catalogue", source="0 to 0.9 in the paper",
            at_least=0, at_most=0.99, search=span(0.0, 0.6), when=when("loss", "full"),
        )  # fmt: skip
        max_epochs: int = setting(400, "ceiling; training usually ends on its own before", at_least=1)

        def item_loss(self) -> ItemLoss:
            return item_loss(self.loss, negatives=self.negatives, smoothing=self.smoothing, half=self.half)

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config, causal = self.config, self.config.objective == "clm"
        shape = Shape(
            config.dim, config.layers, config.heads, config.max_len, config.dropout, positions=config.positions,
            position_scale=1.0 if causal else config.dim**0.5, init="small" if causal else "xavier",
        )  # fmt: skip
        table = ItemTable(sizes.items, config.dim, bias=not causal, scale=config.dim**0.5, mask=not causal)
        items = with_features(table, sizes.pick(config.columns), config.fusion, scored=config.answer == "fused")
        encoder = SequenceTransformer(shape, causal=causal)
        if causal:
            return SequenceRecommender(items, encoder)
        kind = TwoStreamRecommender if config.objective == "plm" else SequenceRecommender
        module = kind(items, encoder, head=ClozeHead(config.dim), ask="mask")
        if config.objective == "rtd":
            module.discriminator = nn.Linear(config.dim, 1)
        return module

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)
        if isinstance(module.items, FeaturedItems):
            module.items.fill(split.features)
        if config.objective == "clm":
            yield next_item(module, split, config)
            return
        # Of a single item nothing is told before.
        yield hidden_items(config.objective, module, split, config, self._objective(), least=2 if config.objective == "plm" else 1)

    def _objective(self) -> Objective:
        config, loss = self.config, self.config.item_loss()
        if config.objective == "plm":
            return PermutedItems(loss, rate=config.mask, span=config.max_span, last=config.last)
        if config.objective == "rtd":
            return ReplacedItems(loss, rate=config.mask, last=config.last, weight=config.rtd_weight, count=config.count)
        return MaskedItems(loss, rate=config.mask, last=config.last, count=config.count)

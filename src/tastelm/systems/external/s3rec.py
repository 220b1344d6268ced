"""S3-Rec: pre-train on how items, attributes, sequences and segments belong together; then tune for the next item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import DataError, SettingError
from tastelm.nn.associations import Associations
from tastelm.nn.items import ItemTable
from tastelm.nn.ragged import CategoryTable
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape
from tastelm.objectives.item_loss import item_loss
from tastelm.objectives.mutual_information import MutualInformation, Weights
from tastelm.settings import setting, span, unless
from tastelm.strategies import External, Partial, PretrainOnly
from tastelm.systems.common import SequenceSystem, TransformerConfig, next_item
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences

DRAWN = 256  # items the first stage draws at least: one alone, as `loss=bpr` has in the second, would stand for the whole catalogue there
FIRST = unless("pretrain_epochs", 0)


class S3Rec(SequenceSystem["S3Rec.Config"]):
    """Self-supervised learning with mutual information maximisation (Zhou et al., 2020), Eq. 5 to 10, then SASRec from those weights.

    Deviations: the encoder looks both ways in the first stage and back in the second, as in the paper's code, but its blocks are pre-norm
    (`block=post`); losses are means over their predictions, not sums; a critic is the bilinear form without a sigmoid; every history is one window,
    not every prefix a sample; the second stage has the full softmax (`loss=bpr`, `negatives=1` for the paper's pairwise loss). Without attributes
    the two objectives about them are left out. `pretrain_epochs=0` is sasrec.
    """

    card = Card(
        name="s3rec",
        paper="Zhou et al. 2020, S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual Information Maximization",
        summary="Pre-trains on items, attributes and segments, then tunes for the next item; wants attributes.",
        paradigm=Paradigm.EXTERNAL,
        objectives=(Target.MUTUAL_INFORMATION, Target.PAIRWISE),
        task=Question.SEQUENTIAL,
        data=(DataType.ATTRIBUTE, DataType.SEQUENCE),
    )

    @dataclass(frozen=True)
    class Config(TransformerConfig):
        columns: str = setting("all", "columns of categories of the items table to read: all, none, or names with commas between")
        pretrain_epochs: int = setting(30, "passes over the histories in the first stage; 0: none", source="100 to 150 in the paper's code", at_least=0)
        pretrain_lr: float = setting(
            1e-3, "rate of the first stage", source="Zhou et al. 2020", above=0, at_most=1, search=span(3e-4, 3e-3, log=True), when=FIRST
        )
        pretrain_loss: Literal["full", "sampled"] = setting("sampled", "hidden items against drawn ones, or all", source="one negative in the paper's code")
        block: Literal["pre", "post"] = setting("pre", "norms before each part, or after it", source="post in the paper's code", later=True)
        item_attribute: float = setting(0.2, "weight of item-attribute", source="Zhou et al. 2020", at_least=0)
        sequence_item: float = setting(1.0, "weight of masked items", source="Zhou et al. 2020", at_least=0)
        sequence_attribute: float = setting(1.0, "weight of attributes of masked items", source="Zhou et al. 2020", at_least=0)
        sequence_segment: float = setting(0.5, "weight of segments", source="Zhou et al. 2020", at_least=0)
        mask: float = setting(0.2, "share of items hidden in pre-training", source="Zhou et al. 2020", above=0, at_most=1, search=span(0.1, 0.5), when=FIRST)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.pretrain_epochs and not any(vars(self.weights()).values()):
                raise SettingError("pretrain_epochs: all weights of the first stage are 0. Give one a weight, or set pretrain_epochs=0.")

        @property
        def reads_sequences(self) -> bool:
            """Whether the first stage learns from more than pairs of items and attributes."""
            return bool(self.sequence_item or self.sequence_attribute or self.sequence_segment)

        def weights(self, *, attributes: bool = True, segments: bool = True) -> Weights:
            """Of the four objectives; what the data have nothing of has none."""
            return Weights(self.item_attribute * attributes, self.sequence_item, self.sequence_attribute * attributes, self.sequence_segment * segments)

    def from_scratch(self) -> S3Rec:
        return S3Rec(replace(self.config, pretrain_epochs=0))

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config, fills = self.config, self.config.pretrain_epochs > 0 and self.config.reads_sequences
        shape = Shape(
            config.dim, config.layers, config.heads, config.max_len, config.dropout, norm=config.block,
            # A hidden item is known by its place and by what attention brings, which must be more than a whisper from the start.
            position_scale=config.dim**0.5 if fills else 1.0, init="xavier" if fills else "small",
        )  # fmt: skip
        items = ItemTable(sizes.items, config.dim, scale=config.dim**0.5, mask=fills)
        return SequenceRecommender(items, SequenceTransformer(shape, causal=True))

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)
        tune = next_item(module, split, config)
        if config.pretrain_epochs:
            module.backbone.causal = False
            yield self._pre_training(module, split)
            module.backbone.causal = True
        # What stood only for what was hidden is no part of the answer.
        yield replace(tune, name="tune", strategy=External(starting_point=True), share=0.5 if config.pretrain_epochs else 1.0)

    def _pre_training(self, module: SequenceRecommender, split: Split) -> Stage:
        config = self.config
        fields = [field.name for field in split.sizes.pick(config.columns) if field.kind == "categories" and field.values > 1]
        weights = config.weights(attributes=bool(fields), segments=int(np.count_nonzero(split.train.lengths >= 2)) > 1)  # one alone has no other
        if not any(vars(weights).values()):
            raise DataError(f"{split.dataset.name}: no attributes of items, or no two histories, for what counts. Set sequence_item=1 or pretrain_epochs=0.")
        table = CategoryTable.of(*split.features.merged(fields), config.dim) if fields else None
        critics = [name for name, weight in vars(weights).items() if weight]
        loss = item_loss(config.pretrain_loss, negatives=max(config.negatives, DRAWN), half=config.half)
        # Pairs of items and attributes say nothing to the encoder.
        strategy = PretrainOnly() if config.reads_sequences else Partial(frozenset({"items", "table", *critics}))
        return Stage(
            "pre-train", Associations(module.items, module.backbone, table, critics), objective=MutualInformation(loss, weights, config.mask),
            view=ItemSequences(split.train, config.max_len, overlap=0, targets=config.batch), strategy=strategy, share=0.5, monitor=None,
            budget=Budget(epochs=config.pretrain_epochs), descent=Descent(lr=config.pretrain_lr),
        )  # fmt: skip

"""Caser: the last few items as an image, read by horizontal and vertical convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.convolution import CaserEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.personal import PersonalRecommender
from tastelm.nn.sequence import SequenceRecommender
from tastelm.objectives.next_k import NextItems
from tastelm.settings import among, setting, span
from tastelm.systems.common import SequenceConfig, SequenceSystem, next_item
from tastelm.train.stage import Stage


class Caser(SequenceSystem["Caser.Config"]):
    """Personalized top-N sequential recommendation via convolutional sequence embedding (Tang and Wang, 2018), Eq. 3 to 9.

    Deviations: the user's vector is left out, since strangers must be answered too (`user_vector=true` has it, and strangers then have the
    zero vector); the softmax is over the whole catalogue (`loss=bce`, `negatives=3`); every prefix of a history is learnt from, not only those of L items.
    """

    card = Card(
        name="caser",
        paper="Tang and Wang 2018, Personalized Top-N Sequential Recommendation via Convolutional Sequence Embedding",
        summary="Convolutions over the last few items; blind to what lies further back.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config(SequenceConfig):
        window: int = setting(5, "L, last items that are looked at", source="Tang and Wang 2018", at_least=1, at_most=100, search=span(3, 9))
        targets: int = setting(1, "T, how many of the next items each window is to predict", source="3 in the paper", at_least=1, at_most=20, search=span(1, 3))
        horizontal: int = setting(16, "horizontal filters of each height", source="Tang and Wang 2018", at_least=1, search=among(4, 8, 16, 32))
        vertical: int = setting(4, "vertical filters", source="Tang and Wang 2018", at_least=1, search=among(1, 2, 4, 8))
        bias: bool = setting(True, "a learned number for each item", source="Tang and Wang 2018")
        user_vector: bool = setting(False, "a learned vector of each user beside the state of the history", source="true in the paper")

    def build(self, sizes: Sizes) -> SequenceRecommender:
        config = self.config
        encoder = CaserEncoder(
            config.dim, window=config.window, horizontal=config.horizontal, vertical=config.vertical, max_len=config.max_len, dropout=config.dropout
        )
        out = 2 * config.dim if config.user_vector else config.dim
        items = ItemTable(sizes.items, config.dim, tied=False, bias=config.bias, scale=config.dim**0.5, out=out)
        return PersonalRecommender(items, encoder, sizes.users, config.dim) if config.user_vector else SequenceRecommender(items, encoder)

    def stages(self, split: Split) -> Iterator[Stage]:
        objective = NextItems(self.config.item_loss(), self.config.targets)
        yield next_item(self.build(split.sizes), split, self.config, objective=objective)

"""EASE: a linear autoencoder over items, solved in one go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import DataError
from tastelm.nn.linear import ItemToItem
from tastelm.settings import setting, span
from tastelm.similarity import ease_weights
from tastelm.systems.base import System
from tastelm.train.stage import Stage


class EASE(System["EASE.Config"]):
    """B = I - P / diag(P) with P = (X'X + l2 I)^-1 (Steck, 2019, Eq. 8)."""

    card = Card(
        name="ease",
        paper="Steck 2019, Embarrassingly Shallow Autoencoders for Sparse Data",
        summary="Strong on dense data with up to some 30,000 items; time and memory grow with the catalogue cubed and squared.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.RECONSTRUCTION,),
        task=Question.TOP_N,
        data=(DataType.INTERACTION,),
    )

    @dataclass(frozen=True)
    class Config:
        l2: float = setting(250.0, "ridge penalty; larger for sparser data", source="Steck 2019 uses 200 to 1000", above=0, search=span(10, 5000, log=True))
        max_items: int = setting(40_000, "refuse larger catalogues: the table takes 4 bytes x items squared, three times while fitting", at_least=1)

    def build(self, sizes: Sizes) -> ItemToItem:
        return ItemToItem(sizes.items)

    def stages(self, split: Split) -> Iterator[Stage]:
        count = len(split.items)
        if count > self.config.max_items:
            need = 12 * count**2 / 2**30
            raise DataError(f"ease: {count:,} items need {need:,.0f} GiB to fit. Use itemknn, filter with --k-core, or raise --set ease.max_items.")
        module = self.build(split.sizes)
        yield Stage("solve", module, solve=lambda: module.weight.copy_(ease_weights(split.train, count, self.config.l2)))

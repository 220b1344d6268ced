"""Popularity: everybody is recommended what most people met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.linear import ItemPrior
from tastelm.systems.base import System
from tastelm.train.stage import Stage


class Popularity(System["Popularity.Config"]):
    """Items by how often they were met in the training part."""

    card = Card(
        name="popularity",
        paper="-",
        summary="The floor: the same popular items for everybody.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.COUNT,),
        task=Question.TOP_N,
        data=(DataType.INTERACTION,),
    )

    @dataclass(frozen=True)
    class Config:
        """Nothing to set."""

    def build(self, sizes: Sizes) -> ItemPrior:
        return ItemPrior(sizes.items)

    def stages(self, split: Split) -> Iterator[Stage]:
        module = self.build(split.sizes)
        yield Stage("count", module, solve=lambda: module.scores.copy_(torch.from_numpy(split.popularity)))

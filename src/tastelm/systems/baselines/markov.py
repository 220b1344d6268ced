"""A first-order Markov chain over items: what most often came after the last one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.linear import Neighbours
from tastelm.settings import setting, span
from tastelm.similarity import transitions
from tastelm.systems.base import System
from tastelm.train.stage import Stage


class Markov(System["Markov.Config"]):
    """p(j | i) = c(i, j) / (sum_j c(i, j) + shrink), where c counts how often j came within `reach` places behind i, by 1 / distance.

    With `reach=1` and `shrink=0` this is the first-order chain of the session literature.
    """

    card = Card(
        name="markov",
        paper="Ludewig and Jannach 2018, Evaluation of Session-based Recommendation Algorithms (MC, SR)",
        summary="Seconds to fit: what came after the last item. Hard to beat on short sessions.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.COUNT,),
        task=Question.SESSION,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config:
        reach: int = setting(3, "places behind an item that count", source="1 in the first-order chain", at_least=1, at_most=100, search=span(1, 10))
        recent: int = setting(3, "last items of a history that are looked at; 0: all", source="1 in the first-order chain", at_least=0, search=span(1, 5))
        shrink: float = setting(1.0, "distrust of items that were seldom followed", at_least=0, search=span(0.1, 30.0, log=True))
        neighbours: int = setting(200, "followers kept of each item", at_least=1)

    def build(self, sizes: Sizes) -> Neighbours:
        return Neighbours(sizes.items, min(self.config.neighbours, sizes.items), recent=self.config.recent)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module = self.config, self.build(split.sizes)

        def solve() -> None:
            codes, weights = transitions(split.train, len(split.items), module.codes.shape[1], reach=config.reach, shrink=config.shrink)
            module.codes.copy_(codes)
            module.weights.copy_(weights)

        yield Stage("count", module, solve=solve)

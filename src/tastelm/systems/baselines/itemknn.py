"""ItemKNN: items that the same users met are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.linear import Neighbours
from tastelm.settings import among, setting, span
from tastelm.similarity import cosine_neighbours
from tastelm.systems.base import System
from tastelm.train.stage import Stage


class ItemKNN(System["ItemKNN.Config"]):
    """Shrunk cosine between the user columns of two items, the nearest of each kept (Sarwar et al., 2001; shrinkage as in Bell and Koren, 2007):
    sim(i, j) = |U_i & U_j| / (sqrt(|U_i| |U_j|) + shrink).

    Deviation, chosen on validation: the last three items of a history are looked at (`recent=0`: all of it).
    """

    card = Card(
        name="itemknn",
        paper="Sarwar et al. 2001, Item-Based Collaborative Filtering Recommendation Algorithms",
        summary="Seconds to fit and hard to beat on sparse data: items met by the same users.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.SIMILARITY,),
        task=Question.TOP_N,
        data=(DataType.INTERACTION,),
    )

    @dataclass(frozen=True)
    class Config:
        neighbours: int = setting(200, "similar items kept of each item", at_least=1, search=span(10, 1000, log=True))
        shrink: float = setting(10.0, "distrust of pairs met by few users", at_least=0, search=span(0, 100))
        recent: int = setting(3, "last items of a history that are looked at; 0: all", source="0 in the paper", at_least=0, search=among(0, 1, 2, 3, 5, 10))

    def build(self, sizes: Sizes) -> Neighbours:
        return Neighbours(sizes.items, min(self.config.neighbours, sizes.items), recent=self.config.recent)

    def stages(self, split: Split) -> Iterator[Stage]:
        module = self.build(split.sizes)

        def solve() -> None:
            codes, weights = cosine_neighbours(split.train, len(split.items), module.codes.shape[1], self.config.shrink)
            module.codes.copy_(codes)
            module.weights.copy_(weights)

        yield Stage("count", module, solve=solve)

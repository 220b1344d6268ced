"""Session k-nearest neighbours: what sessions like this one went on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.sessions import SessionNeighbours
from tastelm.settings import setting, span
from tastelm.systems.base import System
from tastelm.train.stage import Stage


class SkNN(System["SkNN.Config"]):
    """V-SkNN (Ludewig and Jannach, 2018; Jannach and Ludewig, 2017): score(j) = sum over the k nearest sessions s that hold j of sim(s, history).

    Deviation: of a long training history the last `longest` items are stored, as a session is short.
    """

    card = Card(
        name="sknn",
        paper="Ludewig and Jannach 2018, Evaluation of Session-based Recommendation Algorithms (V-SkNN)",
        summary="No training at all: looks for sessions like this one. Often ahead of networks on short sessions.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.SIMILARITY,),
        task=Question.SESSION,
        data=(DataType.SEQUENCE,),
    )

    @dataclass(frozen=True)
    class Config:
        neighbours: int = setting(100, "k, sessions that vote", source="Ludewig and Jannach 2018", at_least=1, search=span(20, 500, log=True))
        sample: int = setting(1000, "newest sessions that are compared; 0: all", source="Ludewig and Jannach 2018", at_least=0)
        longest: int = setting(20, "last items of a training history that are stored", at_least=1, search=span(5, 50))

    def build(self, sizes: Sizes) -> SessionNeighbours:
        return SessionNeighbours(sizes.items, neighbours=self.config.neighbours, sample=self.config.sample)

    def stages(self, split: Split) -> Iterator[Stage]:
        module = self.build(split.sizes)

        def solve() -> None:
            stored = split.train.last(self.config.longest)
            if stored.times is not None:  # newest last, where it is known which is
                ends = np.where(stored.lengths > 0, stored.times[np.maximum(stored.offsets[1:] - 1, 0)], -np.inf)
                stored = stored.take(np.argsort(ends, kind="stable"))
            module.sessions.fill(stored)

        yield Stage("store", module, solve=solve)

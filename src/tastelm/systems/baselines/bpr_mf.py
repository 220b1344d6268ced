"""BPR-MF: matrix factorisation that ranks what a user met above what the user did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.nn.factors import Factors
from tastelm.objectives.ranking import PairwiseRanking, met_pairs
from tastelm.settings import among, setting, span
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.schedule import Schedule
from tastelm.train.stage import Descent, Stage
from tastelm.views import Pairs


class BPRMF(System["BPRMF.Config"]):
    """Matrix factorisation under BPR-OPT (Rendle et al., 2009), by AdamW instead of plain stochastic descent, with item biases."""

    card = Card(
        name="bpr-mf",
        paper="Rendle et al. 2009, BPR: Bayesian Personalized Ranking from Implicit Feedback",
        summary="A vector for each user and item; blind to order. Strangers are folded in from their history.",
        paradigm=Paradigm.BASELINE,
        objectives=(Target.PAIRWISE,),
        task=Question.TOP_N,
        data=(DataType.INTERACTION,),
    )

    @dataclass(frozen=True)
    class Config:
        dim: int = setting(64, "width of the vectors", at_least=1, search=among(32, 64, 128))
        lr: float = setting(3e-3, "peak learning rate", above=0, at_most=1, search=span(5e-4, 2e-2, log=True))
        l2: float = setting(1e-3, "weight of the squared vectors of each triple", at_least=0, search=span(1e-5, 1e-1, log=True))
        negatives: int = setting(4, "items drawn against each item met", at_least=1, search=among(1, 4, 16))
        batch: int = setting(1024, "interactions in a step", at_least=1)
        strangers: float = setting(1.0, "ridge penalty when a stranger's vector is folded in", above=0)
        max_epochs: int = setting(200, "ceiling; training usually ends on its own before", at_least=1)

    def build(self, sizes: Sizes) -> Factors:
        return Factors(sizes.users, sizes.items, self.config.dim, strangers=self.config.strangers)

    def stages(self, split: Split) -> Iterator[Stage]:
        config, count = self.config, len(split.items)
        yield Stage(
            "rank pairs",
            self.build(split.sizes),
            view=Pairs(split.train, config.batch),
            objective=PairwiseRanking(met_pairs(split.train, count), count, config.l2, config.negatives),
            budget=Budget(epochs=config.max_epochs),
            descent=Descent(lr=config.lr, schedule=Schedule()),
        )

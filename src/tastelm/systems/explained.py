"""What systems that explain share: their settings, their words, and the stage that learns sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from tastelm.data.explanations import Explanations, explanations
from tastelm.data.split import Part, Split
from tastelm.errors import DataError
from tastelm.objectives.base import Objective, WeightedSum
from tastelm.objectives.rating import RatingError
from tastelm.plm.tokens import trained_on
from tastelm.prompting.explainer import Explains, Writing
from tastelm.prompting.lm_explainer import LMExplainer
from tastelm.prompting.reasons import Reasons
from tastelm.prompting.teaching import WriteTargets
from tastelm.prompting.word_explainer import WordExplainer
from tastelm.settings import among, setting, span
from tastelm.strategies import PretrainOnly, Strategy
from tastelm.systems.base import Judging
from tastelm.systems.texts import give_words
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage

# A rating of every item is a pass for every pair: where a fit ends, few items are rated for a user.
JUDGING = Judging("uniform-99", cases=2000)
# Bytes and marks that every tokenizer holds before its first word.
BARE = 260
# Sentences of the validation part that choose the weights, drawn where there are more: they are the same at every look, so that few tell enough,
# and a large language model would read thousands for minutes.
JUDGES = 500


@dataclass(frozen=True)
class WordConfig:
    """Settings of the systems that learn their words from the training sentences. A system overrides the defaults that its paper or its size wants."""

    dim: int = setting(64, "width of the vectors of users, items and words", at_least=2, search=among(32, 64, 128))
    dropout: float = setting(0.2, "share of units dropped in training", at_least=0, at_most=0.95, search=span(0.0, 0.5))
    vocabulary: int = setting(2048, "tokens that are learnt from the training sentences, at most", source="20,000 words in Li et al. 2021", at_least=BARE)
    longest: int = setting(20, "tokens of a sentence; longer ones are cut", source="Li et al. 2023", at_least=1, at_most=500)
    lr: float = setting(2e-3, "peak learning rate of AdamW", above=0, at_most=1, search=span(3e-4, 1e-2, log=True))
    batch: int = setting(128, "sentences in a step", source="Li et al. 2021", at_least=1)
    max_epochs: int = setting(100, "ceiling; training usually ends on its own before", source="Li et al. 2021", at_least=1)

    @property
    def writing(self) -> Writing:
        """How sentences are written."""
        return Writing(self.longest, self.batch)


@dataclass(frozen=True, eq=False)
class Told:
    """The explanations of the training part, and some of the validation part, which choose the weights."""

    train: Explanations
    valid: Explanations

    @classmethod
    def of(cls, split: Split, owner: str, *, rated: bool = False) -> Told:
        """Those of a split. `rated`: the ratings are learnt too. Raises DataError where the data have no explanations, or no ratings to learn."""
        train, valid = (explanations(split, part, owner=owner) for part in (Part.TRAIN, Part.VALID))
        if not len(train):
            raise DataError(f"{split.dataset.name}: {owner} learns from explanations, but no interaction of the training part has one. Use more data.")
        if rated and bool(np.isnan(train.ratings).all()):
            raise DataError(f"{split.dataset.name}: {owner} learns ratings too, but the data have none. Name their column with --rating NAME.")
        return cls(train, valid.take(np.sort(np.random.default_rng(0).permutation(len(valid))[:JUDGES])))

    def stage(
        self, name: str, module: nn.Module, *, batch: int, lr: float, epochs: int, objective: Objective | None = None, strategy: Strategy | None = None,
        share: float = 1.0,
    ) -> Stage:  # fmt: skip
        """Learn the training sentences, by their likelihood unless another `objective` is given."""
        judges = Reasons(self.valid, batch, counted=False) if len(self.valid) else None
        return Stage(
            name,
            module,
            view=Reasons(self.train, batch, counted=True),
            objective=objective or WriteTargets(),
            strategy=strategy or PretrainOnly(),
            budget=Budget(epochs=epochs),
            share=share,
            descent=Descent(lr=lr, clip=1.0),
            judges=judges,
            monitor="likelihood" if judges else None,
        )


def text_and_rating(weight: float) -> Objective:
    """L = L_text + weight L_rating; a weight of 0 leaves the rating out."""
    text = WriteTargets()
    return WeightedSum([(1.0, "text", text), (weight, "rating", RatingError())]) if weight else text


def knowing(module: Explains, told: Told, split: Split) -> None:
    """Tell a module what it must know of the training part; one that has no words yet learns them from its sentences."""
    module.know(told.train, split.popularity)
    if isinstance(module, WordExplainer):
        module.write_with(trained_on(told.train.texts, size=module.vocabulary))
    elif isinstance(module, LMExplainer):
        give_words(module.backbone, module.words(told.train))

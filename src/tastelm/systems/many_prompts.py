"""What systems share that are taught by many prompts to write items: P5 and those that follow it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tastelm.data.features import Sizes
from tastelm.data.split import Split
from tastelm.errors import SettingError
from tastelm.plm.loading import seq2seq_lm, tokens_of
from tastelm.plm.seq2seq import Seq2SeqLM
from tastelm.plm.source import parse_source
from tastelm.prompting.choices import ANSWERS
from tastelm.prompting.lessons import ItemLesson, can_ask, slots_of
from tastelm.prompting.teaching import Lesson, Lessons, WriteTargets
from tastelm.prompting.writer import Asking, ItemWriter
from tastelm.settings import among, asked_otherwise, setting
from tastelm.systems.base import Judging, System
from tastelm.systems.texts import read_back, told
from tastelm.systems.written import Ids, WritingConfig
from tastelm.text.template import Template
from tastelm.train.budget import Budget
from tastelm.train.stage import Descent, Stage

SCRATCH = "scratch"
# What a prompt may ask for.
ANY, CHOICE, VERDICT = "any item", "one of several candidates", "yes or no about an item"
# A choice reads a long prompt and writes every candidate behind it, and a yes or no is a prompt for each: few are asked.
JUDGING = {ANY: Judging(cases=2000, looks=1000), CHOICE: Judging("uniform-99", cases=500, looks=100), VERDICT: Judging("uniform-99", cases=100, looks=50)}


@dataclass(frozen=True)
class ManyPromptsConfig(WritingConfig):
    """Their settings."""

    ids: Ids = setting("collaborative", "what the tokens of an item follow")
    levels: int = setting(2, "tokens of an item, for ids of a fixed number", at_least=1, at_most=8)
    codes: int = setting(128, "codes of each level", at_least=2, at_most=4096, search=among(64, 128, 256))
    words: int = setting(512, "tokens of the words of the prompts", at_least=300, at_most=100_000)
    sequential: int = setting(5, "examples of the next item of each user in an epoch", at_least=1, at_most=1000)
    direct: int = setting(2, "examples of direct recommendation of each user in an epoch", at_least=0, at_most=1000)
    prompt: str = setting("", "that prompt in full; it follows ask")
    whole_words: bool = setting(True, "number the words, so that the pieces of one are known to belong together", source="Geng et al. 2022")
    model: str = setting(
        SCRATCH, "what training begins with: scratch, of the size of dim, layers and heads (or scratch:SIZES), or a T5: folder:PATH, hub:NAME",
        source="T5 in the paper", later=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._from_scratch:
            parse_source(self.model)

    def needed(self, split: Split, words: int) -> int:
        if self._from_scratch:
            return super().needed(split, words)
        return tokens_of(self.model).size + (0 if self.ids == "titles" else self.tokens(split).vocabulary)

    def begun(self) -> Seq2SeqLM:
        if self.model == SCRATCH:
            return super().begun()
        model = seq2seq_lm(self.model)
        model.grow(self.vocabulary)
        return model

    @property
    def _from_scratch(self) -> bool:
        return self.model == SCRATCH or self.model.startswith(f"{SCRATCH}:")


C = TypeVar("C", bound=ManyPromptsConfig)


@dataclass(frozen=True)
class Course:
    """Templates of one task, how many examples of each user an epoch has of it, and how many candidates those show that show any."""

    templates: Sequence[Template]
    per_user: int
    candidates: int = 20


@dataclass(frozen=True)
class Beside:
    """What is learnt beside the naming of items.

    lessons  of whatever it is, with the items as texts
    texts    whose words are needed for them
    tell     lets the module know what it must know
    """

    lessons: Callable[[Sequence[str]], Sequence[Lesson]] = field(default=lambda names: ())
    texts: Sequence[str] = ()
    tell: Callable[[ItemWriter], None] = field(default=lambda module: None)


class ManyPrompts(System[C]):
    """One sequence-to-sequence model, one likelihood, many prompts; one of them asks for the next item. A subclass says which there are."""

    judging = JUDGING[ANY]

    @abstractmethod
    def asked(self, data: str) -> Template:
        """The prompt that asks, unless the settings hold one in full; `data` is the name of the data."""

    @abstractmethod
    def courses(self, data: str) -> list[Course]:
        """What is trained on."""

    def chosen(self, split: Split) -> C:
        """The settings with those filled in that follow the data, but for vocabulary and prompt."""
        return self.config

    def writer(self, items: int, asking: Asking) -> ItemWriter:
        """What reads and writes, not yet trained."""
        return ItemWriter(self.config.begun(), items, asking, whole_words=self.config.whole_words)

    def beside(self, split: Split) -> Beside:
        """What is learnt beside the courses."""
        return Beside()

    def settle(self, split: Split) -> ManyPrompts[C]:
        config = self.chosen(split)
        vocabulary = config.vocabulary or config.needed(split, config.words)
        data = split.dataset.name
        return type(self)(replace(config, vocabulary=vocabulary, prompt=config.prompt or told(self.asked(data))))._ready(data)

    def asked_by(self, values: Mapping[str, Any], data: str) -> ManyPrompts[C]:
        made = type(self)(asked_otherwise(self.config, values, owner=self.card.name))
        before, now = told(self.asked(data)), told(made.asked(data))
        if now != before and self.config.prompt != before:
            raise SettingError(f"{self.card.name}.ask: the run was trained with a prompt in full, so ask chooses nothing. Train one without --set prompt.")
        return (made if now == before else type(self)(replace(made.config, prompt=now)))._ready(data)

    def _ready(self, data: str) -> ManyPrompts[C]:
        """Itself, with how it is judged. Raises SettingError where its prompt asks as none does that is trained on."""
        template, owner = read_back(self.config.prompt), self.card.name
        taught, way = {_way(known, owner) for course in self.courses(data) for known in course.templates if course.per_user}, _way(template, owner)
        if way not in taught:
            raise SettingError(
                f"{owner}.ask: the prompt {template.name} does not ask for the next item of a history or user as those do that are trained on: "
                f"it asks for {way}, they ask for {' or '.join(sorted(taught))}. Choose one of them, or train on prompts that ask so."
            )
        self.judging = JUDGING[way]  # type: ignore[misc]
        return self

    def build(self, sizes: Sizes) -> ItemWriter:
        config, template = self.config, read_back(self.config.prompt)
        slots, way = slots_of(template, template.source_prompt), _way(template, self.card.name)
        module = self.writer(
            sizes.items,
            Asking(
                template, slots.get("history", "history"), slots.get("user"), config.shown, config.beams, config.batch,
                slots["candidates"] if way == CHOICE else None, slots["item"] if way == VERDICT else None, slots.get("image"),
            ),
        )  # fmt: skip
        module.needs_users = True
        return module

    def stages(self, split: Split) -> Iterator[Stage]:
        config, module, courses = self.config, self.build(split.sizes), self.courses(split.dataset.name)
        beside, texts = self.beside(split), [text for course in courses for template in course.templates for text in (template.source, template.target)]
        config.spell(module, split, [*texts, *ANSWERS.values(), "user_ somebody", *beside.texts], config.words)
        beside.tell(module)
        names = [module.item_text(code) for code in range(len(split.items))]
        lessons = [
            ItemLesson(split.train, names, course.templates, config.shown, course.per_user, course.candidates, ended=not module.marked)
            for course in courses
            if course.per_user
        ]
        yield Stage(
            "pre-train",
            module,
            view=Lessons([*lessons, *beside.lessons(names)], config.batch),
            objective=WriteTargets(),
            budget=Budget(epochs=config.max_epochs),
            descent=Descent(lr=config.lr),
        )


def _way(template: Template, owner: str) -> str:
    """What a prompt asks for. Raises SettingError for one that asks for something else."""
    if not can_ask(template, needs={}):
        raise SettingError(f"{owner}.ask: the prompt {template.name} does not ask for the next item of a history or user. Choose one that does.")
    shows, writes = slots_of(template, template.source_prompt), slots_of(template, template.target_prompt)
    if "candidates" in shows and "text" in writes:
        raise SettingError(f"{owner}.ask: the prompt {template.name} asks for a letter, which is not taught here. Choose one that asks for an item.")
    return VERDICT if "text" in writes else CHOICE if "candidates" in shows else ANY

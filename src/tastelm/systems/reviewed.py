"""What systems that write learn from ratings and reviews beside the next item: their tasks, the lessons, and how opinions are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tastelm.data.aspects import Aspect
from tastelm.data.explanations import explains, reasons
from tastelm.data.reviews import Reviews, Stars, reviews
from tastelm.data.split import Part, Split
from tastelm.errors import SettingError, nearest
from tastelm.plm.seq2seq import Seq2SeqLM
from tastelm.prompting.facts import ReviewFacts
from tastelm.prompting.records import RecordLesson
from tastelm.prompting.reviewer import NewItems, Opinion, RatingWriter, ReasonAndSummaryWriter, ReasonWriter, SummaryWriter
from tastelm.prompting.writer import Asking, ItemWriter
from tastelm.text.family import Family, family
from tastelm.text.template import Template

ITEMS = ("sequential", "direct")
# Task -> its family of templates.
OPINIONS = {"rating": "p5-rating", "explanation": "p5-explanation", "review": "p5-review"}
# Of items that are not in the catalogue; nothing is trained on it.
NEW = "p5-zero"
# What is known when an opinion is asked for: who, and on what.
ASKED = {"user", "name", "item", "title"}
WORDS, WORDS_OF_REVIEWS = 512, 4096


def teachable(split: Split) -> list[str]:
    """The tasks that the data can teach."""
    columns = set(split.dataset.interactions.columns)
    rated, written = "rating" in columns, bool({"review", "summary"} & columns)
    return [*ITEMS, *(["rating"] if rated else []), *(["explanation"] if rated and explains(split) else []), *(["review"] if written else [])]


def tasks_of(text: str, split: Split, *, owner: str) -> str:
    """The tasks that a setting names, `all` for those that the data can teach. Raises SettingError for one that is unknown or cannot be taught."""
    able = teachable(split)
    chosen = able if text == "all" else list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in chosen:
        if name not in (*ITEMS, *OPINIONS):
            raise SettingError(f"{owner}.families: '{name}' is not known; {nearest(name, (*ITEMS, *OPINIONS))}")
        if name not in able:
            raise SettingError(f"{owner}.families: {split.dataset.name} cannot teach '{name}', only {', '.join(able)}. Give data with ratings and reviews.")
    if "sequential" not in chosen:
        raise SettingError(f"{owner}.families: sequential is missing, without which nothing can be recommended. Add it.")
    if "explanation" in chosen and "rating" not in chosen:
        raise SettingError(f"{owner}.families: explanation goes with rating. Add rating.")
    return ",".join(chosen)


def words_for(families: str) -> int:
    """Tokens of the words that the tasks need."""
    return WORDS_OF_REVIEWS if {"explanation", "review"} & set(families.split(",")) else WORDS


def opinion(stars: str, reason: str, summary: str, new: tuple[str, str, str], *, owner: str) -> Opinion:
    """How opinions are asked for, by the names of three templates, and of three about `new` items: their stars, whether they are liked, and why.

    Raises SettingError for one that shows more than who is asked, and on what, and for one that asks for something else.
    """
    asking, explaining = (_askable(family(OPINIONS[task])[name], owner) for task, name in (("rating", stars), ("explanation", reason)))
    shortening = family(OPINIONS["review"])[summary]
    if shortening.target_prompt != family(OPINIONS["review"])["4-1"].target_prompt:
        raise SettingError(f"{owner}: the prompt {summary} does not ask for a summary. Choose one that does, such as 4-1 or 4-3.")
    if asking.target_prompt != family(OPINIONS["rating"])["1-1"].target_prompt:
        raise SettingError(f"{owner}: the prompt {stars} does not ask for stars alone. Choose one that does, such as 1-1 or 1-10.")
    return Opinion(asking, explaining, shortening, new=_new_items(*new, owner=owner))


def _new_items(stars: str, liking: str, reason: str, *, owner: str) -> NewItems:
    """How opinions on items of another catalogue are asked for. Raises SettingError for a template that asks for something else."""
    known = family(NEW)
    for name, example, what in ((stars, "Z-3", "stars"), (liking, "Z-1", "like or dislike"), (reason, "Z-5", "a reason")):
        if known[name].target_prompt != known[example].target_prompt:
            raise SettingError(f"{owner}: the prompt {name} does not ask for {what} of a new item. Choose one that does, such as {example}.")
    like, dislike = (known.verbalizer("liking").words(label)[0] for label in ("like", "dislike"))
    return NewItems(known[stars], known[liking], known[reason], (like, dislike))


def writer(families: str, asked: Opinion, model: Seq2SeqLM, items: int, asking: Asking, whole_words: bool) -> ItemWriter:
    """A writer that can do what the tasks teach."""
    known = set(families.split(","))
    if "rating" not in known:
        return ItemWriter(model, items, asking, whole_words=whole_words)
    if "review" in known:
        kind: type[RatingWriter] = ReasonAndSummaryWriter if "explanation" in known else SummaryWriter
    else:
        kind = ReasonWriter if "explanation" in known else RatingWriter
    return kind(model, items, asking, asked, whole_words=whole_words)


def _askable(template: Template, owner: str) -> Template:
    source = {segment.name for segment in template.source_prompt if hasattr(segment, "name")}
    if not source <= ASKED:
        raise SettingError(f"{owner}: the prompt {template.name} shows {', '.join(sorted(source - ASKED))}, which nobody knows before. Choose another.")
    return template


@dataclass(frozen=True, eq=False)
class Taught:
    """What the training part of a split says of items.

    told     its interactions
    reasons  place among the rows of the split -> the sentence that explains it, its feature and how that is
    scale    of its ratings
    titles   what people call the N items, "" for nothing
    """

    told: Reviews
    reasons: Mapping[int, Aspect]
    scale: Stars
    titles: Sequence[str]

    @classmethod
    def of(cls, split: Split, families: str, *, owner: str) -> Taught:
        """Raises MissingExtra without spaCy where reviews are to be read, DataError where they give no reason."""
        told, known = reviews(split, Part.TRAIN), split.dataset.titles()
        said = reasons(split, owner=owner) if "explanation" in families.split(",") else {}
        trained = set(told.rows.tolist())
        reasoned = {row: why for row, why in said.items() if row in trained}
        return cls(told, reasoned, Stars.of(told.ratings), [known.get(item, "") for item in split.items.ids])

    def lessons(self, families: str, names: Sequence[str]) -> list[RecordLesson]:
        """One for each task about opinions, of its templates that are not held out; `names` are the N items as texts."""
        facts = ReviewFacts(self.told, self.scale.count(self.told.ratings), self.reasons, names, self.titles)
        return [RecordLesson(facts, one, one.seen()) for one in _families(families)]

    def texts(self, families: str) -> Iterator[str]:
        """What a tokenizer is to be learnt from: the templates, and what was written."""
        for one in _families(families):
            for template in one.seen():
                yield from (template.source, template.target)
        if words_for(families) == WORDS_OF_REVIEWS:
            yield from (text for text in (*self.told.texts, *self.told.summaries, *(why.sentence for why in self.reasons.values())) if text)
        yield from (f"{count} stars" for count in np.arange(1, 6))

    def tell(self, module: ItemWriter) -> None:
        """Let a writer that gives opinions know the scale and the titles."""
        if isinstance(module, RatingWriter):
            module.know(self.scale, self.titles)


def _families(tasks: str) -> list[Family]:
    """The families of templates of those tasks that are about opinions."""
    return [family(OPINIONS[name]) for name in tasks.split(",") if name in OPINIONS]

"""Lessons of what was said of items: the facts of an interaction, put into the words of templates whose slots are called after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tastelm.plm.tokens import END
from tastelm.text.family import Family
from tastelm.text.segments import Prompt, Text
from tastelm.text.template import Template

ANSWER, STARS = "answer", "stars"
# From so many stars on somebody likes an item (Geng et al. 2022).
LIKED = 4


class Facts(Protocol):
    """What is known of each of R interactions."""

    def __len__(self) -> int: ...

    def record(self, row: int) -> dict[str, Any]:
        """Slot -> value; what is not known of the row has no entry. `stars` is a whole number from 1 to 5."""


@dataclass(frozen=True, eq=False)
class RecordLesson:
    """One example for each interaction of which some template of a family can be filled.

    A template that shows `stars` and asks for an `answer` asks whether they are right, which is true of every other example; one that asks
    for an `answer` alone asks whether the item is liked. The words of the answers are the family's verbalizers `agreement` and `liking`.

    facts      the interactions
    family     whose templates are drawn
    templates  those of them to be used
    """

    facts: Facts
    family: Family
    templates: Sequence[Template]

    @cached_property
    def _examples(self) -> NDArray[np.int64]:
        return np.array([row for row in range(len(self.facts)) if self._fitting(self.facts.record(row))], dtype=np.int64)

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """(E,) the interactions that can be told of, each once."""
        return self._examples

    def lengths(self, examples: NDArray[np.int64]) -> NDArray[np.int64]:
        """(E,) characters of the longest text of each."""
        return np.array([max(len(str(value)) for value in self.facts.record(int(row)).values()) for row in examples], dtype=np.int64)

    def render(self, example: int, rng: np.random.Generator) -> tuple[Prompt, Prompt]:
        """Source and target of an interaction."""
        record = self.facts.record(example)
        fitting = self._fitting(record)
        template = fitting[int(rng.integers(len(fitting)))]
        if ANSWER in template.slots:
            record = record | self._answer(template, int(record[STARS]), rng)
        source, target = template.render({slot: record[slot] for slot in template.slots})
        return source, (*target, Text(END, learn=True))

    def _fitting(self, record: Mapping[str, Any]) -> list[Template]:
        """Templates that the record fills; an answer is worked out from the stars."""
        known = {*record, *([ANSWER] if STARS in record else [])}
        return [template for template in self.templates if template.slots.keys() <= known]

    def _answer(self, template: Template, stars: int, rng: np.random.Generator) -> dict[str, Any]:
        if STARS not in template.slots:
            return {ANSWER: self.family.verbalizer("liking").words("like" if stars >= LIKED else "dislike")[0]}
        true = bool(rng.integers(2))
        shown = stars if true else int(rng.choice([other for other in range(1, 6) if other != stars]))
        return {STARS: shown, ANSWER: self.family.verbalizer("agreement").words("yes" if true else "no")[0]}

"""Lessons of recommendation: what the histories of training say, put into the words of templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.plm.tokens import END
from tastelm.prompting.choices import ANSWERS
from tastelm.prompting.writer import PICTURES, user_text
from tastelm.text.segments import Kind, Prompt, Slot, Text, plain
from tastelm.text.template import Template


def slots_of(template: Template, prompt: Prompt) -> dict[Kind, str]:
    """Kind -> the slot of that kind in a source or target, for templates with one of each kind at most.

    Raises SettingError for a template with two slots of a kind there, which no record says how to tell apart.
    """
    found: dict[Kind, str] = {}
    for segment in prompt:
        if isinstance(segment, Slot) and found.setdefault(segment.kind, segment.name) != segment.name:
            raise SettingError(f"template '{template.name}' has the slots '{found[segment.kind]}' and '{segment.name}', both of the kind {segment.kind}.")
    return found


def asks_next(template: Template) -> bool:
    """Whether a template shows a history, and perhaps a user, and asks for an item."""
    return can_ask(template, needs={"history": True, "candidates": False}) and "item" in slots_of(template, template.target_prompt)


@dataclass(frozen=True, eq=False)
class ItemLesson:
    """Which item comes next, in the ways that a template may ask: for the item itself, for one of several candidates or its letter, or
    whether a given item does, which is true of every other example.

    train       U histories of item codes; the last items of a prefix are its history, the one behind it is the answer
    names       (N,) the items as texts
    templates   of which one is drawn for each example; slots are of the kinds user, history, candidates, item and image, for the history's pictures
    shown       items of the history that are shown, the newest
    per_user    prefixes of each user in an epoch, drawn with replacement; 0: all, each once
    candidates  of a choice, the answer among them; the others are drawn among all items that the user did not have
    answers     what is written where the answer is true, and where it is not
    ended       whether the end of an item must be told, since the text of another may begin like its own
    """

    train: Sequences
    names: Sequence[str]
    templates: Sequence[Template]
    shown: int
    per_user: int = 0
    candidates: int = 20
    answers: Mapping[bool, str] = field(default_factory=lambda: ANSWERS)
    ended: bool = False

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """(E,) the places in the training part of the items that come next, times the number of templates, plus the one that is drawn."""
        places = self._places(rng)
        return places * len(self.templates) + rng.integers(len(self.templates), size=len(places))

    def _places(self, rng: np.random.Generator) -> NDArray[np.int64]:
        begins, lengths = self.train.offsets[:-1], self.train.lengths
        if self.per_user:
            begins, lengths = (np.repeat(array[lengths > 1], self.per_user) for array in (begins, lengths))
            drawn: NDArray[np.int64] = begins + 1 + np.floor(rng.random(len(begins)) * (lengths - 1)).astype(np.int64)
            return drawn
        return np.flatnonzero(self._before(np.arange(len(self.train.values))) > 0)

    def lengths(self, examples: NDArray[np.int64]) -> NDArray[np.int64]:
        """(E,) characters that are read, about: items that are drawn later count as the mean of all."""
        places, templates = np.divmod(examples, len(self.templates))
        behind = self._characters[places] - self._characters[places - np.minimum(self._before(places), self.shown)]
        fixed, histories = (values[templates] for values in self._frames)
        found: NDArray[np.int64] = fixed + histories * behind
        return found

    @cached_property
    def _characters(self) -> NDArray[np.int64]:
        """(T + 1,) characters of all items of the training part before each place."""
        return np.concatenate([[0], np.cumsum(self._sizes[self.train.values])])

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return np.array([len(name) for name in self.names], np.int64)

    @cached_property
    def _frames(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each template the characters that are the same for every history, about, and whether it shows the history."""
        fixed, kinds = [], [slots_of(template, template.source_prompt) for template in self.templates]
        for template, known in zip(self.templates, kinds, strict=True):
            drawn = self.candidates if "candidates" in known else int("item" in known)
            fixed.append(len(plain(template.source_prompt)) + int(drawn * self._sizes.mean()))
        return np.array(fixed, np.int64), np.array(["history" in known for known in kinds], np.int64)

    def render(self, example: int, rng: np.random.Generator) -> tuple[Prompt, Prompt]:
        """Source and target of an example."""
        example, drawn = divmod(example, len(self.templates))
        template = self.templates[drawn]
        source, target = (slots_of(template, prompt) for prompt in (template.source_prompt, template.target_prompt))
        user = int(np.searchsorted(self.train.offsets, example, side="right")) - 1
        right = int(self.train.values[example])
        shown = self._shown(user, example)
        values: dict[Kind, Any] = {"user": user_text(user), "history": [self.names[code] for code in shown], "image": shown, "item": self.names[right]}
        if "candidates" in source:
            order = rng.permutation([right, *self._others(user, self.candidates - 1, rng)])
            values |= {"candidates": [self.names[code] for code in order], "text": ascii_uppercase[int(np.argmax(order == right)) % len(ascii_uppercase)]}
        elif "text" in target:
            true = bool(rng.integers(2))
            asked = right if true else int(self._others(user, 1, rng)[0])
            values |= {"item": self.names[asked], "text": self.answers[true]}
        vectors = {source["image"]: PICTURES} if "image" in source else {}
        read, written = template.render({slot: values[kind] for slots in (source, target) for kind, slot in slots.items()}, vectors=vectors)
        # Items mostly end where no other begins like them; where free words end must be told.
        return read, written if "item" in target and not self.ended else (*written, Text(END, learn=True))

    def _shown(self, user: int, example: int) -> list[int]:
        begin = max(int(self.train.offsets[user]), example - self.shown)
        codes: list[int] = self.train.values[begin:example].tolist()
        return codes

    def _others(self, user: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Items that the user did not have, as far as there are so many."""
        return never_had(np.unique(self.train[user]), len(self.names), count, rng)

    def _before(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places - self.train.offsets[np.searchsorted(self.train.offsets, places, side="right") - 1]


def never_had(own: NDArray[np.integer], items: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` different ones of `items` items that are not among the distinct `own`, as far as there are so many; one of any kind where there is none."""
    count = min(count, items - len(own))
    if count <= 0:  # somebody who had everything
        return np.array([int(rng.integers(items))])
    drawn = np.empty(0, np.int64)
    while len(drawn) < count:
        more = rng.integers(items, size=2 * count)
        drawn = np.concatenate([drawn, more[~np.isin(more, own)]])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
    return drawn[:count]


def can_ask(template: Template, *, needs: Mapping[str, bool]) -> bool:
    """Whether an `ItemLesson` can render a template: `needs` says which of the kinds in its source must be there, and which must not."""
    try:
        source, target = slots_of(template, template.source_prompt), slots_of(template, template.target_prompt)
    except SettingError:
        return False
    known = source.keys() <= {"user", "history", "candidates", "item", "image"} and target.keys() in ({"item"}, {"text"})
    # Where words are to be written, they are about the one item or the candidates that the source holds.
    asked = ("item" in source) != ("candidates" in source) if "text" in target else "item" not in source
    return known and asked and all((kind in source) == wanted for kind, wanted in needs.items())

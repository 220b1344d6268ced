"""What a prompt is made of: words, vectors from elsewhere, and places still to be filled, in the order in which a model reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal, NamedTuple

Kind = Literal["user", "item", "history", "candidates", "feature", "rating", "reward", "image", "text"]


@dataclass(frozen=True)
class Text:
    """Words that a tokenizer reads.

    learn    they are the target of training; all other words are only read
    made_of  where they came from, as lengths that add up to that of the text, each with the kind of the slot that it filled, None for words of a
             template; empty where nobody knows. No reader and no comparison minds it
    """

    text: str
    learn: bool = False
    made_of: tuple[tuple[int, Kind | None], ...] = field(default=(), compare=False, repr=False)

    @property
    def pieces(self) -> list[tuple[str, Kind | None]]:
        """The text in pieces, each with the kind of the slot that it filled."""
        ends = list(accumulate(length for length, _ in self._made_of))
        return [(self.text[end - length : end], kind) for end, (length, kind) in zip(ends, self._made_of, strict=True)]

    @property
    def _made_of(self) -> tuple[tuple[int, Kind | None], ...]:
        return self.made_of or ((len(self.text), None),)

    def and_then(self, other: Text) -> Text:
        """Both as one text, learnt as this one is."""
        made_of = (*self._made_of, *other._made_of) if self.made_of or other.made_of else ()
        return replace(self, text=self.text + other.text, made_of=made_of)


@dataclass(frozen=True)
class Vectors:
    """Vectors in the place of words, one for each row of a named source: a soft prompt, a table of ids, an encoder of items or images.

    kind  of the slot that they fill, None where they fill none; no comparison minds it
    """

    source: str
    rows: tuple[int, ...]
    kind: Kind | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Slot:
    """A place still to be filled."""

    name: str
    kind: Kind


Segment = Text | Vectors | Slot
Prompt = tuple[Segment, ...]


class Asked(NamedTuple):
    """A prompt about candidates.

    answers  the texts that a model is asked how likely they are behind it; none where it writes
    of       prompts that the same question is put in, and whose scores are averaged
    """

    prompt: Prompt
    answers: list[str]
    of: int = 1


def plain(prompt: Prompt) -> str:
    """A prompt as one text to look at: vectors as `[source:3,4]`, slots as `{name}`."""
    return "".join(_shown(segment) for segment in prompt)


def joined(prompt: Iterable[Segment]) -> Prompt:
    """The prompt with neighbouring texts merged where both are learnt or neither is, so that a tokenizer sees whole words."""
    merged: list[Segment] = []
    for segment in prompt:
        last = merged[-1] if merged else None
        if isinstance(segment, Text) and isinstance(last, Text) and segment.learn == last.learn:
            merged[-1] = last.and_then(segment)
        else:
            merged.append(segment)
    return tuple(merged)


def _shown(segment: Segment) -> str:
    match segment:
        case Text(text):
            return text
        case Vectors(source, rows):
            return f"[{source}:{','.join(map(str, rows))}]"
        case Slot(name):
            return f"{{{name}}}"

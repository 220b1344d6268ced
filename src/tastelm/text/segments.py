"""What a prompt is made of: words, vectors from elsewhere, and places still to be filled, in the order in which a model reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["user", "item", "history", "candidates", "feature", "rating", "reward", "image", "text"]


@dataclass(frozen=True)
class Text:
    """Words that a tokenizer reads.

    learn  they are the target of training; all other words are only read
    """

    text: str
    learn: bool = False


@dataclass(frozen=True)
class Vectors:
    """Vectors in the place of words, one for each row of a named source: a soft prompt, a table of ids, an encoder of items or images."""

    source: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Slot:
    """A place still to be filled."""

    name: str
    kind: Kind


Segment = Text | Vectors | Slot
Prompt = tuple[Segment, ...]


def plain(prompt: Prompt) -> str:
    """A prompt as one text to look at: vectors as `[source:3,4]`, slots as `{name}`."""
    return "".join(_shown(segment) for segment in prompt)


def joined(prompt: Iterable[Segment]) -> Prompt:
    """The prompt with neighbouring texts merged where both are learnt or neither is, so that a tokenizer sees whole words."""
    merged: list[Segment] = []
    for segment in prompt:
        last = merged[-1] if merged else None
        if isinstance(segment, Text) and isinstance(last, Text) and segment.learn == last.learn:
            merged[-1] = replace(last, text=last.text + segment.text)
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

"""What fills a slot: values of a record as words, the way back from words to values, and values as rows of a table of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Literal

import numpy as np

from tastelm.errors import DataError, SettingError
from tastelm.text.segments import Slot

Numbering = Literal["none", "numbers", "letters"]

LISTS = ("history", "candidates")
VECTORS_ONLY = ("reward", "image")
EMPTY = {"user": "a user without text", "feature": "a feature without text", "text": "an empty text"}
# Lists reach as far as the words around them allow, since their separator may be part of those words; a single value as short.
PATTERNS = {"history": ".*", "candidates": ".+", "rating": r"[-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"}
NOT_BLANK = r"\s*\S.*?"


@dataclass(frozen=True)
class Words:
    """How the words of one template are spelled.

    owner      the template, for messages
    separator  between the texts of a list
    numbering  what stands before each candidate: nothing, `1. ` or `A. `
    """

    owner: str
    separator: str
    numbering: Numbering

    def write(self, slot: Slot, value: Any) -> str:
        """A value of a record in words. Raises DataError for a value of the wrong type or without text, SettingError for a kind that has no words."""
        if slot.kind in VECTORS_ONLY:
            raise SettingError(f"{self._at(slot)} is of the kind {slot.kind}, for which there are no words: name the source of its vectors.")
        if slot.kind in LISTS:
            return self._write_list(slot, value)
        if slot.kind == "rating":
            return _short(value, self._at(slot))
        return self._checked(slot, value, "")

    def read(self, slot: Slot, text: str) -> Any:
        """The value that `write` has spelled so, None if there is none."""
        if slot.kind == "rating":
            return number if math.isfinite(number := float(text)) else None
        if slot.kind not in LISTS:
            return text
        texts = text.split(self.separator) if text else []
        marks = self._marks(slot, len(texts))
        if marks is None or not all(entry.startswith(mark) for mark, entry in zip(marks, texts, strict=True)):
            return None
        texts = [entry.removeprefix(mark) for mark, entry in zip(marks, texts, strict=True)]
        return texts if all(entry.strip() for entry in texts) else None

    def rows(self, slot: Slot, value: Any) -> tuple[int, ...]:
        """A value of a record as rows of a table: a whole number, or a list of them. Raises DataError for anything else."""
        given = value if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1) else [value]
        for row in given:
            if not isinstance(row, int | np.integer) or isinstance(row, bool) or row < 0:
                raise DataError(f"{self._at(slot)}: {row!r} is no row of a table of vectors; give a whole number from 0 up, or a list of them.")
        if len(given) == 0 and slot.kind not in ("history", "image"):
            raise DataError(f"{self._at(slot)}: no row is given; give at least one.")
        return tuple(int(row) for row in given)

    def _write_list(self, slot: Slot, value: Any) -> str:
        if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
            raise DataError(f"{self._at(slot)}: expected a list of texts, found {value!r}.")
        if len(value) == 0 and slot.kind != "history":
            raise DataError(f"{self._at(slot)}: there are no candidates; give at least one.")
        marks = self._marks(slot, len(value))
        if marks is None:
            raise DataError(f"{self._at(slot)}: {len(value)} candidates, but there are only {len(ascii_uppercase)} letters; give fewer, or use numbers.")
        return self.separator.join(
            mark + self._checked(slot, entry, f" at place {place} of {len(value)}")
            for place, (mark, entry) in enumerate(zip(marks, value, strict=True), 1)
        )  # fmt: skip

    def _marks(self, slot: Slot, count: int) -> list[str] | None:
        """What stands before each text of a list, None if the letters do not suffice."""
        if slot.kind != "candidates" or self.numbering == "none":
            return [""] * count
        if self.numbering == "numbers":
            return [f"{number}. " for number in range(1, count + 1)]
        return [f"{letter}. " for letter in ascii_uppercase[:count]] if count <= len(ascii_uppercase) else None

    def _checked(self, slot: Slot, value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise DataError(f"{self._at(slot)}: expected a text{place}, found {value!r}; give words, or name a source of vectors for the slot.")
        if not value.strip():
            raise DataError(f"{self._at(slot)}: {EMPTY.get(slot.kind, 'an item without text')}{place}; give it a text, or leave it out.")
        return str(value)

    def _at(self, slot: Slot) -> str:
        return f"{self.owner}, slot {{{slot.name}}}"


def _short(value: Any, where: str) -> str:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool) or not math.isfinite(value):
        raise DataError(f"{where}: expected a number, found {value!r}.")
    return str(int(value)) if value == int(value) else str(value)

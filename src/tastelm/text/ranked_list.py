"""Reading a list that a language model has written: which of the candidates it names, best first, and which lines name none of them.

    parse_ranked("1. Toy Story\\n2. Alein 3\\n3. Jaws 9", ["Alien 3", "Jaws", "Toy Story"])

names the third candidate; neither of the other lines is close enough to a candidate, so both are invalid.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

from tastelm.text.titles import clean_title
from tastelm.text.words import Numbering

# Of the longer of two texts so much must be common for one to be a misspelling of the other (Hou et al. 2024, LLMRank).
ALIKE = 0.9
# What stands before an entry: a number or letter with its mark, or a bullet.
MARK = re.compile(r"[*_\s>#]*(?:\(?(?:\d{1,3}|[A-Za-z])[.):\]]|[-•*+])[*_]*\s+(?=\S)")
# What people and models put around a title.
AROUND = " *_`\"'“”‘’«».,;:!?"
# The bare number or letter of a candidate. `3.` is not among them: it is an entry of which nothing was written.
NUMBER, LETTER = re.compile(r"#?(\d{1,3})|\((\d{1,3})\)"), re.compile(r"([A-Za-z])[.):]?|\(([A-Za-z])\)")
# Sequels differ in little else.
NUMERAL = re.compile(r"\d+|\b[ivx]+\b")


@dataclass(frozen=True)
class RankedList:
    """What a written list says about K candidates.

    named     places among the candidates that are named, best first, each once
    lines     lines that hold anything
    invalid   those of them that name no candidate: invented titles, and words around the list
    repeated  those that name one a second time
    """

    named: tuple[int, ...]
    lines: int
    invalid: int
    repeated: int

    def order(self, rest: Sequence[int]) -> list[int]:
        """All candidates: those that are named, and below them the others in the order of `rest`, which holds every place once."""
        named = set(self.named)
        return [*self.named, *(place for place in rest if place not in named)]


def parse_ranked(text: str, candidates: Sequence[str], *, numbering: Numbering = "none") -> RankedList:
    """Read what was written behind a prompt that has shown `candidates` in this order, numbered so.

    A line names a candidate by its title, number and bullet aside, and without regard to case, outer punctuation and a year that one of
    the two leaves out; else by a text that differs in little (at least .9 of the longer one is common to both, in the same order), and
    in no numeral; else by the number or letter alone with which it was shown. Whatever else is written is invalid; nothing is guessed.

    Source: Hou et al. 2024, LLMRank, which takes texts that hold each other too, and measures what is common by the candidate alone:
    there `Alien 3, the remake` is `Alien 3`.
    """
    known, named, invalid, repeated = _Candidates(candidates, numbering), list[int](), 0, 0
    lines = [line for line in text.split("\n") if line.strip()]
    marked = all(MARK.match(line) for line in lines)
    for line in lines:
        found = known.find(_readings(line, marked=marked))
        place = next((place for place in found if place not in named), None)
        if place is not None:
            named.append(place)
        elif found:
            repeated += 1
        else:
            invalid += 1
    return RankedList(tuple(named), len(lines), invalid, repeated)


class _Candidates:
    """The candidates of one list, to be found by what a line says."""

    def __init__(self, titles: Sequence[str], numbering: Numbering) -> None:
        self.titles, self.numbering = titles, numbering

    def find(self, readings: Sequence[str]) -> list[int]:
        """The places of the candidate that the first of the `readings` names, several where candidates are called alike; none if none does."""
        for way in (self._equal, self._without_year, self._alike, self._numbered):
            for reading in readings:
                if found := way(reading):
                    return found
        return []

    @cached_property
    def _keys(self) -> list[str]:
        return [normal(title) for title in self.titles]

    @cached_property
    def _cleaned(self) -> list[str]:
        return [normal(clean_title(title)) for title in self.titles]

    def _equal(self, reading: str) -> list[int]:
        key = normal(reading)
        return [place for place, known in enumerate(self._keys) if known == key]

    def _without_year(self, reading: str) -> list[int]:
        """A year tells two films of one name apart, so only one of line and candidate may lack it, and only one candidate may fit."""
        key, cleaned = normal(reading), normal(clean_title(reading))
        found = [place for place, (whole, short) in enumerate(zip(self._keys, self._cleaned, strict=True)) if cleaned == whole or key == short]
        return found if len(found) == 1 else []

    def _alike(self, reading: str) -> list[int]:
        key = normal(reading)
        shares = [alike(key, known) for known in self._keys]
        best = max(shares, default=0.0)
        found = [place for place, share in enumerate(shares) if share == best >= ALIKE]
        return found if len({self._keys[place] for place in found}) == 1 else []

    def _numbered(self, reading: str) -> list[int]:
        if self.numbering == "none":
            return []
        told = (NUMBER if self.numbering == "numbers" else LETTER).fullmatch(reading.strip(" *_`\"'"))
        if told is None:
            return []
        word = told[1] or told[2]
        place = int(word) - 1 if self.numbering == "numbers" else ascii_uppercase.index(word.upper())
        return [place] if 0 <= place < len(self.titles) else []


def normal(text: str) -> str:
    """A text as titles are compared: single blanks, no case, one spelling of each letter, nothing around it."""
    folded = " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
    return folded.strip(AROUND) or folded


def alike(one: str, other: str) -> float:
    """The length of what two texts have in common in the same order, over that of the longer one; 0 where their numerals differ."""
    longer, shorter = max(len(one), len(other)), min(len(one), len(other))
    if shorter < ALIKE * longer or Counter(NUMERAL.findall(one)) != Counter(NUMERAL.findall(other)):
        return 0.0
    return common_length(one, other) / max(1, longer)


def common_length(one: str, other: str) -> int:
    """Length of the longest common subsequence, a row of the table held in the bits of a number (Hyyrö 2004)."""
    where = dict[str, int]()
    for place, letter in enumerate(one):
        where[letter] = where.get(letter, 0) | 1 << place
    row = whole = (1 << len(one)) - 1
    for letter in other:
        met = row & where.get(letter, 0)
        row = (row + met | row - met) & whole
    return len(one) - row.bit_count()


def _readings(line: str, *, marked: bool) -> list[str]:
    """A line as it may be meant. Where every line has a mark, the mark belongs to the list; elsewhere a title may begin like one."""
    readings = [line]
    while (mark := MARK.match(readings[-1])) and len(readings) < 3:
        readings.append(readings[-1][mark.end() :])
    return [*readings[1:], line] if marked else readings

"""Templates: a source to read and a target to write, as sentences with slots in braces.

    Template("liked", source="Whoever liked {history} also likes", target=" {title}", slots={"history": "history", "title": "item"})

Rendered with a record, a template gives prompts; read backwards, a text gives the record again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, get_args

from tastelm.errors import DataError, SettingError, nearest
from tastelm.text.segments import Kind, Prompt, Segment, Slot, Text, Vectors, joined
from tastelm.text.words import NOT_BLANK, PATTERNS, VECTORS_ONLY, Numbering, Words

# A doubled brace, a slot, a brace that is alone, or words.
TOKEN = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<slot>[^{}]*)\}|(?P<alone>[{}])|[^{}]+")
WORDS_ONLY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Template:
    """A prompt and what is to follow it.

    name       how messages and families call it
    source     what a model reads, with slots as `{history}` and literal braces doubled
    target     what it is to write, spelled likewise; its words are the target of training
    slots      name -> kind, each used in the source, the target or both
    held_out   kept out of training, to see how a model takes to an instruction that it has never met
    separator  between the texts of a history or of candidates
    numbering  what stands before each candidate: nothing, `1. ` or `A. `

    A causal language model reads source and target as one text: there the target begins with the blank between them.
    Raises SettingError for a slot that is not declared, not used or of an unknown kind, for a brace without its partner, for a
    source or target without words, and for a target with a slot that only vectors can fill.
    """

    name: str
    source: str
    target: str
    slots: Mapping[str, Kind] = field(hash=False)
    held_out: bool = False
    separator: str = ", "
    numbering: Numbering = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", dict(self.slots))
        for part in ("name", "source", "target", "separator"):
            if not isinstance(value := getattr(self, part), str):
                raise SettingError(f"template '{self.name}': its {part} must be a text, not {value!r}.")
        if not self.separator:
            raise SettingError(f"{self._self}: the separator is empty; give what stands between the texts of a list.")
        if self.numbering not in get_args(Numbering):
            raise SettingError(f"{self._self}: unknown numbering '{self.numbering}'; {nearest(str(self.numbering), get_args(Numbering))}")
        for slot, kind in self.slots.items():
            self._check_slot(slot, kind)
        used = {segment.name for segment in self.source_prompt + self.target_prompt if isinstance(segment, Slot)}
        for slot in self.slots:
            if slot not in used:
                raise SettingError(f"{self._self}: slot '{slot}' is declared but never used; write {{{slot}}} somewhere, or leave it out.")
        for segment in self.target_prompt:
            if isinstance(segment, Slot) and segment.kind in VECTORS_ONLY:
                raise SettingError(f"{self._self}: slot '{segment.name}' of the kind {segment.kind} stands in the target, which is of words alone.")

    @cached_property
    def source_prompt(self) -> Prompt:
        """The source with its slots unfilled."""
        return self._parsed("source", self.source)

    @cached_property
    def target_prompt(self) -> Prompt:
        """The target with its slots unfilled."""
        return self._parsed("target", self.target)

    def render(self, record: Mapping[str, Any], *, vectors: Mapping[str, str] = WORDS_ONLY) -> tuple[Prompt, Prompt]:
        """Source and target filled from a record.

        record   slot -> value: a text for a user, item, feature or text, a list of texts for a history or candidates, a number for a
                 rating; what is no slot of this template is left alone
        vectors  slot of the source -> name of the source of its vectors; the record then holds its row, or a list of rows

        A history may be empty. Raises DataError for a value that is missing, without text or of the wrong type, SettingError for
        a reward or an image without vectors, and for vectors in the target.
        """
        return self.render_source(record, vectors=vectors), self.render_target(record, vectors=vectors)

    def render_source(self, record: Mapping[str, Any], *, vectors: Mapping[str, str] = WORDS_ONLY) -> Prompt:
        """The source alone, as `render` fills it: what is given to a model that is to write the target itself."""
        return joined(self._filled(segment, record, vectors) for segment in self.source_prompt)

    def render_target(self, record: Mapping[str, Any], *, vectors: Mapping[str, str] = WORDS_ONLY) -> Prompt:
        """The target alone, as `render` fills it."""
        for segment in self.target_prompt:
            if isinstance(segment, Slot) and segment.name in vectors:
                raise SettingError(f"{self._self}: slot '{segment.name}' stands in the target, which is of words alone; give it no vectors.")
        filled = (self._filled(segment, record, WORDS_ONLY) for segment in self.target_prompt)
        return joined(replace(segment, learn=True) if isinstance(segment, Text) else segment for segment in filled)

    def parse(self, text: str) -> dict[str, Any] | None:
        """The record from which `render` makes this source with words only; None if the text is not of this template.

        It is the only one if no value holds the separator or a literal word of the template (or a blank, where only blanks stand
        between two slots), and none begins or ends with a blank. Ratings come as floats, and may be spelled otherwise, as `4.0`.
        Raises SettingError for a template that cannot be read backwards: with slots side by side, or slots that have no words.
        """
        return self._record(self._source_pattern, text)

    def parse_target(self, text: str) -> dict[str, Any] | None:
        """As `parse`, for the target; blanks around the text and around the target do not matter."""
        return self._record(self._target_pattern, text.strip())

    def only_slot(self, side: Literal["source", "target"], kind: Kind) -> str:
        """The name of the one slot of the source or the target. Raises SettingError if it holds none, several, or one of another kind."""
        prompt = self.source_prompt if side == "source" else self.target_prompt
        names = [segment.name for segment in prompt if isinstance(segment, Slot)]
        if len(names) != 1 or self.slots[names[0]] != kind:
            raise SettingError(f"{self._self} does not fit: its {side} must hold one slot, of the kind {kind}. Choose another template.")
        return names[0]

    @property
    def _self(self) -> str:
        return f"template '{self.name}'"

    @property
    def _words(self) -> Words:
        return Words(self._self, self.separator, self.numbering)

    @cached_property
    def _source_pattern(self) -> re.Pattern[str]:
        return self._pattern(self.source_prompt)

    @cached_property
    def _target_pattern(self) -> re.Pattern[str]:
        first, *rest = self.target_prompt
        *rest, last = [Text(first.text.lstrip()) if isinstance(first, Text) else first, *rest]
        return self._pattern((*rest, Text(last.text.rstrip()) if isinstance(last, Text) else last))

    def _check_slot(self, slot: str, kind: str) -> None:
        if not slot.isidentifier():
            raise SettingError(f"{self._self}: '{slot}' cannot be the name of a slot; use letters, digits and underscores, a letter first.")
        if kind not in get_args(Kind):
            raise SettingError(f"{self._self}: slot '{slot}' is of the unknown kind '{kind}'; {nearest(str(kind), get_args(Kind))}")

    def _parsed(self, part: str, text: str) -> Prompt:
        if not text.strip():
            raise SettingError(f"{self._self}: the {part} is empty; write words, slots or both.")
        return joined(self._segment(part, token) for token in TOKEN.finditer(text))

    def _segment(self, part: str, token: re.Match[str]) -> Segment:
        if token["alone"]:
            where = f"{self._self}, {part}, character {token.start() + 1}"
            raise SettingError(f"{where}: '{token['alone']}' has no partner; close the slot, or double the brace if it is to be read as such.")
        slot = token["slot"]
        if slot is None:
            return Text(token["brace"][0] if token["brace"] else token.group())
        if slot not in self.slots:
            known = nearest(slot, self.slots) if self.slots else "none are declared."
            raise SettingError(f"{self._self}, {part}: slot '{slot}' is not declared; {known}")
        return Slot(slot, self.slots[slot])

    def _filled(self, segment: Segment, record: Mapping[str, Any], vectors: Mapping[str, str]) -> Segment:
        if not isinstance(segment, Slot):
            return segment
        if segment.name not in record:
            given = f"only {', '.join(map(str, record))}" if record else "no value at all"
            raise DataError(f"{self._self}, slot {{{segment.name}}}: the record has no value for it, {given}.")
        value = record[segment.name]
        if segment.name in vectors:
            return Vectors(vectors[segment.name], self._words.rows(segment, value), segment.kind)
        words = self._words.write(segment, value)
        return Text(words, made_of=((len(words), segment.kind),))

    def _pattern(self, prompt: Prompt) -> re.Pattern[str]:
        for left, right in pairwise(prompt):
            if isinstance(left, Slot) and isinstance(right, Slot):
                raise SettingError(f"{self._self} cannot be read backwards: nothing stands between the slots '{left.name}' and '{right.name}'.")
        return re.compile("".join(self._expressions(prompt)), re.DOTALL)

    def _expressions(self, prompt: Prompt) -> Iterable[str]:
        met: set[str] = set()
        for segment in prompt:
            if isinstance(segment, Text):
                yield re.escape(segment.text)
            elif isinstance(segment, Slot):
                if segment.kind in VECTORS_ONLY:
                    raise SettingError(f"{self._self} cannot be read backwards: the slot '{segment.name}' of the kind {segment.kind} has no words.")
                yield f"(?P={segment.name})" if segment.name in met else f"(?P<{segment.name}>{PATTERNS.get(segment.kind, NOT_BLANK)})"
                met.add(segment.name)

    def _record(self, pattern: re.Pattern[str], text: str) -> dict[str, Any] | None:
        found = pattern.fullmatch(text)
        if found is None:
            return None
        record = {slot: self._words.read(Slot(slot, self.slots[slot]), spelled) for slot, spelled in found.groupdict().items()}
        return None if None in record.values() else record

"""Validation questions as a lesson: how likely is what came next, where asking in full costs too much to be done at every look?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.prompting.lessons import ItemLesson
from tastelm.prompting.teaching import Lessons


@dataclass(frozen=True, eq=False)
class LastItems(ItemLesson):
    """Which item comes last in each history, for `most` of them that are drawn."""

    most: int = 200

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        ends = self.train.offsets[1:][self.train.lengths > 1] - 1
        return np.sort(rng.permutation(ends)[: self.most])


def valid_questions(split: Split, lesson: ItemLesson, *, batch: int, most: int = 200) -> Lessons | None:
    """At most so many of the VALID questions of a split, each with the first item that came next, asked as `lesson` asks in training; None where
    there is none with a history.
    """
    whole = answered(split, Part.VALID)
    asked = LastItems(whole, lesson.names, lesson.templates, lesson.shown, candidates=lesson.candidates, answers=lesson.answers, most=most)
    return Lessons([asked], batch) if (whole.lengths > 1).any() else None


def answered(split: Split, part: Part) -> Sequences:
    """The histories of the questions of a part, each with the first item that came next at its end."""
    cases = split.cases(part)
    first = cases.targets.values[cases.targets.offsets[:-1]]
    return Sequences(np.insert(cases.histories.values, cases.histories.offsets[1:], first), cases.histories.offsets + np.arange(len(cases) + 1))

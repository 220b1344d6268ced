"""Validation questions as a lesson: how likely is what came next, where asking in full costs too much to be done at every look?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.prompting.lessons import ItemLesson
from tastelm.prompting.teaching import Lessons
from tastelm.text.template import Template


@dataclass(frozen=True, eq=False)
class LastItems(ItemLesson):
    """Which item comes last in each history, for `most` of them that are drawn."""

    most: int = 200

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        ends = self.train.offsets[1:][self.train.lengths > 1] - 1
        return np.sort(rng.permutation(ends)[: self.most])


def valid_questions(split: Split, names: Sequence[str], template: Template, *, shown: int, batch: int, most: int = 200) -> Lessons | None:
    """At most so many of the VALID questions of a split, each with the first item that came next; None where there is none with a history.

    names, template, shown  as for `ItemLesson`
    """
    cases = split.cases(Part.VALID)
    histories, first = cases.histories, cases.targets.values[cases.targets.offsets[:-1]]
    whole = Sequences(np.insert(histories.values, histories.offsets[1:], first), histories.offsets + np.arange(len(histories.offsets)))
    return Lessons([LastItems(whole, names, [template], shown, most=most)], batch) if histories.lengths.any() else None

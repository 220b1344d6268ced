"""Whose reasons are better: every system was asked about the same interactions, so that differences are paired."""

from __future__ import annotations

from typing import Any

import numpy as np

from tastelm.data.split import Part, Split
from tastelm.explaining import Reasons, alike, comparable, scores, told
from tastelm.metrics.paired_text import TextScore, paired_bootstrap
from tastelm.metrics.reasons import MAIN, higher_is_better, in_order

# Interactions that are shown: those at these places of all that were asked about. Nobody's taste chooses them.
SHOWN = (0.25, 0.5, 0.75)


class Contest:
    """What several systems have said of the test part of a split, measured once each."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self._said: dict[str, Reasons] = {}
        self._scores: dict[str, dict[str, TextScore]] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._tests: dict[tuple[str, str, str], dict[str, Any]] = {}

    def enter(self, system: str, said: Reasons) -> None:
        """Take up what a system has said; all must have been asked about the same, as `give_reasons` does. Raises MissingExtra without rouge-score.

        What is said of likelihoods is of the sentences that all read to the end, so those of the others may be told anew.
        """
        before = dict(zip(self._said, alike(list(self._said.values())), strict=True))
        self._said[system] = said
        for name, now in zip(self._said, alike(list(self._said.values())), strict=True):
            if name == system or _counted(now) != _counted(before[name]):
                self._scores[name] = found = scores(now, self.split)
                self._rows[name] = {"system": name} | told(now, found, seed=self.split.seed)
                self._tests = {key: test for key, test in self._tests.items() if name not in key}

    def table(self) -> dict[str, Any] | None:
        """Plain values, or None where nobody has said anything.

        rows      a system each, best in `main` first, as `judge_reasons` tells its measures
        best      measure -> the system that is best in it; without measures in which all are alike, or that do not compare between these systems
        tests     the best of a measure with each of the others: the difference a - b and its 95 % interval over the same draws of the interactions
        examples  a few of the interactions, with what was really said and what each system said
        """
        if not self._rows:
            return None
        best = {name: leader for name in in_order(name for found in self._scores.values() for name in found) if (leader := self._leader(name)) is not None}
        tests = [
            self._test(name, leader, other)
            for name, leader in best.items()
            for other in self._scores
            if other != leader and self._alone(other) and name in self._rows[other]["metrics"]
        ]
        rows = sorted(self._rows.values(), key=lambda row: row["metrics"].get(MAIN, 0.0), reverse=True)
        about = {"part": Part.TEST.name.lower(), "seed": self.split.seed, "main": MAIN}
        return about | {"rows": rows, "best": best, "tests": tests, "examples": self._examples([row["system"] for row in rows])}

    def _alone(self, system: str) -> bool:
        """Whether a system was not told beforehand what the true reasons are about: one that was is held against no other."""
        return not self._said[system].given

    def _leader(self, name: str) -> str | None:
        """Who is best in a measure; None where fewer than two can be compared in it."""
        have = {system: found[name] for system, found in self._scores.items() if self._alone(system) and name in found and not np.isnan(found[name].value)}
        if len(have) < 2 or not all(comparable(next(iter(have.values())), score) for score in have.values()) or next(iter(have.values())).cases < 2:
            return None
        values = {system: score.value for system, score in have.items()}
        return None if len(set(values.values())) == 1 else (max if higher_is_better(name) else min)(values, key=values.__getitem__)

    def _test(self, name: str, best: str, other: str) -> dict[str, Any]:
        if (name, best, other) not in self._tests:
            found = paired_bootstrap(self._scores[best][name], self._scores[other][name], seed=self.split.seed)
            told = {"measure": name, "system_a": best, "system_b": other, "difference": found.difference, "low": found.low, "high": found.high}
            self._tests[name, best, other] = told
        return self._tests[name, best, other]

    def _examples(self, systems: list[str]) -> list[dict[str, Any]]:
        asked, titles = next(iter(self._said.values())).asked, self.split.dataset.titles()
        users, items = self.split.users.decode(asked.users), self.split.items.decode(asked.items)
        places = sorted({int(share * (len(asked) - 1)) for share in SHOWN})
        return [
            {"user": users[at], "item": items[at], "title": titles.get(items[at]), "true": asked.texts[at],
             "said": {system: self._said[system].texts[at] for system in systems}}
            for at in places
        ]  # fmt: skip


def _counted(said: Reasons) -> int:
    """Sentences whose likelihood is told."""
    return 0 if said.foreseen is None else int(said.foreseen.whole.sum())

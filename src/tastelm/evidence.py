"""What a comparison keeps for its report beyond scores, so that the report needs neither the data nor another training.

The questions are told apart by the length of the history and by how popular the answer is; the catalogue is cut into tiers of equal
shares of the training; a few users are shown whole. All of it follows from the split alone and is the same for every system.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import tastelm
from tastelm.data.check import check
from tastelm.data.protocols import mixed
from tastelm.errors import TasteLMError
from tastelm.evaluation import Evaluation, Protocol, evaluate
from tastelm.fitting import fit_system
from tastelm.metrics import Metric, bootstrap_ci
from tastelm.systems.catalogue import system

# The file, and its format: raised whenever an older one could be misread.
RECORD, FORMAT = "report.json", 2
QUARTERS = (0.25, 0.5, 0.75)
TIERS = 5
# Users shown whole: those at these places when all are ordered by the length of their history. Nobody's taste chooses them.
SHOWN = QUARTERS
SHOWN_HISTORY, SHOWN_LIST = 12, 10
BARS = 14
PACKAGES = ("torch", "lightning-fabric", "numpy", "polars")
# What tells a leak through the order of ids, beside what any recommender must beat.
PROBES = ("popularity", "next-integer")


@dataclass(frozen=True, eq=False)
class Groups:
    """Questions told apart by a number.

    of      (C,) int64, the group of each question
    labels  what the number is in each group, as `5–12`
    """

    of: NDArray[np.int64]
    labels: list[str]

    @classmethod
    def quarters(cls, values: NDArray[np.float64]) -> Groups:
        """Four groups of about equal size by `values` (C,); fewer where many values are equal, because equal ones stay together."""
        edges = np.unique(np.quantile(values, QUARTERS, method="inverted_cdf"))
        numbers = np.searchsorted(edges, values, side="left")
        _, of = np.unique(numbers, return_inverse=True)
        return cls(of.astype(np.int64), [_span(values[of == group]) for group in range(int(of.max()) + 1)])

    def describe(self) -> list[dict[str, Any]]:
        """Label and number of questions of each group."""
        return [{"label": label, "cases": int(count)} for label, count in zip(self.labels, np.bincount(self.of), strict=True)]

    def means(self, values: NDArray[np.float64], seed: int) -> list[dict[str, float]]:
        """The mean of `values` (C,) in each group with its 95 % bootstrap interval over users."""
        table = np.where(self.of == np.arange(len(self.labels))[:, None], values, np.nan)
        low, high = bootstrap_ci(table, seed=seed)
        known = ~np.isnan(table)
        means = np.divide(np.where(known, table, 0).sum(1), known.sum(1), out=np.full(len(table), np.nan), where=known.any(1))
        return [{"value": float(m), "low": float(a), "high": float(b)} for m, a, b in zip(means, low, high, strict=True)]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is kept of the questions once, and of each system."""

    question: Protocol

    @cached_property
    def groups(self) -> dict[str, Groups]:
        """`history`: by the length of the history; `popularity`: by how often the answer was met in training (the mean, if there are several)."""
        cases, popularity = self.question.cases, self.question.split.popularity
        met = np.bincount(cases.targets.owners, weights=popularity[cases.targets.values], minlength=len(cases)) / cases.targets.lengths
        return {"history": Groups.quarters(cases.histories.lengths.astype(np.float64)), "popularity": Groups.quarters(met)}

    @cached_property
    def tiers(self) -> NDArray[np.int64]:
        """(N,) the tier of each item: the most popular items that hold a fifth of the training together are tier 0, and so on."""
        popularity = self.question.split.popularity
        order = np.lexsort((mixed(np.arange(len(popularity), dtype=np.uint64), 0), -popularity))
        before = np.cumsum(popularity[order]) - popularity[order]
        tiers = np.empty(len(popularity), np.int64)
        tiers[order] = np.minimum(before * TIERS // max(1, popularity.sum()), TIERS - 1)
        return tiers

    @cached_property
    def shown(self) -> NDArray[np.int64]:
        """The questions that are shown whole: at fixed places of all questions ordered by the length of their history."""
        lengths = self.question.cases.histories.lengths
        order = np.lexsort((mixed(np.arange(len(lengths), dtype=np.uint64), 1), lengths))
        shown: NDArray[np.int64] = order[np.unique([int(place * (len(order) - 1)) for place in SHOWN])]
        return shown

    def record(self, asked: Mapping[str, str], command: str | None) -> dict[str, Any]:
        """The content of `report.json` but for the probes: all that does not depend on a system, as plain values.

        asked    system -> the key its row must have for the comparison to be finished
        command  what repeats the comparison
        """
        question = self.question
        data, cases = question.split.dataset, question.cases
        return {
            "format": FORMAT,
            "evaluation": question.describe(),
            "asked": dict(asked),
            "command": command,
            "check": check(data).to_dict(),
            "lengths": _histogram(np.bincount(question.split.rows.user)),
            "groups": {name: groups.describe() for name, groups in self.groups.items()},
            "tiers": [
                {"items": int((self.tiers == tier).sum()), "trained": trained, "asked": asked}
                for tier, (trained, asked) in enumerate(zip(self._shares(question.split.train.values), self._shares(cases.targets.values), strict=True))
            ],
            "users": [
                {
                    "user": question.split.users.ids[cases.users[case]],
                    "length": int(cases.histories.lengths[case]),
                    "history": self._titled(cases.histories[case][-SHOWN_HISTORY:]),
                    "targets": self._titled(cases.targets[case]),
                }
                for case in self.shown
            ],
            "made": made(),
        }

    def of(self, evaluation: Evaluation, main: Metric) -> dict[str, Any]:
        """What is kept of one system: the main metric by group, the share of its recommendations in each tier, its lists for the users shown."""
        values, lists = evaluation.per_case.get(str(main)), evaluation.lists[:, :SHOWN_LIST]
        return {
            "groups": {} if values is None else {name: groups.means(values, self.question.seed) for name, groups in self.groups.items()},
            "tiers": self._shares(lists[lists >= 0]),
            "lists": [self._titled(lists[case][lists[case] >= 0]) for case in self.shown],
        }

    def probes(self, rows: Sequence[Mapping[str, Any]], main: Metric) -> dict[str, dict[str, Any]]:
        """The scores of the probes in the main metric: from the row where there is one, else computed, as they cost next to nothing."""
        known = {row["system"]: row for row in rows if "metrics" in row}
        found: dict[str, dict[str, Any]] = {}
        for name in PROBES:
            if name in known:
                found[name] = {"value": known[name]["metrics"].get(str(main)), "ci95": known[name]["ci95"].get(str(main))}
                continue
            try:
                module = fit_system(system(name).create(), self.question.split).recommender.module
                scores = evaluate(module, replace(self.question, metrics=(main,)), name=name)  # type: ignore[arg-type]
                found[name] = {"value": scores.metrics.get(str(main)), "ci95": scores.ci95.get(str(main))}
            except TasteLMError as error:
                found[name] = {"error": str(error)}
        return found

    def _shares(self, items: NDArray[np.integer]) -> list[float]:
        """The share of `items` in each tier."""
        counts = np.bincount(self.tiers[items], minlength=TIERS)
        return [float(count) for count in counts / max(1, counts.sum())]

    @cached_property
    def _titles(self) -> dict[str, str]:
        return self.question.split.dataset.titles()

    def _titled(self, codes: NDArray[np.integer]) -> list[dict[str, str | None]]:
        ids = self.question.split.items.ids
        return [{"item": ids[code], "title": self._titles.get(ids[code])} for code in codes]


def made() -> dict[str, Any]:
    """With what a result was made."""
    versions = {"tastelm": tastelm.__version__, "python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}
    return {"versions": versions, "system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count(), "threads": torch.get_num_threads()}


def _histogram(values: NDArray[np.int64]) -> list[dict[str, int]]:
    """How many values lie from `low` to `high`, both included; the bars widen with the values, because lengths spread over powers of ten."""
    values = values[values > 0]
    low, high = int(values.min()), int(values.max())
    edges = np.unique(np.geomspace(low, high + 1, BARS + 1).round().astype(np.int64))
    edges[-1] = high + 1
    counts = np.histogram(values, edges)[0]
    return [{"low": int(a), "high": int(b) - 1, "users": int(count)} for a, b, count in zip(edges[:-1], edges[1:], counts, strict=True)]


def _span(values: NDArray[np.float64]) -> str:
    low, high = (np.format_float_positional(value, precision=1, trim="-") for value in (values.min(), values.max()))
    return low if low == high else f"{low}–{high}"

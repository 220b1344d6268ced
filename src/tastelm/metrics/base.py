"""What a metric is: a name with a cut-off that prints as `ndcg@10`, declared once next to the function that computes it.

    @declare("hr", reads="ranks")
    def hit_rate(ranks: Ranks, k: int) -> FloatArray: ...

That is all it takes to add one: the parser, the error messages and the generated tables read the declarations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import total_ordering
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import DataError, SettingError, nearest
from tastelm.metrics.ranks import FloatArray, Ranks

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class Lists:
    """What was recommended in C cases, for the metrics beyond accuracy.

    items               (C, K) int32, -1..n_items-1: recommended item codes, best first; -1 = no item (the list is shorter than K)
    n_items             >= 1: items of the catalogue
    popularity          (n_items,) float64, >= 0: training interactions of each item
    vectors             (n_items, D) float32 or None: item vectors for `diversity`
    history_popularity  (C,) float64 or None: mean popularity of the items in the history of the case, NaN for an empty history
    Raises DataError if shapes or ranges do not fit.
    """

    items: NDArray[np.int32]
    n_items: int
    popularity: FloatArray
    vectors: NDArray[np.float32] | None = None
    history_popularity: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.items.ndim != 2 or self.items.dtype.kind not in "iu":
            raise DataError(f"Lists.items must be (cases, K) whole numbers, got shape {self.items.shape} of {self.items.dtype}.")
        if self.items.size and not (self.items.min() >= -1 and self.items.max() < self.n_items):
            raise DataError(f"Lists.items holds codes {self.items.min()}..{self.items.max()}: allowed are 0..{self.n_items - 1}, and -1 for no item.")
        if self.popularity.shape != (self.n_items,):
            raise DataError(f"Lists.popularity has shape {self.popularity.shape}: give one count for each of the {self.n_items} items.")
        if not (np.isfinite(self.popularity).all() and (self.popularity >= 0).all()):
            raise DataError("Lists.popularity holds negative or undefined counts: give the training interactions of each item.")
        if self.vectors is not None and (self.vectors.ndim != 2 or len(self.vectors) != self.n_items):
            raise DataError(f"Lists.vectors has shape {self.vectors.shape}: give one vector for each of the {self.n_items} items.")
        if self.history_popularity is not None and self.history_popularity.shape != (self.n_cases,):
            raise DataError(f"Lists.history_popularity has shape {self.history_popularity.shape}: give one value for each of {self.n_cases} cases.")

    @property
    def n_cases(self) -> int:
        return len(self.items)

    def top(self, k: int) -> NDArray[np.int32]:
        """(C, min(k, K)) the first k places. Raises SettingError if longer lists would have been needed to fill k."""
        width = self.items.shape[1]
        if k > width and width < self.n_items:
            raise SettingError(f"k = {k} is beyond the {width} items kept per list: keep lists of {k} items, or ask for k <= {width}.")
        return self.items[:, :k]


@dataclass(frozen=True)
class Declaration:
    """One line of the table of metrics.

    name              as users write it, lower case
    reads             'ranks': function(ranks, k); 'lists': function(lists, k)
    k                 'needed', 'optional' (without k: the whole list) or 'none' (always the whole list)
    per_case          True: the function gives (C,) float64, NaN = the case is skipped; False: one float for all cases together
    higher_is_better  which end of the scale is the good one
    needs             optional fields of Lists without which it cannot be computed
    """

    name: str
    function: Callable[..., Any]
    reads: Literal["ranks", "lists"]
    k: Literal["needed", "optional", "none"]
    per_case: bool
    higher_is_better: bool
    needs: tuple[str, ...]

    @property
    def summary(self) -> str:
        """First line of the function's docstring, for generated tables."""
        return (self.function.__doc__ or "").partition("\n")[0]


_DECLARED: dict[str, Declaration] = {}


def declare(
    name: str,
    *,
    reads: Literal["ranks", "lists"],
    k: Literal["needed", "optional", "none"] = "needed",
    per_case: bool = True,
    higher_is_better: bool = True,
    needs: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Enter the decorated function in the table of metrics under `name`; fields as in `Declaration`. The function stays as it is."""

    def enter(function: Function) -> Function:
        assert name not in _DECLARED, f"metric '{name}' is declared twice"
        _DECLARED[name] = Declaration(name, function, reads, k, per_case, higher_is_better, needs)
        return function

    return enter


def declared_metrics() -> Mapping[str, Declaration]:
    """Every metric by name, in order of declaration (read only)."""
    return MappingProxyType(_DECLARED)


@total_ordering
@dataclass(frozen=True)
class Metric:
    """A metric with its cut-off: `Metric("ndcg", 10)`, written `ndcg@10` everywhere.

    name  a declared metric
    k     >= 1: places of the list that count; None: the whole list (only where the metric allows it)
    Ordered by name, then k, the whole list last. Raises SettingError for an unknown name or a k that does not fit.
    """

    name: str
    k: int | None = None

    def __post_init__(self) -> None:
        if self.name not in _DECLARED:
            raise SettingError(f"unknown metric '{self.name}': {nearest(self.name, _DECLARED)}")
        rule = self.declaration.k
        if self.k is None and rule == "needed":
            raise SettingError(f"metric '{self.name}' needs the number of places that count: write for example {self.name}@10.")
        if self.k is not None and rule == "none":
            raise SettingError(f"metric '{self.name}' always reads the whole list: write {self.name}, not {self.name}@{self.k}.")
        if self.k is not None and (isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1):
            raise _bad_k(self.name, self.k)

    @classmethod
    def parse(cls, text: str) -> Metric:
        """`NDCG@10` -> Metric("ndcg", 10). Case and surrounding blanks do not matter. Raises SettingError."""
        name, at, k = text.strip().lower().partition("@")
        whole = re.fullmatch("[0-9]{1,18}", k)  # 18 digits fit int64
        if at and not whole and name in _DECLARED:
            raise _bad_k(name, k)
        return cls(name, int(k) if whole else None)

    def __str__(self) -> str:
        return self.name if self.k is None else f"{self.name}@{self.k}"

    def __lt__(self, other: object) -> bool:
        return self._order < other._order if isinstance(other, Metric) else NotImplemented

    @property
    def _order(self) -> tuple[str, float]:
        return self.name, np.inf if self.k is None else self.k

    @property
    def declaration(self) -> Declaration:
        return _DECLARED[self.name]

    @property
    def higher_is_better(self) -> bool:
        return self.declaration.higher_is_better

    @property
    def per_case(self) -> bool:
        """True: one value per case; False: one value for the whole catalogue (no confidence interval over cases)."""
        return self.declaration.per_case

    def available(self, lists: Lists | None) -> bool:
        """Whether what the metric reads is there: always for ranking metrics; lists and, for `diversity`, vectors for the others."""
        return not self._lacking(lists)

    def __call__(self, ranks: Ranks, lists: Lists | None = None) -> FloatArray | float:
        """(C,) float64 value per case, NaN where it is undefined and the case is skipped; one float if not `per_case`.

        Raises SettingError if something it reads was not given, DataError if ranks and lists differ in the number of cases.
        """
        lacking = self._lacking(lists)
        if lacking:
            raise SettingError(f"{self} cannot be computed without {lacking}: give it to the evaluation, or leave {self} out.")
        if lists is not None and lists.n_cases != ranks.n_cases:
            raise DataError(f"{ranks.n_cases} ranked cases but {lists.n_cases} recommendation lists: they must be of the same cases.")
        value = self.declaration.function(lists if self.declaration.reads == "lists" else ranks, self.k)
        return np.asarray(value, dtype=np.float64) if self.per_case else float(value)

    def mean(self, ranks: Ranks, lists: Lists | None = None) -> float:
        """The number to print: mean over the cases that have a value (NaN if none has), or the catalogue-wide value."""
        value = np.asarray(self(ranks, lists), dtype=np.float64)
        defined = value[~np.isnan(value)]
        return float(defined.mean()) if defined.size else float("nan")

    def _lacking(self, lists: Lists | None) -> str:
        if self.declaration.reads == "ranks":
            return ""
        if lists is None:
            return "recommendation lists"
        return ", ".join(f"lists.{field}" for field in self.declaration.needs if getattr(lists, field) is None)


def parse_metrics(text: str) -> tuple[Metric, ...]:
    """`hr@5,10 ndcg@10` -> hr@5, hr@10, ndcg@10: metrics separated by blanks or commas, a bare number repeats the name before it.

    Keeps the order and drops repetitions. Raises SettingError for what `Metric` refuses and for an empty text.
    """
    metrics: dict[Metric, None] = {}
    for word in re.sub(r"\s*,\s*", ",", text).split():
        name = ""
        for piece in word.split(","):
            if name and not piece[:1].isalpha():
                piece = f"{name}@{piece}"
            name = piece.partition("@")[0]
            metrics[Metric.parse(piece)] = None
    if not metrics:
        raise SettingError("no metric given: name at least one, for example ndcg@10.")
    return tuple(metrics)


def _bad_k(name: str, k: object) -> SettingError:
    return SettingError(f"{name}@{k}: the number after @ must be a whole number from 1 up, for example {name}@10.")

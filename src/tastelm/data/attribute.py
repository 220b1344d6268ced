"""A column of the users table as something to be told from a history: its categories, or the bands that its numbers are cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.vocabulary import UNKNOWN, Vocabulary
from tastelm.errors import SettingError

# A text column with more distinct values than this share of the rows names its rows instead of describing them, as a title does.
DESCRIBES = 0.5
MOST_BANDS = 100
# How a column of numbers becomes categories: so many bands of equally many users, bands between edges, a category for each value, or not at all.
Cut = int | tuple[float, ...] | Literal["each"] | None
HOW = "say in how many bands, as in {0}:4, between which edges, as in {0}:25/35/50, or {0}:each for a category of each value"


@dataclass(frozen=True)
class Attribute:
    """A column of the users table that is told from a history.

    name        of the column
    categories  what it may be, by code
    edges       where numbers are cut: category c holds edges[c - 1] <= x < edges[c]; none for a column of categories
    """

    name: str
    categories: tuple[str, ...]
    edges: tuple[float, ...] = ()

    def codes(self, values: pl.Series) -> NDArray[np.int64]:
        """(n,) the code of each value, -1 where it is not known, and one behind the last where no training user has it."""
        if self.edges:
            numbers = _numbers(values)
            return np.where(np.isnan(numbers), UNKNOWN, np.searchsorted(self.edges, numbers, side="right"))
        texts = _texts(values)
        codes = Vocabulary(self.categories, ordered=True).encode(text or "" for text in texts).astype(np.int64)
        return np.where((codes == UNKNOWN) & texts.is_not_null().to_numpy(), len(self.categories), codes)


def parse_profile(text: str) -> dict[str, Cut]:
    """The columns that a setting names, and how each is cut: `none`, `all` (every column of categories), or names with commas between,
    as in `gender,age:25/35/50`. Raises SettingError for a cut that is none."""
    found = dict[str, Cut]()
    for word in [] if text.strip() == "none" else text.split(","):
        name, colon, cut = (part.strip() for part in word.strip().partition(":"))
        if not name or (colon and not cut):
            raise SettingError(f"profile: '{text}' is not a list of columns; write it like gender,occupation or gender,age:4.")
        if name in found:
            raise SettingError(f"profile: '{text}' names the column '{name}' twice. Keep one.")
        found[name] = _cut(name, cut) if colon else None
    return found


def _cut(name: str, text: str) -> Cut:
    if text == "each":
        return "each"
    try:
        if "/" not in text:
            if not 2 <= int(text) <= MOST_BANDS:
                raise ValueError
            return int(text)
        edges = tuple(float(edge) for edge in text.split("/") if edge.strip())
        if not edges or not np.isfinite(edges).all() or list(edges) != sorted(set(edges)):
            raise ValueError
        return edges
    except ValueError:
        raise SettingError(f"profile: '{name}:{text}' does not say how to cut '{name}'; {HOW.format(name)}.") from None


def attribute_of(values: pl.Series, cut: Cut) -> Attribute:
    """The attribute that a column makes; `values` are those of the training users."""
    name, known = values.name, values.drop_nulls()
    known = known.drop_nans() if known.dtype.is_float() else known
    if values.dtype.is_nested():
        raise SettingError(f"profile: the column '{name}' holds lists, but an attribute has one value for each user. Name another column.")
    if isinstance(cut, int | tuple):
        if not _holds_numbers(known):
            raise SettingError(
                f"profile: '{name}' holds words, as {_texts(known)[0]!r}, which have no bands. Write {name} alone." if len(known) else _nothing(name)
            )
        numbers = _numbers(known)
        edges = _quantiles(numbers, cut) if isinstance(cut, int) else cut
        if not edges or np.unique(np.searchsorted(edges, numbers, side="right")).size < 2:
            raise SettingError(f"profile: all training users fall into one band of '{name}' ({numbers.min():g} to {numbers.max():g}). Choose other edges.")
        return Attribute(name, tuple(_bands(edges)), edges)
    distinct = known.n_unique()
    if cut is None and distinct > 2 and _holds_numbers(known):
        raise SettingError(f"profile: '{name}' holds numbers ({distinct} values); {HOW.format(name)}.")
    if distinct < 2:
        raise SettingError(_nothing(name))
    if distinct > DESCRIBES * len(known) and distinct > 2:
        raise SettingError(f"profile: '{name}' has {distinct} values for {len(known)} training users, too many to learn any. Name another column.")
    return Attribute(name, Vocabulary(_texts(known).unique().to_list()).ids)


def _nothing(name: str) -> str:
    return f"profile: '{name}' tells the training users not apart: they have one value or none. Name another column."


def _texts(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


def _numbers(values: pl.Series) -> NDArray[np.float64]:
    """(n,) as numbers, also those that are written as text; NaN where there is none."""
    numbers = values.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _holds_numbers(known: pl.Series) -> bool:
    return len(known) > 0 and (known.dtype.is_numeric() or known.dtype == pl.String) and not np.isnan(_numbers(known)).any()


def _quantiles(numbers: NDArray[np.float64], bands: int) -> tuple[float, ...]:
    """Edges between bands of about equally many, each a number that is met; what most have keeps a band to itself."""
    distinct = np.unique(numbers)
    edges = np.quantile(numbers, np.arange(1, bands) / bands, method="higher")
    return tuple(np.unique(np.maximum(edges, distinct[1])).tolist()) if len(distinct) > 1 else ()


def _bands(edges: tuple[float, ...]) -> Iterator[str]:
    words = [f"{edge:.12g}" for edge in edges]
    yield f"under {words[0]}"
    yield from (f"{low} to {high}" for low, high in pairwise(words))
    yield f"{words[-1]} and over"

"""Why users liked items, or did not: a sentence for an interaction, and the feature it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastelm.data.aspects import NONE, Aspect, aspects
from tastelm.data.reviews import reviews
from tastelm.data.split import Part, Split
from tastelm.errors import DataError


@dataclass(frozen=True, eq=False)
class Explanations:
    """R interactions that somebody gave a reason for.

    users, items  (R,) int32 codes
    ratings       (R,) float64, NaN where none is known
    texts         R sentences: why the user likes the item, or not
    features      R features, each a noun in small letters that its sentence is about; "" where none is known
    opinions      R words on how that feature is, as `sturdy` or `not sturdy`; "" where none is known
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    ratings: NDArray[np.float64]
    texts: tuple[str, ...]
    features: tuple[str, ...]
    opinions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, places: NDArray[np.int64]) -> Explanations:
        """Those at `places`, in that order."""
        told = (tuple(column[place] for place in places.tolist()) for column in (self.texts, self.features, self.opinions))
        return Explanations(self.users[places], self.items[places], self.ratings[places], *told)


def explains(split: Split) -> bool:
    """Whether the data can hold a reason: they have a column `explanation` or `review`."""
    return bool({"explanation", "review"} & set(split.dataset.interactions.columns))


def explanations(split: Split, part: Part, *, owner: str) -> Explanations:
    """The rows of a part that have a reason, in the order of the rows of the split.

    They are those of the columns `explanation`, `feature` and `opinion`; where the data have no first, all are read out of `review`, see `aspects`.
    Each row is read alone, so nothing of one part gets into another. Raises DataError where `owner` can find none at all, or the data hold
    no text, MissingExtra without spaCy where reviews are to be read.
    """
    said, told = reasons(split, owner=owner), reviews(split, part)
    kept = np.array([place for place, row in enumerate(told.rows.tolist()) if row in said], np.int64)
    texts, features, opinions = zip(*(said[row] for row in told.rows[kept].tolist()), strict=True) if len(kept) else ((), (), ())
    return Explanations(told.users[kept], told.items[kept], told.ratings[kept], texts, features, opinions)


def reasons(split: Split, *, owner: str) -> Mapping[int, Aspect]:
    """Place among the rows of the split -> sentence, feature and opinion, of all rows that have any. Raises as `explanations`."""
    table = split.dataset.interactions
    if not explains(split):
        raise DataError(
            f"{split.dataset.name}: {owner} learns from reasons, but the interactions have neither a column 'explanation' nor a column 'review', only "
            f"{', '.join(table.columns)}. Give data with reviews."
        )
    if "explanation" in table.columns:
        sentences = table["explanation"].fill_null("").str.strip_chars().to_list()
        found = list(map(Aspect, sentences, *(_words(table, name) for name in ("feature", "opinion"))))
    else:
        # Alike reviews of one data set are read once, whatever the split.
        found = aspects(table["review"].fill_null("").to_list())
    said = {row: found[place] for row, place in enumerate(split.rows.index.tolist()) if found[place][0]}
    if not said:
        raise DataError(f"{split.dataset.name}: none of the {len(table):,} interactions gives a reason that {owner} could learn from. Give data with reviews.")
    return said


def _words(table: pl.DataFrame, column: str) -> list[str]:
    """A column in small letters, of nothing where the table has none."""
    return table[column].fill_null("").str.strip_chars().str.to_lowercase().to_list() if column in table.columns else [""] * len(table)


__all__ = ["NONE", "Explanations", "explains", "explanations", "reasons"]

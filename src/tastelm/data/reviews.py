"""What users said of items: stars, a headline, a review."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastelm.data.split import Part, Split


@dataclass(frozen=True, eq=False)
class Reviews:
    """R interactions with what was said of them.

    rows          (R,) int64 places among the rows of the split
    users, items  (R,) int32 codes
    ratings       (R,) float64, NaN where none is known
    summaries     R headlines, and texts R reviews; "" where there is none
    """

    rows: NDArray[np.int64]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    ratings: NDArray[np.float64]
    summaries: tuple[str, ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


def reviews(split: Split, part: Part) -> Reviews:
    """All rows of a part, in the order of the split; columns that the data lack are unknown in every row."""
    rows, table = np.flatnonzero(split.part == part), split.dataset.interactions
    told = table[split.rows.index[rows]]

    def texts(column: str) -> tuple[str, ...]:
        return tuple(told[column].fill_null("").str.strip_chars().to_list()) if column in table.columns else ("",) * len(rows)

    ratings = told["rating"].to_numpy().astype(np.float64) if "rating" in table.columns else np.full(len(rows), np.nan)
    return Reviews(rows, split.rows.user[rows], split.rows.item[rows], ratings, texts("summary"), texts("review"))


@dataclass(frozen=True)
class Stars:
    """Ratings as one to five stars: the lowest rating of training is one star, the highest five, and between them they are even."""

    low: float
    high: float

    @classmethod
    def of(cls, ratings: NDArray[np.float64]) -> Stars:
        """The scale of the known ratings among `ratings`; without any it is that of stars."""
        known = ratings[~np.isnan(ratings)]
        return cls(float(known.min()), float(known.max())) if len(known) else cls(1.0, 5.0)

    def count(self, ratings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratings -> stars, not rounded, within 1 to 5; NaN stays NaN. Where all ratings are alike they are the middle."""
        if self.high == self.low:
            return np.where(np.isnan(ratings), np.nan, 3.0)
        return np.clip(1 + 4 * (ratings - self.low) / (self.high - self.low), 1, 5)

    def rating(self, stars: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stars -> ratings."""
        return self.low + (stars - 1) / 4 * (self.high - self.low)

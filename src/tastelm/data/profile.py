"""What the users table says of users, as categories to be told from their histories. Categories and bands are those of the training users alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars import selectors

from tastelm.data.attribute import Attribute, attribute_of, parse_profile
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.data.vocabulary import UNKNOWN
from tastelm.errors import DataError, SettingError, nearest

# Where a split holds no users out for validation, one of so many training users is set aside to tell when to stop.
ASIDE = 10


def attributes(split: Split, wanted: str) -> tuple[Attribute, ...]:
    """What `wanted` (see `parse_profile`) asks for, as the training users have it.

    Raises DataError without a users table, SettingError for a column that is not there, is no single category, or would tell nothing.
    """
    columns = parse_profile(wanted)
    if not columns:
        return ()
    rows = users_table(split)
    there = [name for name in rows.columns if name != "user"]
    known = rows.filter(pl.Series(split.train.lengths > 0))
    for name in columns:
        if name != "all" and name not in there:
            raise SettingError(f"profile: the users table has no column '{name}'; {nearest(name, there) if there else 'it has none but the user.'}")
    found = {name: attribute_of(known[name], cut) for name, cut in columns.items() if name != "all"}
    if "all" in columns:
        found = {name: attribute_of(known[name], None) for name in there if name not in found and _suits(known[name])} | found
    if not found:
        raise SettingError(
            f"profile: no column of the users table ({', '.join(there) or 'none'}) is one of categories. Name a column of numbers and its bands."
        )
    return tuple(found.values())


def numbers(split: Split) -> dict[str, NDArray[np.float32]]:
    """Column of numbers of the users table -> (U,) its values, of mean 0 and deviation 1 among the training users, NaN where nothing is known.

    Columns that are the same for all training users are left out.
    """
    learnt, found = split.train.lengths > 0, dict[str, NDArray[np.float32]]()
    if split.dataset.users is None:
        return found
    for column in users_table(split).drop("user").select(selectors.numeric()):
        values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        known = values[learnt & np.isfinite(values)]
        if len(known) and known.std() > 0:
            found[column.name] = np.where(np.isfinite(values), (values - known.mean()) / known.std(), np.nan).astype(np.float32)
    return found


def users_table(split: Split) -> pl.DataFrame:
    """The users table in the order of the split's users, null where it does not know one. Raises DataError where there is none."""
    table = split.dataset.users
    if table is None:
        raise DataError(f"{split.dataset.name} has no users table to learn profiles from. Put a table 'users' beside the interactions, or leave profile=none.")
    return pl.DataFrame({"user": pl.Series(split.users.ids, dtype=pl.String)}).join(table, on="user", how="left", maintain_order="left")


@dataclass(frozen=True, eq=False)
class Learners:
    """Who is learnt from and who tells when to stop; users that the split holds out for the test are neither.

    histories  (U) sequences of those learnt from, empty for all others
    judges     (U) sequences of those who tell when to stop, empty for all others
    labels     field -> (U,) int64, the code of each user's category; -1 where it is not known, and for all who are neither
    shares     field -> (categories,) float32, how common each category is among those learnt from
    """

    histories: Sequences
    judges: Sequences
    labels: dict[str, NDArray[np.int64]]
    shares: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, split: Split, found: tuple[Attribute, ...]) -> Learners:
        """Judges are the validation users of whom nothing is trained on; where there are none, some of the training users, set aside."""
        histories, judges = split.train, _validation(split)
        if not judges.lengths.any():
            able = np.flatnonzero(histories.lengths)
            aside = np.isin(np.arange(len(histories)), np.random.default_rng(split.seed).permutation(able)[: len(able) // ASIDE])
            histories, judges = histories.keep(~aside[histories.owners]), histories.keep(aside[histories.owners])
        rows, seen = users_table(split), (histories.lengths > 0) | (judges.lengths > 0)
        labels = {entry.name: _within(entry, rows[entry.name], seen) for entry in found}
        shares = {entry.name: _shares(labels[entry.name][histories.lengths > 0], len(entry.categories)) for entry in found}
        return cls(histories, judges, labels, shares)


def _within(entry: Attribute, values: pl.Series, seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    codes = entry.codes(values)
    return np.where(seen & (codes < len(entry.categories)), codes, UNKNOWN)


def _shares(labels: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    counts = np.bincount(labels[labels >= 0], minlength=count)
    return np.asarray(counts / max(counts.sum(), 1), np.float32)


def _validation(split: Split) -> Sequences:
    cases = split.cases(Part.VALID)
    cold = split.train.lengths[cases.users] == 0
    lengths = np.zeros(len(split.users), np.int64)
    lengths[cases.users[cold]] = cases.histories.lengths[cold]
    return Sequences.from_lengths(cases.histories.take(np.flatnonzero(cold)).values, lengths)


def _suits(values: pl.Series) -> bool:
    """Whether a column is one of categories by itself."""
    try:
        return bool(attribute_of(values, None).categories)
    except SettingError:
        return False

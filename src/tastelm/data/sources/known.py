"""What is known of items and of users: a table with one row for each id and any further columns.

Where a file has no types, a column of texts is one of numbers if all of them are, and of lists if `|` stands between words that come again.
"""

from __future__ import annotations

import polars as pl

from tastelm.data.dataset import TITLE_COLUMNS
from tastelm.data.schema import INTERACTIONS
from tastelm.data.sources.columns import find
from tastelm.data.sources.interactions import complaint
from tastelm.data.sources.table import BadRows, Table, quoted
from tastelm.data.sources.values import ids
from tastelm.errors import DataError

# Whole numbers are codes where there are no more of them than this, or where the column is called so.
CODES, CODED = 32, ("id", "code", "zip", "zipcode")
BETWEEN, AGAIN = "|", 0.8


def read_known(table: Table, key: str, *, bad_rows: BadRows) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The table with its id column called `key` ('item' or 'user'), and notes. Raises DataError on ids that are empty or stand twice."""
    names = table.frame.columns
    column = (find(table.where, names, key, f"Rename the right one to '{key}'") if table.named else None) or ("id" if "id" in names else None)
    if column is None:
        raise DataError(f"{table.where}: no column for '{key}' ({INTERACTIONS[key].meaning}) among {quoted(names)}. Rename the right one to '{key}'.")
    cleaned, notes = ids(table.frame[column]), [*table.notes]
    if cleaned.bad.any() and bad_rows == "stop":
        raise DataError(complaint(table, column, cleaned, key))
    again = ~cleaned.values.is_first_distinct() & ~cleaned.bad
    if again.any() and bad_rows == "stop":
        index = int(again.arg_max() or 0)
        raise DataError(
            f"{table.where}, row {table.row(index)}, column '{column}': {cleaned.values[index]!r} stands there a second time "
            f"({again.sum()} of {len(again)} rows), "
            f"but each {key} needs one row. Correct it or keep the first of each with --bad-rows skip."
        )
    if (cleaned.bad | again).any():
        notes.append(f"{(cleaned.bad | again).sum():,} rows of {table.where} dropped: ids that are empty or stand there already")
    useless = [name for name, dtype in table.frame.schema.items() if dtype in (pl.Object, pl.Binary) or (name == key != column)]
    rest = table.frame.drop(column, *(name for name in useless if name != column)).filter(~(cleaned.bad | again))
    understood = [_understood(rest[name], table) for name in rest.columns]
    for words, found in (("numbers", pl.Float64), ("lists", pl.List)):
        turned = [series.name for series in understood if series.dtype == found and rest[series.name].dtype == pl.String]
        notes += [f"read as {words}: {quoted(turned)} of {table.where}"] if turned else []
    return pl.DataFrame([cleaned.values.alias(key).filter(~(cleaned.bad | again)), *understood]), tuple(notes)


def _understood(values: pl.Series, table: Table) -> pl.Series:
    """A column of texts as what it holds, if that is plain."""
    if values.dtype != pl.String or values.name in TITLE_COLUMNS:
        return values
    if values.name in table.floats or (table.untyped and _are_numbers(values)):
        return values.str.strip_chars().cast(pl.Float64, strict=False)
    if table.untyped and _are_lists(values.drop_nulls()):
        return values.str.split(BETWEEN).list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
    return values


def _are_numbers(values: pl.Series) -> bool:
    texts = values.drop_nulls().str.strip_chars()
    numbers = texts.cast(pl.Float64, strict=False)
    if not len(texts) or numbers.null_count() or not numbers.is_finite().all() or texts.str.contains(r"^[+-]?0[0-9]").any():
        return False
    coded = numbers.n_unique() <= CODES or values.name.lower().rsplit("_", 1)[-1] in CODED
    return not (coded and bool((numbers == numbers.round()).all()))


def _are_lists(texts: pl.Series) -> bool:
    if not texts.str.contains(BETWEEN, literal=True).any() or texts.str.contains(f" {BETWEEN} ", literal=True).any():
        return False
    parts = texts.str.split(BETWEEN).list.explode()
    return parts.n_unique() <= AGAIN * len(parts)

"""What is known of items and of users: a table with one row for each id and any further columns."""

from __future__ import annotations

import polars as pl

from tastelm.data.schema import INTERACTIONS
from tastelm.data.sources.columns import find
from tastelm.data.sources.interactions import complaint
from tastelm.data.sources.table import BadRows, Table, quoted
from tastelm.data.sources.values import ids
from tastelm.errors import DataError


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
    rest = table.frame.drop(column, *(name for name in useless if name != column))
    return rest.insert_column(0, cleaned.values.alias(key)).filter(~(cleaned.bad | again)), tuple(notes)

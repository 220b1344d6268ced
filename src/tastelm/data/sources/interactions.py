"""A raw table to the interactions of a Dataset: columns chosen, values cleaned, bad rows named or skipped."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tastelm.data.schema import INTERACTIONS
from tastelm.data.sources.columns import choose
from tastelm.data.sources.table import BadRows, Cleaned, Parts, Table, short
from tastelm.data.sources.times import seconds
from tastelm.data.sources.values import ids, prose, ratings, words
from tastelm.errors import DataError


def read_interactions(table: Table, name: str, *, columns: Mapping[str, str], bad_rows: BadRows) -> Parts:
    """The interactions of a table. Raises DataError naming the first value that does not fit, unless bad rows are skipped."""
    choice = choose(table, columns)
    if len(table.frame) == 0:
        raise DataError(f"{table.where}: there is a header but no row that can be used. It needs at least one row of user and item.")
    cleaned = {key: _clean(key, table, column) for key, column in choice.columns.items()}
    dropped = pl.repeat(False, len(table.frame), eager=True)
    notes = [choice.note, *table.notes, *(column.note for column in cleaned.values() if column.note)]
    for key, column in cleaned.items():
        if column.bad.any():
            if bad_rows == "stop":
                raise DataError(complaint(table, choice.columns[key], column, key))
            notes.append(f"{column.bad.sum():,} of {len(column.bad):,} rows dropped: column '{choice.columns[key]}' holds what is not {column.expected}")
            dropped = dropped | column.bad
    if dropped.all():
        raise DataError(f"{table.where}: no row can be used: {notes[-1]}. Choose other columns with --user, --item, --time NAME.")
    frame = pl.DataFrame({key: column.values for key, column in cleaned.items()}).filter(~dropped)
    return Parts(name, frame, notes=tuple(notes))


def complaint(table: Table, column: str, cleaned: Cleaned, option: str) -> str:
    """What is wrong with the first bad value of a column, where, and what to do."""
    index = int(cleaned.bad.arg_max() or 0)
    value = table.frame[column].slice(index, 1).to_list()[0]
    shown = "an empty value" if value is None or value == "" else repr(short(value))
    other = "" if option in INTERACTIONS and INTERACTIONS[option].required else f", choose another column with --{option} NAME"
    return (
        f"{table.where}, row {table.row(index)}, column '{column}': {shown} is not {cleaned.expected} "
        f"({cleaned.bad.sum()} of {len(cleaned.bad)} rows). Correct {'it' if cleaned.bad.sum() == 1 else 'them'}{other}, or drop "
        f"{'it' if cleaned.bad.sum() == 1 else 'them'} with --bad-rows skip."
    )


def _clean(key: str, table: Table, column: str) -> Cleaned:
    values = table.frame[column]
    if key == "time":
        return seconds(values, f"{table.where}, column '{column}'")
    if INTERACTIONS[key].dtype is pl.Float64:
        return ratings(values)
    if INTERACTIONS[key].prose:
        return prose(values)
    return ids(values) if INTERACTIONS[key].required else words(values)

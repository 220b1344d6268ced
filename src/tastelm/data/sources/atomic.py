"""RecBole's atomic files: tab-separated tables whose header names a type with each column, as `user_id:token`."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from tastelm.data.dataset import TITLE_COLUMNS
from tastelm.data.sources.table import Table
from tastelm.errors import DataError

TYPES = ("token", "token_seq", "float", "float_seq")


def typed(table: Table) -> Table:
    """The table with plain names and the types of its header; the same table where the header has no types."""
    pairs = [name.rsplit(":", 1) for name in table.frame.columns]
    if not all(len(pair) == 2 and pair[1] in TYPES for pair in pairs):
        return table
    names = [pair[0] for pair in pairs]
    if len(set(names)) < len(names):
        raise DataError(f"{table.where}, row 1: two columns are called '{next(name for name in names if names.count(name) > 1)}'. Rename one of them.")
    columns = [_typed(series.rename(name), kind) for series, (name, kind) in zip(table.frame.get_columns(), pairs, strict=True)]
    floats = tuple(name for name, kind in pairs if kind == "float")
    return replace(table, frame=pl.DataFrame(columns), untyped=False, floats=floats)


def _typed(values: pl.Series, kind: str) -> pl.Series:
    # A title is written as the sequence of its words, but it is read by people.
    if kind == "token_seq" and values.name not in TITLE_COLUMNS:
        return values.fill_null("").str.strip_chars().str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
    if kind == "float_seq":
        return values.fill_null("").str.strip_chars().str.split(" ").list.eval(pl.element().cast(pl.Float64, strict=False))
    return values

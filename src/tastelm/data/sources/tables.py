"""Any table file to a Table: Parquet, JSON or delimited text, told apart by content, never by name alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from tastelm.data.sources.atomic import typed
from tastelm.data.sources.content import PARQUET, as_text, content
from tastelm.data.sources.delimited import SEPARATORS, read_delimited, sample_lines, sniff
from tastelm.data.sources.jsonlines import looks_like_json, read_json
from tastelm.data.sources.table import POLARS_ERRORS, BadRows, Table, short
from tastelm.errors import DataError


def read_table(path: Path, *, columns: Mapping[str, str] | None = None, bad_rows: BadRows = "stop") -> Table:
    """The table in a file. Raises DataError if there is none."""
    return to_table(content(path), path.name, columns=columns or {}, bad_rows=bad_rows)


def to_table(data: bytes, where: str, *, columns: Mapping[str, str], bad_rows: BadRows) -> Table:
    """The table in the bytes of a file called `where`."""
    if data.startswith(PARQUET):
        return Table(_parquet(data, where), where)
    text = as_text(data, where)
    if looks_like_json(text):
        return read_json(text, where, bad_rows=bad_rows)
    separator = sniff(text) or (" " if columns and " " in sample_lines(text)[0] else None)
    if separator is None:
        raise DataError(
            f"{where}: no columns are found, since line 1 ('{short(sample_lines(text)[0])}') holds none of the separators "
            f"{', '.join(repr(mark) for mark in SEPARATORS)}. "
            "Give a CSV, TSV, JSON lines or Parquet file with a user and an item in each row."
        )
    return typed(replace(read_delimited(text, where, separator, columns=columns, bad_rows=bad_rows), untyped=True))


def _parquet(data: bytes, where: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(data)
    except POLARS_ERRORS as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{where}: the Parquet file is damaged or cut off ({short(reason, 160)}). Fetch or write it again.") from error

"""Published tables at the speed of Polars, with the careful reader of user files behind it, which finds the row that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from tastelm.data.sources.content import as_text, content
from tastelm.data.sources.delimited import read_delimited
from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.table import POLARS_ERRORS, BadRows, Parts, Table, quoted, short
from tastelm.errors import DataError


def read_log(
    path: Path,
    columns: Mapping[str, str],
    *,
    separator: str,
    width: int | None = None,
    quotes: bool = False,
    event: str | None = None,
    bad_rows: BadRows = "stop",
) -> Parts:
    """The interactions in a published table.

    columns    schema name -> column of the file, by its name, or by its number from 1 where the file has no header
    separator  one letter, or `::`
    width      how many columns a file without header has; None for a file with one
    quotes     whether a quoted field may hold the separator
    event      what was done in all rows, where the file holds one kind only

    Raises DataError naming file, row and column of what does not fit, unless bad rows are skipped.
    """
    table = _fast(path, columns, separator, width, quotes)
    if table is None or not set(columns.values()) <= set(table.frame.columns):
        text = as_text(content(path), path.name)
        table = read_delimited(text, path.name, separator, columns=columns, bad_rows=bad_rows)
    missing = [name for name in columns.values() if name not in table.frame.columns]
    if missing:
        raise DataError(
            f"{path.name}: the column '{missing[0]}' of the published file is not there, only {quoted(table.frame.columns)}. Give the file as it was published."
        )
    parts = read_interactions(
        table, path.name, columns={**dict.fromkeys(("time", "rating", "event", "session", "weight", "review", "summary"), "none"), **columns}, bad_rows=bad_rows
    )
    # The first note says which columns were taken, which is as published.
    return Parts(parts.name, parts.interactions.with_columns(pl.lit(event).alias("event")) if event else parts.interactions, notes=parts.notes[1:])


def read_rows(path: Path, separator: str, width: int, *, encoding: str = "utf-8") -> list[list[str]]:
    """The rows of a small published table without quotes. Raises DataError on text in another encoding and on rows of another length."""
    try:
        text = content(path).decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: byte {error.start:,} is not {encoding} text, as the published file is. Give the file as it was published.") from error
    rows = [line.rstrip("\r").split(separator) for line in text.split("\n") if line.strip()]
    odd = next((number for number, row in enumerate(rows, 1) if len(row) != width), None)
    if odd is not None:
        raise DataError(f"{path.name}, row {odd}: {len(rows[odd - 1])} fields where the published file has {width}. Give the file as it was published.")
    return rows


def known(key: str, columns: Mapping[str, pl.Series | Sequence[object]], where: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """An items or users table: one row for each id, the first where it stands there again, and a note of how many did not count."""
    table = pl.DataFrame(columns)
    table = table.with_columns(pl.col(key).cast(pl.String).str.strip_chars())
    kept = table.filter(pl.col(key).is_not_null() & (pl.col(key) != "")).unique(key, keep="first", maintain_order=True)
    again = (
        (f"{len(table) - len(kept):,} of {len(table):,} rows of {where} dropped: ids that are empty or stand there already",) if len(kept) < len(table) else ()
    )
    return kept, (f"{len(kept):,} {key}s from {where}: {', '.join(name for name in table.columns if name != key)}", *again)


def met(table: pl.DataFrame, key: str, interactions: pl.DataFrame, where: str) -> pl.DataFrame:
    """The rows of a table whose ids are met in the interactions. Raises DataError if none is: then the two files are of different sets."""
    kept = table.join(interactions.select(key).unique(), on=key, how="semi", maintain_order="left")
    if len(table) and not len(kept):
        raise DataError(f"{where}: none of its {len(table):,} {key}s, as '{short(table[key][0])}', is in the interactions. Give the files of one data set.")
    return kept


def numbers(values: Iterable[str | None]) -> pl.Series:
    """Prices and counts as they are written, `$1,299.00` too; null where there is no number."""
    text = pl.Series(list(values), dtype=pl.String)
    return text.str.strip_chars().str.replace(r"^\$", "").str.replace_all(",", "").cast(pl.Float64, strict=False)


def _fast(path: Path, columns: Mapping[str, str], separator: str, width: int | None, quotes: bool) -> Table | None:
    """All rows in one streamed pass; None where something does not fit, which the careful reader then names."""
    floats = {columns[key] for key in ("rating", "weight") if key in columns}
    step = 2 if separator == "::" else 1  # between single colons every other field is empty
    names = None if width is None else [str(place // step + 1) if place % step == 0 else f"gap {place}" for place in range((width - 1) * step + 1)]
    kinds = None if names is None else {name: pl.Float64 if name in floats else pl.String for name in names}
    try:
        lazy = pl.scan_csv(
            path,
            separator=separator[0],
            has_header=names is None,
            schema=kinds,
            schema_overrides=dict.fromkeys(floats, pl.Float64) if names is None else None,
            infer_schema_length=0,
            quote_char='"' if quotes else None,
        )
        taken = list(dict.fromkeys(columns.values()))
        frame = lazy.select(taken).collect(engine="streaming")
    except (*POLARS_ERRORS, OSError):
        return None
    if not len(frame) or frame.select(pl.any_horizontal(pl.all().null_count() > 0)).item():
        return None
    return Table(frame, path.name, 1 if width is not None else 2, named=width is None)

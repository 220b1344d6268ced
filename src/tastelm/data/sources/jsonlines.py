"""JSON tables: one object a line, or one list of objects."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tastelm.data.sources.table import POLARS_ERRORS, BadRows, Table, short
from tastelm.errors import DataError


def looks_like_json(text: bytes) -> bool:
    """Whether the text begins as a JSON object or a list of them."""
    start = text.lstrip()[:1]
    return start == b"{" or (start == b"[" and text.lstrip()[1:].lstrip()[:1] in (b"{", b"]"))


def read_json(text: bytes, where: str, *, bad_rows: BadRows) -> Table:
    """A table with the types that its values have. Raises DataError on a line that is no JSON object, unless bad rows are skipped."""
    if text.lstrip()[:1] == b"[":
        return _read_list(text, where)
    try:
        frame = pl.read_ndjson(text, infer_schema_length=None)
    except POLARS_ERRORS:
        return _careful(text, where, bad_rows)
    return Table(frame, where, numbering=lambda: [number for number, line in enumerate(text.split(b"\n"), 1) if line.strip()])


def as_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """A column for each key, in the type that holds all its values; text where they are of several kinds."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([_series(name, [row.get(name) for row in rows]) for name in names])


def loads(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError, also where Python itself gives up."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _read_list(text: bytes, where: str) -> Table:
    try:
        rows = loads(text)
    except ValueError as error:
        raise DataError(f"{where}: the JSON list cannot be read: {error}. If the file is cut off, fetch it again.") from error
    odd = next((place for place, row in enumerate(rows, 1) if not isinstance(row, dict)), None)
    if odd is not None:
        raise DataError(f'{where}, entry {odd}: {short(rows[odd - 1])} is not an object. Write each row as {{"user": ..., "item": ...}}.')
    return Table(as_frame(rows), where)


def _careful(text: bytes, where: str, bad_rows: BadRows) -> Table:
    rows, numbers, bad = [], [], []
    lines = text.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = loads(line)
            if not isinstance(row, dict):
                raise ValueError("it is no object")
        except ValueError as error:
            bad.append((number, line, str(error)))
        else:
            rows.append(row)
            numbers.append(number)
    if bad and bad_rows == "stop":
        number, line, reason = bad[0]
        cut = " The last line seems to be cut off: fetch the file again." if number == len(lines) else ""
        python = " Single quotes are Python's notation: write JSON instead." if line.lstrip()[:2] == b"{'" else ""
        raise DataError(
            f"{where}, row {number}: {short(line.decode())!r} is not one JSON object on a line: {reason} "
            f"({len(bad)} of {len(rows) + len(bad)} rows)."
            f"{cut}{python} Correct them or drop them with --bad-rows skip."
        )
    notes = (f"{len(bad):,} rows that are no JSON object dropped",) if bad else ()
    return Table(as_frame(rows), where, numbering=lambda: numbers, notes=notes)


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) == 1 or kinds <= {int, float}:
        try:
            return pl.Series(name, [float(value) if value is not None else None for value in values] if len(kinds) == 2 else values, strict=True)
        except (TypeError, ValueError, OverflowError, *POLARS_ERRORS):
            pass
    return pl.Series(name, [value if value is None or isinstance(value, str) else json.dumps(value) for value in values], dtype=pl.String)

"""Text tables: which separator, whether there is a header, and every row as long as the others."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator, Mapping
from itertools import islice

import polars as pl

from tastelm.data.schema import INTERACTIONS
from tastelm.data.sources.table import POLARS_ERRORS, BadRows, Table, quoted, short
from tastelm.errors import DataError

SEPARATORS = ("::", "\t", ",", ";", "|")
MOST_COLUMNS = 10_000
_SAMPLE, _HEAD = 100, 1 << 18
_QUOTES = '"'
# Stands for the two characters of `::`, since parsers want one.
_UNIT = "\x1f"
# What a blank line is made of: what `bytes.strip` takes away, less than `str.strip` does.
_BLANKS = " \t\n\v\f\r"
_UNQUOTED = (_UNIT, " ")


def sniff(text: bytes) -> str | None:
    """The separator that cuts the first lines best: one that finds a user and an item in a header, then the one most lines agree on."""
    lines = sample_lines(text)
    best: tuple[tuple[int, float, int], str] | None = None
    for separator in SEPARATORS:
        rows = _sample_rows(lines, separator)
        if not rows or len(rows[0]) < 2:
            continue
        known = sum(any(INTERACTIONS[key].standing(name) is not None for name in rows[0]) for key in ("user", "item"))
        agreeing = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        score = (known, round(agreeing, 1), len(rows[0]))
        if best is None or score > best[0]:
            best = score, separator
    return best[1] if best else None


def sample_lines(text: bytes) -> list[str]:
    """The first lines that are not blank. A last line that the sample cuts is left out."""
    start, _ = _after_blank_lines(text)
    head = text[start : start + _HEAD]
    if start + len(head) < len(text) and b"\n" in head:
        head = head[: head.rindex(b"\n")]
    return [line for line in head.decode(errors="ignore").split("\n") if line.strip(_BLANKS)][:_SAMPLE]


def first_rows(text: bytes, separator: str) -> list[list[str]]:
    """The first rows, cut at the separator."""
    return _sample_rows(sample_lines(text), separator)


def read_delimited(text: bytes, where: str, separator: str, *, columns: Mapping[str, str], bad_rows: BadRows) -> Table:
    """A table of text columns. Raises DataError on rows of another length, unless bad rows are skipped."""
    if separator == "::":
        text, separator = text.replace(b"::", _UNIT.encode()), _UNIT
    start, first = _after_blank_lines(text)
    rows = first_rows(text, separator)
    named = _has_header(rows, columns)
    names = _names(rows[0], where) if named else [str(place + 1) for place in range(len(rows[0]))]
    if named:
        try:
            end, _ = next(_records(text[start : start + _HEAD], separator, None if separator in _UNQUOTED else _QUOTES))
        except csv.Error as error:
            raise _quotes_wrong(where, first, error) from error
        following = _skip_lines(text, start, end)
        start, first = following, first + end
    body = text[start:].rstrip(b"\n")
    quotes = _QUOTES if separator not in _UNQUOTED and b'"' in body and _quotes_fit(body, separator, len(names)) else None
    frame = _bulk(body, separator, names, quotes, truncate=False)
    if frame is not None and quotes is None and not frame[:, -1].null_count():
        return Table(frame, where, first, named=named)
    return _careful(body, where, separator, names, quotes, first, named, bad_rows)


def _sample_rows(lines: list[str], separator: str) -> list[list[str]]:
    if separator in ("::", _UNIT, " "):
        return [line.split(separator) for line in lines]
    try:
        return [row for row in islice(csv.reader((f"{line}\n" for line in lines), delimiter=separator), _SAMPLE) if row]
    except csv.Error:
        return [line.split(separator) for line in lines]


def _has_header(rows: list[list[str]], columns: Mapping[str, str]) -> bool:
    """Whether the first row names the columns: it holds a known or given name, or words where the others hold numbers."""
    first, others = rows[0], rows[1:]
    if any(name in first for name in columns.values() if not name.isdigit()):
        return True
    if any(column.standing(name) is not None for name in first for column in INTERACTIONS.values()):
        return True
    if any(_is_number(field) for field in first):
        return False
    if any(all(len(row) > place and _is_number(row[place]) for row in others) for place in range(len(first)) if others):
        return True
    return not any(name.isdigit() for name in columns.values())


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _names(header: list[str], where: str) -> list[str]:
    names = [name.strip() or f"column {place + 1}" for place, name in enumerate(header)]
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{where}: the header has {len(names):,} columns, more than the {MOST_COLUMNS:,} that are read. Keep those that are needed.")
    repeated = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
    if repeated:
        raise DataError(f"{where}, row 1: two columns are called '{short(repeated[0])}'. Rename one of them.")
    return names


def _after_blank_lines(text: bytes) -> tuple[int, int]:
    """Where the first line that is not blank begins, and its number."""
    found = re.search(rb"\S", text)
    start = found.start() if found else len(text)
    return text.rfind(b"\n", 0, start) + 1, text.count(b"\n", 0, start) + 1


def _skip_lines(text: bytes, start: int, count: int) -> int:
    for _ in range(count):
        start = text.find(b"\n", start) + 1
        if start == 0:
            return len(text)
    return start


def _records(body: bytes, separator: str, quotes: str | None) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its last line, from 1. Raises csv.Error where quotes do not fit."""
    lines = (f"{line}\n" for line in body.decode(errors="ignore").split("\n"))
    if quotes is None:
        yield from ((number, line[:-1].split(separator)) for number, line in enumerate(lines, 1))
    else:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        yield from ((reader.line_num, row) for row in reader)


def _quotes_fit(body: bytes, separator: str, width: int) -> bool:
    """Whether quotes enclose fields. Between tabs or bars they are plain letters if rows fit without, as in `12" vinyl`, and not with them."""
    if separator not in "\t|":
        return True
    try:
        if all(len(row) == width for _, row in _records(body, separator, _QUOTES) if row):
            return True
    except csv.Error:
        pass
    return any(len(row) != width for _, row in _records(body, separator, None) if any(field.strip(_BLANKS) for field in row))


def _bulk(body: bytes, separator: str, names: list[str], quotes: str | None, *, truncate: bool) -> pl.DataFrame | None:
    """All rows at the speed of Polars, missing fields null; None where it gives up."""
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    try:
        # Without a line feed at the end Polars overlooks one field too many there.
        return pl.read_csv(
            body + b"\n",
            separator=separator,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            quote_char=quotes,
            truncate_ragged_lines=truncate,
        )
    except POLARS_ERRORS:
        return None


def _careful(body: bytes, where: str, separator: str, names: list[str], quotes: str | None, first: int, named: bool, bad_rows: BadRows) -> Table:
    """Row by row: finds rows of another length and the line of every row."""
    lines, keep, ragged, end = array("q"), bytearray(), [], 0
    rows = _records(body, separator, quotes)
    try:
        for number, row in rows:
            begin, end = first + end, number
            lines.append(begin)
            blank = len(row) < 2 and not "".join(row).strip(_BLANKS)
            keep.append(not blank and len(row) == len(names))
            if not blank and len(row) != len(names):
                ragged.append((begin, len(row)))
    except csv.Error as error:
        raise _quotes_wrong(where, first + end, error) from error
    if ragged and bad_rows == "stop":
        line, width = ragged[0]
        raise DataError(
            f"{where}, row {line}: {width} field{'s' * (width != 1)} where {quoted(names)} need {len(names)} "
            f"({len(ragged)} of {len(ragged) + sum(keep)} rows). "
            "Correct them or drop them with --bad-rows skip."
        )
    frame = _bulk(body, separator, names, quotes, truncate=True) if quotes is None or _well_formed(body, separator) else None
    if frame is None or len(frame) != len(lines):
        kept = [row for (_, row), good in zip(_records(body, separator, quotes), keep, strict=True) if good]
        frame = pl.DataFrame(kept, schema=dict.fromkeys(names, pl.String), orient="row")
    else:
        frame = frame.filter(pl.Series([bool(good) for good in keep], dtype=pl.Boolean))
    numbers = [line for line, good in zip(lines, keep, strict=True) if good]
    notes = (f"{len(ragged):,} rows of another length dropped",) if ragged else ()
    return Table(frame, where, first, lambda: numbers, named, notes)


def _quotes_wrong(where: str, row: int, error: csv.Error) -> DataError:
    return DataError(f'{where}, row {row}: quotes do not fit ({error}). Close every " that opens a field, and double each " inside one.')


def _well_formed(body: bytes, separator: str) -> bool:
    """No quote between two letters: there Polars and the csv module may read differently."""
    edge = re.escape(f'"{separator}\n'.encode())
    return re.search(b"[^" + edge + b']"[^' + edge + b"]", body) is None

"""Files of one object a line, JSON or Python's own notation, packed with gzip or not, read a block at a time in bounded memory."""

from __future__ import annotations

import ast
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import polars as pl

from tastelm.data.sources.content import GZIP
from tastelm.data.sources.jsonlines import loads
from tastelm.data.sources.table import POLARS_ERRORS, BadRows, short
from tastelm.errors import DataError

BLOCK = 1 << 24
# A line that is longer is no row of a table.
LONGEST_LINE = 1 << 27


class Lines:
    """The objects of a file as frames of the columns that are wanted, a block after the other.

    schema    column -> type: String, Float64 or List(String), also List(List(String)); keys that are missing are null
    literal   whether the lines are Python dictionaries, as in Amazon's metadata of 2014; they are read as constants and never run
    skipped   after the iteration, how many lines could not be read and were left out

    Raises DataError on such a line, naming it, unless bad rows are skipped.
    """

    def __init__(self, path: Path, schema: Mapping[str, Any], *, bad_rows: BadRows = "stop", literal: bool = False) -> None:
        self.path, self.schema, self.bad_rows, self.literal = path, dict(schema), bad_rows, literal
        self.skipped = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        first, any_line = 1, False
        for block, last in blocks(self.path):
            any_line = any_line or bool(block.strip())
            yield self._frame(block, first, last)
            first += block.count(b"\n")
        if not any_line:
            raise DataError(f"{self.path.name}: the file is empty. Fetch it again.")

    def _frame(self, block: bytes, first: int, last: bool) -> pl.DataFrame:
        if not block.strip():
            return pl.DataFrame(schema=self.schema)
        if not self.literal:
            try:
                return pl.read_ndjson(block, schema=self.schema).select(list(self.schema))
            except POLARS_ERRORS:
                pass  # line by line below, which names the line
        rows = [row for number, line in enumerate(block.split(b"\n"), first) if line.strip() and (row := self._row(line, number, last)) is not None]
        return pl.DataFrame(rows, schema=self.schema, orient="row")

    def _row(self, line: bytes, number: int, last: bool) -> tuple[Any, ...] | None:
        try:
            row = _literal(line) if self.literal else loads(line)
            if not isinstance(row, dict):
                raise ValueError("it is no object")
            return tuple(_fitting(row.get(name), dtype, name) for name, dtype in self.schema.items())
        except (ValueError, UnicodeDecodeError) as error:
            if self.bad_rows == "skip":
                self.skipped += 1
                return None
            kind = "Python dictionary" if self.literal else "JSON object"
            cut = " If it is the last, the file is cut off: fetch it again." if last else ""
            raise DataError(
                f"{self.path.name}, row {number}: {short(line.decode(errors='replace'))!r} is not one {kind} on a line as published: {error}.{cut} "
                "Correct it or drop such rows with --bad-rows skip."
            ) from error

    def notes(self) -> tuple[str, ...]:
        """What was left out, in words."""
        return (f"{self.skipped:,} rows of {self.path.name} dropped: they cannot be read",) if self.skipped else ()


def is_literal(path: Path) -> bool:
    """Whether the first line is a Python dictionary and not JSON."""
    with opened(path) as file:
        line = _read(file, path, 1 << 20).lstrip().split(b"\n")[0]
    try:
        loads(line)
    except ValueError:
        return line.startswith(b"{'") or b": u'" in line or b"{u'" in line[:2]
    return False


def blocks(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Whole lines of a file, some 16 MiB at a time, and whether they are the last."""
    rest = b""
    with opened(path) as file:
        while piece := _read(file, path, BLOCK):
            rest += piece
            if (end := rest.rfind(b"\n") + 1) > 0:
                yield rest[:end], False
                rest = rest[end:]
            elif len(rest) > LONGEST_LINE:
                raise DataError(
                    f"{path.name}: a line is longer than {LONGEST_LINE:,} bytes; this is no file of one object a line. Check that it is the right file."
                )
    yield rest, True


def opened(path: Path) -> IO[bytes]:
    """The file, unpacked if its content is gzip, whatever its name. Raises DataError if it cannot be opened."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}). Check the path and its permissions.") from error


def _read(file: IO[bytes], path: Path, size: int) -> bytes:
    try:
        return file.read(size)
    except EOFError as error:
        raise DataError(f"{path.name}: the gzip file is cut off after {file.tell():,} unpacked bytes. Fetch it again.") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path.name}: the gzip file is damaged after {file.tell():,} unpacked bytes ({error}). Fetch it again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}). Check the path and its permissions.") from error


def _literal(line: bytes) -> Any:
    """The constant that a line spells in Python. Raises ValueError if it is none; nothing is run."""
    try:
        return ast.literal_eval(line.decode().strip())
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(getattr(error, "msg", None) or str(error) or "nested too deeply") from error


def _fitting(value: Any, dtype: Any, name: str) -> Any:
    """The value in the type of its column. Raises ValueError for a number that is none."""
    if value is None:
        return None
    if dtype == pl.Float64:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"'{name}' is {short(value)}, not a number")
        try:
            return float(value)
        except ValueError as error:
            raise ValueError(f"'{name}' is {short(value)!r}, not a number") from error
    if isinstance(dtype, pl.List):
        return [_fitting(entry, dtype.inner, name) for entry in (value if isinstance(value, list) else [value] if value else [])]
    return value if isinstance(value, str) else json.dumps(value)

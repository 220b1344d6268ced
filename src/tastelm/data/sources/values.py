"""Ids, ratings and words: columns of any type turned into those of the schema. Ids are text, and never `1.0`."""

from __future__ import annotations

import polars as pl

from tastelm.data.sources.table import Cleaned

LONGEST_ID = 512
# What programs write where there is nothing.
EMPTY = ("", "nan", "NaN", "null", "NULL", "None", "<NA>")
_WHOLE_FLOATS_END = 2.0**53


def ids(values: pl.Series, *, required: bool = True) -> Cleaned:
    """Ids as text: stripped, whole numbers without a point. Bad are empty, overlong and fractional ones, and whatever is no id at all."""
    note, dtype = "", values.dtype
    if dtype.is_float() or dtype.is_decimal():
        numbers = values.cast(pl.Float64)
        whole = numbers.is_finite() & (numbers == numbers.round()) & (numbers.abs() <= _WHOLE_FLOATS_END)
        text = pl.select(pl.when(whole.fill_null(False)).then(numbers)).to_series().cast(pl.Int64).cast(pl.String)
        absent = numbers.is_null() | numbers.is_nan().fill_null(True)
    elif dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum):
        text = values.cast(pl.String).str.strip_chars()
        absent = text.is_null() | text.is_in(EMPTY).fill_null(True)
        text = pl.select(pl.when(~absent & (text.str.len_chars() <= LONGEST_ID)).then(text)).to_series()
        text, note = _without_point_zero(text, dtype)
    else:
        text = pl.repeat(None, len(values), dtype=pl.String, eager=True)
        absent = values.is_null()
    bad = text.is_null() if required else text.is_null() & ~absent
    return Cleaned(text.alias(values.name), bad, "an id", note)


def _without_point_zero(text: pl.Series, dtype: pl.DataType) -> tuple[pl.Series, str]:
    """Ids that some program wrote as numbers with a point (all end in `.0`) are whole numbers again."""
    if dtype != pl.String or not text.str.contains(r"^-?\d+\.0$").all() or text.null_count() == len(text):
        return text, ""
    return text.str.strip_suffix(".0"), f"the ids in '{text.name}' were written as numbers with a point, as in '{text.drop_nulls()[0]}', which is left out"


def ratings(values: pl.Series) -> Cleaned:
    """Numbers; bad are those that are missing or not finite."""
    numbers = as_numbers(values)
    return Cleaned(numbers, ~numbers.is_finite().fill_null(False), "a number")


def words(values: pl.Series) -> Cleaned:
    """Text that may be missing."""
    return ids(values, required=False)


def prose(values: pl.Series) -> Cleaned:
    """Text of any length, which may be missing; nested values are written as JSON."""
    text = pl.select(pl.struct(values).struct.json_encode()).to_series() if values.dtype.is_nested() else values.cast(pl.String, strict=False)
    return Cleaned(text.alias(values.name), pl.repeat(False, len(values), eager=True), "text")


def as_numbers(values: pl.Series) -> pl.Series:
    """The values as floats, null where they are none."""
    if values.dtype == pl.String:
        values = values.str.strip_chars()
    elif not (values.dtype.is_numeric() or values.dtype in (pl.Categorical, pl.Enum)):
        return pl.repeat(None, len(values), dtype=pl.Float64, eager=True).alias(values.name)
    else:
        values = values.cast(pl.String) if values.dtype in (pl.Categorical, pl.Enum) else values
    return values.cast(pl.Float64, strict=False)

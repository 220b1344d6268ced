"""Times as seconds since 1970: numbers in any common unit, dates in any common spelling, and no guess between two of them."""

from __future__ import annotations

import polars as pl

from tastelm.data.sources.table import Cleaned, short
from tastelm.data.sources.values import as_numbers
from tastelm.errors import DataError

UNITS = ("seconds", "milliseconds", "microseconds", "nanoseconds")
# A number from here on is a moment; below, it counts steps and can be of any unit. 1e8 seconds are March 1973.
_MOMENT = 1e8
# From 1e11 a number is read as milliseconds (1973), from 1e14 as microseconds, from 1e17 as nanoseconds; from 1e20 it is no time.
_UNIT_BEGINS = (1e11, 1e14, 1e17, 1e20)
_CLOCKS = ("", "T%H:%M:%S%.f", "T%H:%M", "T%H:%M:%S%.f%#z", "T%H:%M%#z", "T%I:%M:%S %p", "T%I:%M %p")
_YEAR_FIRST = ("%Y-%m-%d",)
_MONTH_FIRST, _DAY_FIRST = ("%m/%d/%Y",), ("%d/%m/%Y",)
_IN_WORDS = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%m %d, %Y", "%d.%m.%Y")
_LETTERS = ("%a %b %d %H:%M:%S %z %Y", "%a, %d %b %YT%H:%M:%S%#z")


def seconds(values: pl.Series, where: str) -> Cleaned:
    """The column as seconds. A time without a zone is taken as UTC.

    Raises DataError, beginning with `where`, if days and months cannot be told apart.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime) or dtype == pl.Date:
        moments = _since_1970(values.cast(pl.Datetime("us", dtype.time_zone if isinstance(dtype, pl.Datetime) else None)))
        return Cleaned(moments.alias(values.name), moments.is_null(), "a time")
    numbers = as_numbers(values)
    finite = numbers.is_finite().fill_null(False)
    filled = len(values) - values.null_count()
    if dtype != pl.String or finite.sum() * 2 >= filled:
        return _compact_dates(numbers, finite) or _numbers(numbers, finite)
    return _dates(values, where)


def _since_1970(moments: pl.Series) -> pl.Series:
    return moments.dt.epoch("us").cast(pl.Float64) / 1e6


def _numbers(numbers: pl.Series, finite: pl.Series) -> Cleaned:
    size = numbers.abs()
    moments = size.filter(finite & size.is_between(_MOMENT, _UNIT_BEGINS[-1]))
    middle = moments.median()
    unit = sum(float(middle) >= begin for begin in _UNIT_BEGINS) if isinstance(middle, float) else 0
    low = _UNIT_BEGINS[unit - 1] if unit else 0.0
    other = (size >= _MOMENT) & ((size < low) | (size >= _UNIT_BEGINS[unit]))
    expected = f"a time in {UNITS[unit]} since 1970, as most others are" if (other & finite).any() else "a time"
    note = f"times read as {UNITS[unit]} since 1970" if unit else ""
    return Cleaned(numbers / 1000.0**unit, ~finite | other.fill_null(False), expected, note)


def _compact_dates(numbers: pl.Series, finite: pl.Series) -> Cleaned | None:
    """Numbers as 20240131, if all of them are dates."""
    whole = numbers.filter(finite)
    if not len(whole) or not (whole.is_between(19000101, 21001231) & (whole == whole.round())).all():
        return None
    text = pl.select(pl.when(finite).then(numbers)).to_series().cast(pl.Int64).cast(pl.String)
    dates = _since_1970(text.str.to_datetime("%Y%m%d", strict=False))
    if dates.null_count() > numbers.len() - len(whole):
        return None
    return Cleaned(dates.alias(numbers.name), dates.is_null(), "a date", "times read as dates of 8 digits, year first")


def _dates(values: pl.Series, where: str) -> Cleaned:
    text = _one_spelling(values)
    found = _parse(text, [day + clock for day in _YEAR_FIRST for clock in _CLOCKS])
    found = _parse(text, [*(day + clock for day in _IN_WORDS for clock in _CLOCKS), *_LETTERS], found)
    note = "times without a zone are taken as UTC" if not text.str.contains(r"(Z|[+-]\d\d:?\d\d)$").any() else ""
    if found.null_count() > values.null_count():
        month, day = (_parse(text, [form + clock for form in forms for clock in _CLOCKS], found) for forms in (_MONTH_FIRST, _DAY_FIRST))
        differing = values.filter((month != day).fill_null(False))
        if month.null_count() == day.null_count() and len(differing):
            raise DataError(f"{where}: ambiguous dates: '{short(differing[0])}' could have the month or the day first. Write the year first, as 2024-01-31.")
        if min(month.null_count(), day.null_count()) < found.null_count():
            first, found = ("month", month) if month.null_count() < day.null_count() else ("day", day)
            note = f"dates read with the {first} first"
    return Cleaned(found.alias(values.name), found.is_null(), "a date", note)


def _one_spelling(values: pl.Series) -> pl.Series:
    """Year-first dates with hyphens, others with slashes, a T before the clock, the zone close behind it."""
    return (
        values.str.strip_chars()
        .str.replace(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", "$1-$2-$3")
        .str.replace(r"^(\d{1,2})-(\d{1,2})-(\d{4})", "$1/$2/$3")
        .str.replace(r"^(.*\d{4}|\d{4}-\S+),?\s+(\d{1,2}:\d\d)", "${1}T$2")
        .str.replace(r"\s*(UTC|GMT|Z)$", "Z")
        .str.replace(r"(T.*\d)\s+([+-]\d\d:?\d\d)$", "$1$2")
    )


def _parse(text: pl.Series, formats: list[str], found: pl.Series | None = None) -> pl.Series:
    """Seconds of what one of the formats reads; what is `found` already stays."""
    if found is None:
        found = pl.repeat(None, len(text), dtype=pl.Float64, eager=True)
    for form in formats:
        open_ = found.is_null() & text.is_not_null()
        if not open_.any():
            break
        moments = _since_1970(text.filter(open_).str.to_datetime(form, time_unit="us", strict=False))
        if moments.null_count() < len(moments):
            found = found.clone().scatter(open_.arg_true(), moments)
    return found

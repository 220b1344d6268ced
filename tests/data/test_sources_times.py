from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sources.times import seconds
from tastelm.errors import DataError

MOMENT = datetime(2015, 9, 4, 13, 5, tzinfo=UTC).timestamp()
DAY = datetime(2015, 9, 4, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015-09-04", DAY),
        ("2015/9/4", DAY),
        ("2015-09-04T13:05:00Z", MOMENT),
        ("2015-09-04 13:05:00 UTC", MOMENT),
        ("2015-09-04T15:05:00+02:00", MOMENT),
        ("2015-09-04 15:05:00.000 +0200", MOMENT),
        ("2015-09-04 13:05", MOMENT),
        ("2015-09-04 13:05:00.5", MOMENT + 0.5),
        ("2015-09-04 01:05 PM", MOMENT),
        ("09 4, 2015", DAY),
        ("Sep 4, 2015", DAY),
        ("4 September 2015", DAY),
        ("04-Sep-2015 13:05", MOMENT),
        ("04.09.2015", DAY),
        ("Fri Sep 04 13:05:00 +0000 2015", MOMENT),
        ("Fri, 04 Sep 2015 13:05:00 +0000", MOMENT),
        ("20150904", DAY),
        (" 1441324800 ", 1441324800.0),
        ("1441324800.25", 1441324800.25),
        ("1441324800000", 1441324800.0),
        ("1441324800000000", 1441324800.0),
        ("1441324800000000000", 1441324800.0),
        ("17", 17.0),
        ("-86400", -86400.0),
    ],
)
def test_one_spelling(text, expected):
    cleaned = seconds(pl.Series("time", [text]), "here")
    assert cleaned.values.to_list() == [expected] and not cleaned.bad.any()


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        (["31/12/2014", "01/02/2015"], date(2015, 2, 1), "dates read with the day first"),
        (["12/31/2014", "01/02/2015"], date(2015, 1, 2), "dates read with the month first"),
        (["12-31-2014 08:00", "01-02-2015 00:00"], date(2015, 1, 2), "dates read with the month first"),
        (["05/05/2015", "06/06/2015"], date(2015, 6, 6), "dates read with the day first"),
    ],
)
def test_day_and_month_are_told_apart_by_the_column(values, expected, note):
    cleaned = seconds(pl.Series(values), "here")
    assert datetime.fromtimestamp(cleaned.values[-1], UTC).date() == expected and cleaned.note == note


def test_day_and_month_that_cannot_be_told_apart():
    with pytest.raises(DataError, match=r"here: ambiguous dates: '01/02/2015' could have the month or the day first. Write the year first"):
        seconds(pl.Series(["01/02/2015", "03/04/2015"]), "here")


@pytest.mark.parametrize(
    ("values", "bad", "expected"),
    [
        (["2024-01-01", "2024-13-02", ""], [1, 2], "a date"),
        (["1", "2", "x", None], [2, 3], "a time"),
        ([1.0, float("nan"), float("inf"), None, 1e30], [1, 2, 3, 4], "a time in seconds since 1970, as most others are"),
        ([1441324800, 1441324801, 1441324800000], [2], "a time in seconds since 1970, as most others are"),
        ([1441324800, 1441324801000, 1441324800000], [0], "a time in milliseconds since 1970, as most others are"),
        ([20150101, 20150102, None], [2], "a date"),
        (["31/12/2014", "12/31/2014"], [0], "a date"),
        ([[1], [2]], [0, 1], "a time"),
        ([True, False], [0, 1], "a time"),
    ],
)
def test_bad_values_are_marked(values, bad, expected):
    cleaned = seconds(pl.Series("time", values, strict=False), "here")
    if values == ["31/12/2014", "12/31/2014"]:
        assert cleaned.bad.sum() == 1
    else:
        assert cleaned.bad.arg_true().to_list() == bad
    assert cleaned.expected == expected


def test_eight_digits_that_are_no_dates_are_seconds():
    assert seconds(pl.Series([20150101, 20159999]), "here").values.to_list() == [20150101.0, 20159999.0]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_time_columns(zone):
    local = datetime(2015, 9, 4, 13, 5)
    series = pl.Series("t", [local, None]).dt.replace_time_zone(zone)
    cleaned = seconds(series, "here")
    assert cleaned.values.to_list() == [MOMENT - (7200 if zone == "Europe/Berlin" else 0), None] and cleaned.bad.to_list() == [False, True]
    assert seconds(pl.Series([date(2015, 9, 4)]), "here").values.to_list() == [DAY]
    assert seconds(pl.Series([timedelta(1)]), "here").bad.all()


@given(st.lists(st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)).map(lambda moment: moment.replace(microsecond=0)), min_size=1, max_size=5))
def test_every_way_of_writing_a_moment_gives_the_same_seconds(moments):
    expected = [moment.replace(tzinfo=UTC).timestamp() for moment in moments]
    for written in (
        [moment.isoformat() for moment in moments],
        [moment.strftime("%Y/%m/%d %H:%M:%S") for moment in moments],
        [moment.isoformat() + "+00:00" for moment in moments],
        [moment.strftime("%b %d, %Y %I:%M:%S %p") for moment in moments],
        [str(int(second * 1000)) for second in expected],
        [int(second * 1_000_000) for second in expected],
        moments,
    ):
        assert seconds(pl.Series(written), "here").values.to_list() == expected

"""A column of users as categories or bands."""

import polars as pl
import pytest

from tastelm.data.attribute import Attribute, attribute_of, parse_profile
from tastelm.errors import SettingError

AGES = pl.Series("age", [20, 25, 30, 35, 40, 45, 50, 55])


def test_a_setting_names_columns_and_cuts() -> None:
    assert parse_profile("none") == {}
    assert parse_profile("gender, age:4,born:1960/1980.5,job:each,all") == {"gender": None, "age": 4, "born": (1960.0, 1980.5), "job": "each", "all": None}
    assert parse_profile("age:30/") == {"age": (30.0,)}, "a single edge"


@pytest.mark.parametrize("text", ["age:1", "age:0", "age:x", "age:30/20", "age:20/20", "age:/", "age:nan/3", "age:101", "age:2.5"])
def test_a_cut_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=rf"profile: '{text}' does not say how to cut 'age'; say in how many bands, as in age:4"):
        parse_profile(text)


@pytest.mark.parametrize("text", ["", ",", "gender,", "age:", ":4"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"is not a list of columns; write it like gender,occupation"):
        parse_profile(text)
    with pytest.raises(SettingError, match=r"names the column 'a' twice"):
        parse_profile("a,b,a")


def test_bands_by_edges_hold_their_lower_edge() -> None:
    found = attribute_of(AGES, (25.0, 50.0))
    assert found == Attribute("age", ("under 25", "25 to 50", "50 and over"), (25.0, 50.0))
    assert found.codes(pl.Series([24.9, 25, 49, 50, None, float("nan"), -1])).tolist() == [0, 1, 1, 2, -1, -1, 0]


def test_bands_by_number_hold_equally_many() -> None:
    found = attribute_of(AGES, 4)
    assert found.edges == (30.0, 40.0, 50.0)
    assert [found.codes(AGES).tolist().count(code) for code in range(4)] == [2, 2, 2, 2]
    # Most are 1: the lower edges fall together with the least value, and no band is empty.
    assert attribute_of(pl.Series("n", [1, 1, 1, 1, 1, 2, 3]), 3).edges == (2.0,)


def test_numbers_written_as_text_are_numbers_and_may_be_taken_as_categories() -> None:
    texts = AGES.cast(pl.String)
    assert attribute_of(texts, 2).codes(texts).tolist() == [0] * 4 + [1] * 4
    codes = pl.Series("job", ["1", "2", "12", "1", "2", "12"])
    with pytest.raises(SettingError, match=r"profile: 'job' holds numbers \(3 values\); say in how many bands, as in job:4, .*or job:each"):
        attribute_of(codes, None)
    assert attribute_of(codes, "each").categories == ("1", "12", "2")
    assert attribute_of(pl.Series("new", [0, 1, 1]), None).categories == ("0", "1"), "two values are categories, whatever they are called"


def test_a_category_that_training_has_not_is_told_from_one_that_is_not_known() -> None:
    found = attribute_of(pl.Series("gender", ["M", "F", None, "M", "F"]), None)
    assert found.categories == ("F", "M")
    assert found.codes(pl.Series(["M", None, "X", "F"])).tolist() == [1, -1, 2, 0]
    assert attribute_of(pl.Series("new", [True, False, True]), None).codes(pl.Series([False, True])).tolist() == [0, 1]


def test_a_column_that_tells_nothing_is_refused() -> None:
    for values, cut, message in (
        (["a", "b"], 3, r"'x' holds words, as 'a', which have no bands\. Write x alone"),
        (["a", "a", None], None, r"'x' tells the training users not apart: they have one value or none"),
        ([None, None], 2, r"'x' tells the training users not apart"),
        (["a", "b", "c", "d"], None, r"'x' has 4 values for 4 training users, too many to learn any"),
        ([1.0, 2.0], (5.0,), r"all training users fall into one band of 'x' \(1 to 2\)\. Choose other edges"),
        ([[1], [2]], None, r"'x' holds lists, but an attribute has one value for each user"),
    ):
        with pytest.raises(SettingError, match=message):
            attribute_of(pl.Series("x", values), cut)

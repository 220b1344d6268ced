"""What a table says of its rows, as codes and numbers."""

import numpy as np
import polars as pl
import pytest

from tastelm.data.dataset import Dataset
from tastelm.data.features import Features, Field, Sizes
from tastelm.data.split import split
from tastelm.data.vocabulary import Vocabulary
from tastelm.errors import SettingError

ITEMS = Vocabulary(["a", "b", "c", "d"])
TABLE = pl.DataFrame(
    {
        "item": ["d", "a", "b", "stranger"],
        "genres": [["x", None, "x"], ["y", "x"], [], ["never"]],
        "shop": ["p", "p", None, "q"],
        "title": ["D", "A", "B", "S"],
        "price": [4.0, 2.0, None, 100.0],
        "same": [1, 1, 1, 1],
        "empty": pl.Series([[], [], [], []], dtype=pl.List(pl.String)),
        "new": [True, False, False, True],
    }
)


def test_columns_that_describe_become_features_in_the_order_of_the_vocabulary() -> None:
    found = Features.of(TABLE, "item", ITEMS)
    assert found.fields == (Field("genres", "categories", 2), Field("shop", "categories", 1), Field("price", "number"), Field("new", "categories", 2))
    genres, price = found["genres"], found["price"]
    assert genres.codes is not None and genres.names == ("x", "y"), "what only a stranger has is no category"
    assert [row.tolist() for row in genres.codes] == [[1, 0], [], [], [0]]
    assert price.numbers is not None and np.isnan(price.numbers[[1, 2]]).all()
    assert price.numbers[[0, 3]].tolist() == [-1, 1]
    with pytest.raises(KeyError):
        found["title"]


def test_no_table_has_no_features() -> None:
    assert Features.of(None, "item", ITEMS).fields == ()


def test_fields_are_merged_behind_each_other() -> None:
    codes, count = Features.of(TABLE, "item", ITEMS).merged(["genres", "new"])
    assert count == 4 and [row.tolist() for row in codes] == [[1, 0, 2], [2], [], [0, 3]]


def test_sizes_pick_fields_by_name() -> None:
    sizes = Sizes(4, 0, Features.of(TABLE, "item", ITEMS).fields)
    assert sizes.pick("all") == sizes.features and sizes.pick("none") == ()
    assert [field.name for field in sizes.pick("price, genres,price")] == ["price", "genres"]
    with pytest.raises(SettingError, match=r"columns: the items have no feature 'pric'; .*price"):
        sizes.pick("pric")
    with pytest.raises(SettingError, match=r"no feature 'x'; the items table has no column of categories or numbers\."):
        Sizes(4).pick("x")


def test_a_split_knows_the_features_of_its_catalogue_and_the_times_of_its_histories() -> None:
    rows = pl.DataFrame({"user": ["u"] * 4, "item": ["b", "a", "c", "d"], "time": [2.0, 1.0, 3.0, 4.0]})
    made = split(Dataset.build(rows, items=TABLE.filter(pl.col("item") != "stranger")))
    assert made.sizes.items == 4 and made.sizes.users == 1 and made.sizes.features == made.features.fields
    assert made.train.values.tolist() == [0, 1] and made.train.times is not None and made.train.times.tolist() == [1, 2]

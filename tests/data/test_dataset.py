import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastelm.data import Dataset
from tastelm.data.dataset import REPEATS_COUNT
from tastelm.errors import DataError, SettingError

from .conftest import rows

FRAME = pl.DataFrame(
    {
        "user": ["a", "a", "a", "b", "b", "c"],
        "item": ["x", "y", "x", "x", "y", "z"],
        "time": [3.0, 1.0, 2.0, 5.0, 4.0, 6.0],
        "rating": [5.0, 1.0, 4.0, 2.0, 5.0, 3.0],
        "event": ["buy", "view", "view", "buy", "buy", "view"],
    }
)
pairs = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("uvxyz")), min_size=1, max_size=40)


def timed(pairs):
    return Dataset.build(pl.DataFrame({"user": [u for u, _ in pairs], "item": [i for _, i in pairs], "time": [float(t) for t in range(len(pairs))]}))


def test_what_is_built():
    dataset = Dataset.build(FRAME, name="shop")
    assert (dataset.n_users, dataset.n_items, len(dataset), dataset.order) == (3, 3, 6, "time")
    assert dataset.repeats == pytest.approx(1 / 6) and dataset.repeats_items
    assert Dataset.build(FRAME.select("item", "user")).interactions.columns == ["user", "item"]
    assert Dataset.build(FRAME.drop("time")).order == "none"
    assert dataset.titles() == {}


def test_repeats_count_from_the_named_share_on():
    rare = pl.DataFrame({"user": ["a"] * 1000, "item": [str(n % 998) for n in range(1000)]})
    assert Dataset.build(rare).repeats == pytest.approx(0.002) and not Dataset.build(rare).repeats_items
    assert REPEATS_COUNT == 0.005


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.drop("user"), r"shop: the interactions have no column 'user' \(who\), only item, time, rating, event"),
        (FRAME.clear(), "shop: no interactions are left"),
        (FRAME.with_columns(user=pl.lit("")), "shop, row 1, column 'user': '' cannot be used as who"),
        (
            FRAME.with_columns(time=pl.lit("noon")),
            "shop, row 1, column 'time': 'noon' cannot be used as when, seconds since 1970 .6 of 6 rows",
        ),
        (FRAME.with_columns(rating=pl.lit(float("nan"))), "shop, row 1, column 'rating': nan cannot be used"),
        (FRAME.with_columns(time=pl.Series([[1.0]] * 6)), "shop, row 1, column 'time'"),
    ],
)
def test_frames_that_cannot_be(frame, message):
    with pytest.raises(DataError, match=message):
        Dataset.build(frame, name="shop")


@pytest.mark.parametrize(("key", "table"), [("item", {"item": ["x", "x"]}), ("user", {"user": ["a", None]}), ("item", {"name": ["x"]})])
def test_tables_that_name_an_id_twice_or_not(key, table):
    with pytest.raises(DataError, match=f"the {key}s table"):
        Dataset.build(FRAME, **{f"{key}s": pl.DataFrame(table)})


@given(pairs, st.randoms())
def test_fingerprint_does_not_depend_on_the_order_of_rows(drawn, source):
    dataset = timed(drawn)
    order = list(range(len(drawn)))
    source.shuffle(order)
    assert Dataset.build(dataset.interactions[order]).fingerprint == dataset.fingerprint


@given(pairs, st.data())
def test_fingerprint_changes_with_any_value(drawn, data):
    dataset = timed(drawn)
    row, column = data.draw(st.integers(0, len(drawn) - 1)), data.draw(st.sampled_from(["user", "item", "time"]))
    other = dataset.interactions.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.lit(-1.0 if column == "time" else "new")).otherwise(column).alias(column)
    )
    assert Dataset.build(other).fingerprint != dataset.fingerprint


def test_fingerprint_knows_the_order_of_a_file_and_every_table():
    one, two = (Dataset.build(pl.DataFrame({"user": ["a", "a"], "item": items}), order="file") for items in (["x", "y"], ["y", "x"]))
    assert one.fingerprint != two.fingerprint
    tables = [
        None,
        {"item": ["x"], "tags": [["a", "b"]]},
        {"item": ["x"], "tags": [["a,b"]]},
        {"item": ["x"], "tags": [{"a": "b"}]},
        {"item": ["x"], "tags": [None]},
    ]
    prints = {Dataset.build(FRAME, items=pl.DataFrame(table) if table else None).fingerprint for table in tables}
    assert len(prints) == len(tables)
    assert Dataset.build(FRAME, users=pl.DataFrame({"user": ["a"]})).fingerprint not in prints


def test_titles_come_from_the_first_column_that_has_them():
    items = pl.DataFrame({"item": ["x", "y"], "title": [["a"], ["b"]], "name": ["X", None]})
    assert Dataset.build(FRAME, items=items).titles() == {"x": "X"}
    assert Dataset.build(FRAME, items=items.drop("name")).titles() == {}


def test_filters_by_hand():
    dataset = Dataset.build(FRAME, name="shop")
    assert len(dataset.filter(min_rating=4)) == 3
    assert dataset.filter(events="buy").interactions["event"].unique().to_list() == ["buy"]
    assert rows(dataset.filter(events=["buy"], duplicates="last"))[0][:3] == ("a", "x", 3.0)
    assert rows(dataset.filter(duplicates="first"))[0][:3] == ("a", "x", 2.0)
    assert [row[:2] for row in rows(dataset.filter(k_core=2))] == [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    assert dataset.filter(min_rating=4).notes == ("rating >= 4: 3 of 6 interactions dropped",)
    assert dataset.filter() is not dataset and dataset.filter().fingerprint == dataset.fingerprint
    file = Dataset.build(pl.DataFrame({"user": ["a"] * 4, "item": ["y", "x", "y", "x"]}), order="file")
    assert rows(file.filter(duplicates="last")) == [("a", "y"), ("a", "x")]
    assert rows(file.filter(duplicates="exact")) == [("a", "y"), ("a", "x")]


def test_filters_that_cannot_be():
    dataset = Dataset.build(FRAME.drop("rating"), name="shop")
    with pytest.raises(SettingError, match="shop has no column 'rating', which min_rating needs"):
        dataset.filter(min_rating=1)
    with pytest.raises(DataError, match="no interactions are left after the filter 9-core"):
        dataset.filter(k_core=9)
    with pytest.raises(SettingError, match="duplicates takes"):
        dataset.filter(duplicates="some")


@settings(max_examples=50)
@given(pairs, st.integers(2, 3))
def test_a_core_is_the_largest_set_in_which_all_are_met_often_enough(drawn, k):
    left = list(drawn)
    while True:
        fewer = [(u, i) for u, i in left if sum(u == v for v, _ in left) >= k and sum(i == j for _, j in left) >= k]
        if fewer == left:
            break
        left = fewer
    if not left:
        with pytest.raises(DataError, match="no interactions are left"):
            timed(drawn).filter(k_core=k)
    else:
        core = timed(drawn).filter(k_core=k)
        assert sorted(core.interactions.select("user", "item").rows()) == sorted(left)
        assert core.filter(k_core=k).fingerprint == core.fingerprint


@given(pairs)
def test_no_pair_twice_after_first_or_last(drawn):
    for policy in ("first", "last"):
        assert timed(drawn).filter(duplicates=policy).repeats == 0


def test_shuffled_files_without_times_are_the_same_data():
    shuffled = FRAME.drop("time").sample(fraction=1, shuffle=True, seed=random.Random(1).randrange(99))
    assert Dataset.build(shuffled).fingerprint == Dataset.build(FRAME.drop("time")).fingerprint

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data import Dataset
from tastelm.data.check import Report, check, training_bytes
from tastelm.data.sources import read


def dataset(order=None, items=None, users=None, notes=(), **columns):
    return Dataset.build(pl.DataFrame(columns), name="shop", order=order, items=items, users=users, notes=notes)


def odd(found, *words):
    """The odd sentences that hold all the words."""
    return [sentence for sentence in found.odd if all(word in sentence for word in words)]


CALM = {
    "user": ["a", "a", "a", "b", "b", "b", "c", "c", "c"],
    "item": ["x", "y", "z", "y", "x", "z", "x", "z", "y"],
    "time": [1.4e9, 1.4e9 + 5, 1.5e9, 1.42e9, 1.43e9, 1.44e9, 1.45e9, 1.46e9, 1.47e9],
}


def test_facts_by_hand():
    found = check(
        dataset(
            **CALM,
            notes=["user from 'u'", "2 rows of another length dropped"],
            items=pl.DataFrame({"item": ["x", "y", "z"], "title": ["X", "Y", "Z"]}),
        )
    )
    facts = dict(found.facts)
    assert len(facts) == len(found.facts) and found.odd == []
    assert facts["name"] == "shop" and len(facts["fingerprint"]) == 16
    assert facts["columns"] == "user, item, time" and facts["understood"] == "user from 'u'" and facts["dropped"] == "2 rows of another length dropped"
    assert (facts["users"], facts["items"], facts["interactions"]) == ("3", "3", "9")
    assert facts["density"] == "100.0000% of all pairs of user and item"
    assert facts["time"] == "2014-05-13 to 2017-07-14 (1,157 days)"
    assert facts["history length"] == "5% 3, 25% 3, 50% 3, 75% 3, 95% 3, max 3, mean 3.0"
    assert facts["item popularity"].endswith("the most popular 10 % take 33% of the interactions")
    assert facts["items table"] == "3 rows: item, title"
    assert facts["memory"].startswith("about 4.03 KiB")
    assert json.loads(json.dumps(found.to_dict())) == {"facts": facts, "odd": []}


def test_memory_by_its_formula():
    assert training_bytes(dataset(**CALM)) == 3 * 64 * 4 * 4 + 3 * 64 * 4 + 9 * 32


def test_repeats_and_their_consequence():
    often = check(dataset(user=["a"] * 4, item=["x", "x", "y", "z"]))
    assert odd(often, "1 interactions (25.00%) are repeats", "not set aside")
    rare = check(dataset(user=["a"] * 1001, item=[str(number % 1000) for number in range(1001)]))
    assert odd(rare, "1 interactions (0.10%) are repeats", "seen items are set aside")


def test_times_that_say_little():
    assert odd(check(dataset(user=["a", "b"], item=["x", "y"])), "There is no time")
    assert odd(check(dataset(**{**CALM, "time": [7.0] * 9})), "All times are equal (7)")
    ties = check(dataset(**{**CALM, "time": [1.0, 1.0, 2.0, *CALM["time"][3:]]}))
    assert odd(ties, "2 interactions (22.2%) share their time")
    assert dict(ties.facts)["time"] == "1 to 1.47e+09"
    assert dict(check(dataset(user=["a"], item=["x"])).facts)["time"] == "none"


def test_few_of_everything():
    found = check(dataset(user=["a", "a"], item=["x", "x"], time=[1.0, 2.0]))
    assert odd(found, "one user only") and odd(found, "one item only") and odd(found, "1 of 1 users have fewer than 3 interactions")
    assert odd(check(dataset(user=["a", "a", "a"], item=["x", "y", "y"])), "1 of 2 items are met once")


def test_tables_that_do_not_match():
    found = check(dataset(**CALM, items=pl.DataFrame({"item": ["x", "w", "v"]}), users=pl.DataFrame({"user": ["a", "b", "c"]})))
    assert odd(found, "2 of 3 rows of the items table have no interactions")
    assert odd(found, "2 of 3 items with interactions have no row in the items table")
    assert not odd(found, "users table")
    assert dict(found.facts)["users table"] == "3 rows: user"


def test_negative_ids():
    assert odd(check(dataset(user=["-1", "-1", "b"], item=["x", "-2", "-x"])), "2 interactions have a negative user id")
    assert odd(check(dataset(user=["-1"], item=["-2"])), "1 interactions have a negative item id")


def history(items, order):
    items = list(items)
    time = {"time": [float(place) for place in range(len(items))]} if order == "time" else {}
    return dataset(user=[f"u{place // 10}" for place in range(len(items))], item=[str(item) for item in items], order=order, **time)


@pytest.mark.parametrize("order", ["time", "file"])
def test_item_ids_in_the_order_of_time(order):
    ordered = check(history(range(60), order))
    assert odd(ordered, "rank correlation of id and first appearance is 1.00 and 100.0% of the steps", "next-integer probe")
    assert odd(ordered, "order of time" if order == "time" else "order of the file")
    assert odd(check(history(reversed(range(60)), order)), "is -1.00")
    mixed = [(item * 37 + 11) % 61 for item in range(60)]
    assert not odd(check(history(mixed, order)), "item ids carry")
    assert not odd(check(history(range(5), order)), "item ids carry")


def test_no_order_and_no_numbers_tell_nothing():
    assert not odd(check(history(range(60), "none")), "item ids carry")
    assert not odd(check(dataset(**CALM)), "item ids carry")


def test_a_huge_catalogue_is_told(monkeypatch):
    monkeypatch.setattr("tastelm.data.check.HUGE_CATALOGUE", 3)
    assert odd(check(dataset(**CALM)), "The catalogue has 3 items: a full softmax")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "2", "-3", "x"]), st.floats(-1e12, 1e12)), min_size=1, max_size=9))
def test_any_data_can_be_checked(drawn):
    users, items, times = zip(*drawn, strict=True)
    for columns in ({"time": times}, {}):
        assert isinstance(check(dataset(user=users, item=items, **columns)), Report)


def test_the_real_beauty_shows_its_leak(real):
    found = check(read(real("s3rec/Beauty.txt")))
    assert odd(found, "rank correlation of id and first appearance is 1.00 and 3.2% of the steps of users")
    assert dict(found.facts)["history length"] == "5% 5, 25% 5, 50% 6, 75% 9, 95% 21, max 204, mean 8.9"
    assert not odd(found, "repeats")


def test_the_real_yelp_repeats(real):
    assert odd(check(read(real("s3rec/Yelp.txt"))), "11,830 interactions (3.74%) are repeats", "not set aside")

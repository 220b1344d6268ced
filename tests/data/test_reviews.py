"""What was said of items, and ratings as stars."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.dataset import Dataset
from tastelm.data.reviews import Stars, reviews
from tastelm.data.split import Part, split


def test_each_row_keeps_what_was_said_of_it() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", f"i{item}", float(rng.integers(1, 6)), f" {user} on {item} ", None if item % 3 else f"in short {item}")
            for user in range(8) for item in rng.permutation(12)[:6]]  # fmt: skip
    table = pl.DataFrame(rows, schema=["user", "item", "rating", "review", "summary"], orient="row")
    parts = split(Dataset.build(table), "random:0.6,0.2")
    told = {(user, item): (rating, review.strip(), summary or "") for user, item, rating, review, summary in rows}
    seen = []
    for part in (Part.TRAIN, Part.VALID, Part.TEST):
        found = reviews(parts, part)
        assert (parts.part[found.rows] == part).all() and len(found)
        for index in range(len(found)):
            pair = parts.users.ids[found.users[index]], parts.items.ids[found.items[index]]
            assert (found.ratings[index], found.texts[index], found.summaries[index]) == told[pair]
            seen.append(pair)
    assert sorted(seen) == sorted(told), "every row is in one part"


def test_columns_that_are_not_there_are_unknown() -> None:
    parts = split(Dataset.build(pl.DataFrame({"user": ["a"] * 4, "item": list("wxyz"), "time": [0.0, 1.0, 2.0, 3.0]})))
    found = reviews(parts, Part.TRAIN)
    assert np.isnan(found.ratings).all() and set(found.texts) == {""} == set(found.summaries)


@given(st.lists(st.floats(-5, 100), min_size=1), st.floats(0, 1))
def test_stars_run_from_one_to_five_and_back(ratings: list[float], share: float) -> None:
    values = np.array(ratings)
    scale = Stars.of(np.append(values, np.nan))
    counted = scale.count(values)
    assert (counted >= 1).all() and (counted <= 5).all()
    if scale.high - scale.low > 1e-6:
        np.testing.assert_allclose(scale.rating(counted), values, atol=1e-9 * (1 + abs(values).max()))
        asked = scale.low + share * (scale.high - scale.low)
        np.testing.assert_allclose(scale.rating(scale.count(np.array([asked]))), [asked], atol=1e-6)
    elif scale.high == scale.low:
        assert (counted == 3).all()


def test_without_ratings_the_scale_is_that_of_stars() -> None:
    assert Stars.of(np.array([np.nan])) == Stars(1.0, 5.0)
    assert np.isnan(Stars(1.0, 5.0).count(np.array([np.nan]))).all()

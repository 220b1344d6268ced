"""Attributes of users under a split: what training may know of whom."""

import numpy as np
import polars as pl
import pytest

from tastelm.data.dataset import Dataset
from tastelm.data.profile import Learners, attributes, numbers
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError, SettingError
from tastelm.testing import circle

LOG = circle(40)


def described(protocol: str = "cold-users:0.2", **changes: dict[str, object]) -> Split:
    """40 users with a taste, an age and a list; `changes` are values by user, for some columns."""
    users = sorted(LOG.interactions["user"].unique())
    table = {"taste": [("sweet", "salty")[at % 2] for at in range(40)], "age": [20 + at for at in range(40)], "tags": [["a"]] * 40}
    columns = {name: [changes.get(name, {}).get(user, value) for user, value in zip(users, values, strict=True)] for name, values in table.items()}
    return split(Dataset.build(LOG.interactions, users=pl.DataFrame({"user": users, **columns}), name="described"), protocol)


def strangers(made: Split) -> set[str]:
    """Users of the test part, of whom nothing is trained on."""
    return set(made.users.decode(made.cases(Part.TEST).users))


def test_categories_and_bands_are_those_of_the_training_users() -> None:
    plain = described()
    found = attributes(plain, "taste,age:2")
    assert [entry.name for entry in found] == ["taste", "age"] and found[0].categories == ("salty", "sweet")
    unseen = dict.fromkeys(strangers(plain), "umami"), dict.fromkeys(strangers(plain), 1000)
    assert attributes(described(taste=unseen[0], age=unseen[1]), "taste,age:2") == found
    assert [entry.name for entry in attributes(plain, "all,age:2")] == ["taste", "age"], "lists and numbers are no categories"
    assert attributes(split(LOG), "none") == ()


def test_users_held_out_for_the_test_are_neither_learnt_from_nor_judges() -> None:
    made = described()
    learners = Learners.of(made, attributes(made, "taste"))
    test = made.cases(Part.TEST).users
    labels = learners.labels["taste"]
    assert (labels[test] == -1).all() and not learners.histories.lengths[test].any() and not learners.judges.lengths[test].any()
    valid = made.cases(Part.VALID)
    assert np.flatnonzero(learners.judges.lengths).tolist() == valid.users.tolist(), "users of the validation part judge"
    assert all(np.array_equal(learners.judges[int(user)], history) for user, history in zip(valid.users, valid.histories, strict=True))
    assert (labels[valid.users] >= 0).all() and (labels >= 0).sum() == 40 - len(test)
    learnt = labels[learners.histories.lengths > 0]
    np.testing.assert_allclose(learners.shares["taste"], np.bincount(learnt) / len(learnt))


def test_where_nobody_is_held_out_some_are_set_aside() -> None:
    made = described("leave-one-out")
    learners = Learners.of(made, attributes(made, "taste"))
    aside, learnt = np.flatnonzero(learners.judges.lengths), np.flatnonzero(learners.histories.lengths)
    assert len(aside) == 4 and len(learnt) == 36 and not set(aside) & set(learnt)
    assert learners.judges.lengths.sum() + learners.histories.lengths.sum() == made.train.lengths.sum()


def test_columns_that_are_not_there_are_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"profile: the users table has no column 'tast'; did you mean 'taste'\?"):
        attributes(described(), "tast")
    with pytest.raises(SettingError, match=r"profile: 'age' holds numbers \(24 values\)"):
        attributes(described(), "age")
    with pytest.raises(DataError, match=r"circle has no users table to learn profiles from\. Put a table 'users' beside the interactions"):
        attributes(split(LOG), "taste")
    bare = split(Dataset.build(LOG.interactions, users=pl.DataFrame({"user": ["u0"], "n": [1]})))
    with pytest.raises(SettingError, match=r"no column of the users table \(n\) is one of categories"):
        attributes(bare, "all")


def test_numbers_are_on_the_scale_of_the_training_users() -> None:
    plain = described()
    learnt = plain.train.lengths > 0
    found = numbers(plain)
    assert list(found) == ["age"] and found["age"][learnt].mean() == pytest.approx(0, abs=1e-6) and found["age"][learnt].std() == pytest.approx(1)
    other = numbers(described(age=dict.fromkeys(strangers(plain), 10**9)))["age"]
    np.testing.assert_array_equal(other[learnt], found["age"][learnt])
    someone = str(plain.users.decode(np.flatnonzero(learnt)[:1])[0])
    gap = numbers(described(age={someone: None}))["age"]
    assert np.isnan(gap[learnt]).sum() == 1 and np.isfinite(gap[~learnt]).all()
    assert numbers(split(LOG)) == {} and numbers(described(age=dict.fromkeys(plain.users.ids, 30))) == {}

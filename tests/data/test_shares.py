"""Shares of the users: each inside the next, the same questions at all of them, and nothing trained on that should not be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastelm.data.shares import Shares
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError, SettingError
from tastelm.testing import circle

BASE = split(circle(60))
SEEDS = st.integers(0, 2**20)
RISING = st.lists(st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.8, 1.0]), min_size=2, max_size=4, unique=True).map(sorted)
some = settings(max_examples=25)


def shares(seed: int, source: float = 0.5) -> Shares:
    return Shares(split(circle(60), seed=seed), source)


def questions(made: Split) -> list[list[object]]:
    cases = made.cases(Part.TEST)
    return [[user, history.tolist(), target.tolist()] for user, history, target in zip(cases.users.tolist(), cases.histories, cases.targets, strict=True)]


@some
@given(seed=SEEDS, draw=SEEDS, rising=RISING, source=st.sampled_from([0.2, 0.5, 0.7]))
def test_a_share_is_inside_the_next_and_apart_from_the_source(seed: int, draw: int, rising: list[float], source: float) -> None:
    made = shares(seed, source)
    drawn = [set(made.drawn(share, draw).tolist()) for share in rising]
    assert all(small < large for small, large in pairwise(drawn))
    assert [len(users) for users in drawn] == [round(len(made.targets) * share) for share in rising]
    assert set(made.drawn(1.0, draw).tolist()) == set(made.targets.tolist())
    assert not set(made.source.tolist()) & set(made.targets.tolist())
    assert len(made.source) + len(made.targets) == 60 and len(made.source) == round(60 * source)


@some
@given(seed=SEEDS, draw=SEEDS, share=st.sampled_from([0.0, 0.1, 0.5, 1.0]), source=st.booleans())
def test_only_the_training_rows_of_the_taught_are_trained_on_and_only_they_validate(seed: int, draw: int, share: float, source: bool) -> None:
    whole = shares(seed)
    made, base = whole.split(share, draw, source=source), whole.base
    taught = set(whole.drawn(share, draw).tolist()) if share else set()
    taught |= set(whole.source.tolist()) if source else set()
    for user, was, part in zip(base.rows.user.tolist(), base.part.tolist(), made.part.tolist(), strict=True):
        if part == Part.TRAIN:
            assert was == Part.TRAIN and user in taught
        if part == Part.VALID:
            assert was == Part.VALID and user in taught
    assert np.count_nonzero(made.train.lengths) == len(taught) == len(made.cases(Part.VALID))


@some
@given(seed=SEEDS, draw=SEEDS, share=st.sampled_from([0.1, 0.5, 1.0]), source=st.booleans())
def test_all_targets_are_asked_the_same_at_every_share(seed: int, draw: int, share: float, source: bool) -> None:
    whole = shares(seed)
    asked = questions(whole.split(share, draw, source=source))
    assert asked == questions(whole.split(source=True))
    of_base = {entry[0]: entry for entry in questions(whole.base)}
    assert asked == [of_base[user] for user in sorted(whole.targets.tolist())], "from the whole history, the validation item too"


def test_seeds_draw_others_and_the_division_stays() -> None:
    made = Shares(BASE)
    assert set(made.drawn(0.5, 0).tolist()) != set(made.drawn(0.5, 1).tolist())
    assert set(made.targets.tolist()) != set(shares(1).targets.tolist())
    assert made.split(0.5, 0).fingerprint != made.split(0.5, 1).fingerprint != made.split(0.5, 1, source=True).fingerprint
    assert made.split(0.5).items is BASE.items and made.split(0.5).users is BASE.users


def test_who_cannot_be_asked_is_source() -> None:
    data = circle(40)
    short = data.interactions.filter((data.interactions["user"] != "u7") | (data.interactions["time"] < 2))
    base = split(type(data).build(short, name="toy"))
    made = Shares(base, 0.1)
    assert base.users.encode(["u7"])[0] in made.source
    assert len(made.targets) == 39 - round(3.9)


@pytest.mark.parametrize("source", [0.0, 1.0, -0.5, 2.0, float("nan")])
def test_a_share_of_source_users_that_is_none(source: float) -> None:
    with pytest.raises(SettingError, match=r"source: .* does not fit; it takes a share of the users above 0 and below 1"):
        Shares(BASE, source)


def test_too_few_users() -> None:
    with pytest.raises(DataError, match="circle: 1 users have a question, too few to be divided"):
        Shares(split(circle(1)), 0.9)
    with pytest.raises(DataError, match=r"circle: 1 % of 30 target users are 0, and no history of theirs is long enough to learn from\. Give larger --shares"):
        Shares(BASE).drawn(0.01, 0)

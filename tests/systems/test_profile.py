"""peterrec tells what users are: patches and a head are trained, all else stays, and users held out have no part in it."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.split import Part, Split, split
from tastelm.errors import SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.profiles import tells
from tastelm.runs import load
from tastelm.strategies import group_of, snapshot
from tastelm.systems.catalogue import system
from tastelm.testing import SMALL, tastes
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage

LOG, USERS = tastes(400), 400
# A user is of the taste that decides which items are met, but this share of the table says otherwise: nobody can do better.
WRONG = 0.1


def described(**changes: str) -> Split:
    """Users of two tastes, as the table has them; `changes` are other words for the tastes of some."""
    rng = np.random.default_rng(0)
    tastes = [("sweet", "salty")[(user % 2) ^ int(rng.random() < WRONG)] for user in range(USERS)]
    table = pl.DataFrame({"user": [f"u{user}" for user in range(USERS)], "taste": tastes, "age": [20 + user % 40 for user in range(USERS)]})
    table = table.with_columns(taste=pl.col("user").replace_strict(changes, default=pl.col("taste")))
    return split(Dataset.build(LOG.interactions, users=table, name="tastes"), "cold-users:0.2")


def fit(made: Split, *, steps: int = 200, **settings: Any) -> Fitted:
    found = system("peterrec")
    small = {key: value for key, value in SMALL.items() if key in vars(found.create({}).config)} | {"tune_lr": 1e-2, "bottleneck": 2}
    return fit_system(found.create(small | settings), made, budget=Budget.parse(f"{steps}steps"))


@pytest.fixture(scope="module")
def made() -> Split:
    return described()


@pytest.fixture(scope="module")
def fitted(made: Split) -> Fitted:
    return fit(made, profile="taste,age:2")


def test_a_taste_is_told_of_users_who_were_held_out(made: Split, fitted: Fitted) -> None:
    found = tells(fitted.recommender, made)
    # The age has nothing to do with it: half right is chance.
    assert 1 - WRONG - 0.12 < found["taste"].accuracy < 1 - WRONG + 0.08 and 0.3 < found["age"].accuracy < 0.7
    assert found["taste"].users == 80 and found["taste"].ci95[0] < found["taste"].accuracy < found["taste"].ci95[1]
    assert found["taste"].majority < 0.7 < found["taste"].macro_f1


def test_nothing_is_told_where_the_words_are_shuffled(made: Split) -> None:
    users = made.dataset.users
    assert users is not None
    shuffled = dict(zip(users["user"], users["taste"].shuffle(seed=1), strict=True))
    other = described(**shuffled)
    assert tells(fit(other, profile="taste").recommender, other)["taste"].accuracy < 0.68


@pytest.mark.parametrize(("tune", "moving"), [("patches", {"patches", "profile"}), ("head", {"profile"}), ("all", {"items", "backbone", "patches", "profile"})])
def test_the_second_stage_moves_what_it_should_and_nothing_else(tune: str, moving: set[str], made: Split) -> None:
    stages = system("peterrec").create({"dim": 16, "layers": 1, "max_len": 10, "bottleneck": 2, "profile": "taste", "tune": tune}).stages(made)
    module = next(stages).module
    before = snapshot(module)
    second = next(stages)
    assert second.module is module
    run_stage(second, seed=0, budget=Budget(steps=3), validate=None, checkpoint=None, watch=Silent())
    after = snapshot(module)
    assert {group_of(name) for name in after if after[name] != before[name]} == moving


def test_the_next_item_is_answered_as_it_was_pre_trained(made: Split) -> None:
    """Whatever the second stage tells, and whatever it tunes but the whole: the same scores to the bit, and the weights of a run without one."""
    plain, first, second = (fit(made, steps=40, **more).recommender.module for more in ({}, {"profile": "taste"}, {"profile": "age:3", "tune": "head"}))
    histories, nobody = made.cases(Part.TEST).histories, made.cases(Part.TEST).users
    assert torch.equal(first.item_scores(histories, nobody), second.item_scores(histories, nobody))  # type: ignore[operator]
    weights = first.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in plain.state_dict().items() if not name.startswith("patches"))


def test_what_users_held_out_are_never_reaches_the_training(made: Split) -> None:
    strangers = made.users.decode(made.cases(Part.TEST).users)
    other = described(**dict.fromkeys(strangers, "umami"))
    first, second = (fit(data, steps=40, profile="taste").recommender for data in (made, other))
    assert first.sizes.profile == second.sizes.profile
    for name, value in first.module.state_dict().items():
        assert torch.equal(value, second.module.state_dict()[name]), name
    assert tells(second, other)["taste"].accuracy == 0, "a category that training has not is missed"


def test_less_than_a_tenth_is_trained_at_the_sizes_shipped() -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"user": [f"u{at // 42}" for at in range(1682 * 2)], "item": [str(at % 1682) for at in range(1682 * 2)]})
    users = pl.DataFrame({"user": rows["user"].unique().sort()}).with_columns(job=pl.Series(rng.integers(21, size=81).astype(str)))
    stages = list(system("peterrec").create({"profile": "job:each"}).stages(split(Dataset.build(rows, users=users, order="file"))))
    plan = [value.numel() for name, value in stages[1].module.named_parameters() if stages[1].strategy.trains(group_of(name))]
    assert 0 < sum(plan) < 0.1 * sum(value.numel() for value in stages[1].module.parameters())


def test_a_run_loads_with_its_answers_and_their_names(fitted: Fitted, tmp_path: Any) -> None:
    fitted.recommender.save(tmp_path)
    again = load(tmp_path)
    for history in (["1", "2"], [], ["nobody", "15"]):
        told = again.profile(history)
        assert told == fitted.recommender.profile(history) and list(told) == ["taste", "age"]
        assert set(told["taste"]) == {"sweet", "salty"} and sum(told["taste"].values()) == pytest.approx(1)
        assert list(told["taste"].values()) == sorted(told["taste"].values(), reverse=True)
    assert again.profile(["nobody", "15"]).unknown == ("nobody",)
    # Items 0 to 9 are of the first taste, 10 to 19 of the second.
    assert next(iter(again.profile(["1", "2", "3"])["taste"])) == "sweet" and next(iter(again.profile(["11", "12"])["taste"])) == "salty"
    assert set(again.profile([])["age"]) == set(again.sizes.profile[1].categories) and again.sizes == fitted.recommender.sizes


def test_a_run_without_a_profile_says_how_to_get_one(made: Split) -> None:
    model = fit(made, steps=10).recommender
    with pytest.raises(SettingError, match=r"profile: this run of peterrec was not trained to tell what users are\. .* tastelm fit peterrec --set profile=all"):
        model.profile(["1"])
    assert tells(model, made) == {}
    with pytest.raises(SettingError, match=r"peterrec.tune: there is no head to tune for the next item\. Name what to tell of users"):
        system("peterrec").create({"tune": "head"})
    with pytest.raises(SettingError, match=r"history: '1 2' is one text"):
        model.profile("1 2")

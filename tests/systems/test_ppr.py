"""ppr: the prompt brings what the profile knows to users without a history, and leaves the rest as it was pre-trained."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tastelm.data.dataset import Dataset
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.errors import DataError, SettingError
from tastelm.fitting import Fitted, fit_system
from tastelm.nn.prompted import PromptedRecommender
from tastelm.runs import load
from tastelm.strategies import group_of, snapshot
from tastelm.systems.cold import first, first_of_judges
from tastelm.systems.prompt_tuning.ppr import PPR
from tastelm.testing import CHECKS, SMALL
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage

USERS, ITEMS, TEAMS = 200, 20, 4
QUICK = {key: SMALL[key] for key in ("dim", "layers", "heads", "dropout", "max_len", "batch", "lr")} | {"tune_lr": 1e-2}


def teams(*, shuffled: bool = False, away: tuple[str, ...] = ()) -> Split:
    """Users begin at the item of their team, 0, 5, 10 or 15, and walk on from there; those `away` walk backwards from anywhere."""
    rng, rows = np.random.default_rng(0), list[tuple[str, str, float]]()
    for user in range(USERS):
        begin = ITEMS // TEAMS * (user % TEAMS)
        walk = [(begin + at) % ITEMS for at in range(int(rng.integers(4, 7)))]
        if f"u{user}" in away:
            walk = [(begin + 7 - at) % ITEMS for at in range(len(walk))]
        rows += [(f"u{user}", str(item), float(at)) for at, item in enumerate(walk)]
    users = pl.DataFrame({"user": [f"u{user}" for user in range(USERS)], "team": [f"team {user % TEAMS}" for user in range(USERS)]})
    users = users.with_columns(age=pl.Series([20 + user % 37 for user in range(USERS)]))
    if shuffled:
        users = users.with_columns(pl.col("team").shuffle(seed=1))
    return split(Dataset.build(pl.DataFrame(rows, schema=["user", "item", "time"], orient="row"), users=users, name="teams"), "cold-users:0.2")


def fit(made: Split, *, steps: int = 200, **settings: Any) -> Fitted:
    return fit_system(PPR.create(QUICK | settings), made, budget=Budget.parse(f"{steps}steps"))


def first_hits(fitted: Fitted, made: Split) -> float:
    """Share of the test users whose first event is found at once, from no history at all."""
    cases = made.cases(Part.TEST)
    with torch.no_grad():
        scores = fitted.recommender.module.item_scores(Sequences.of([[]] * len(cases)), cases.users)  # type: ignore[operator]
    begun = cases.histories.values[cases.histories.offsets[:-1]]
    return float((scores.argmax(1).numpy() == begun).mean())


@pytest.fixture(scope="module")
def made() -> Split:
    return teams()


@pytest.fixture(scope="module")
def light(made: Split) -> Fitted:
    return fit(made)


def test_the_profile_tells_the_first_item_which_nothing_else_does(made: Split, light: Fitted) -> None:
    assert first_hits(light, made) > 0.9
    assert first_hits(fit(made, tune="full"), made) > 0.9
    assert first_hits(fit(made, prompt="deep"), made) > 0.9
    assert first_hits(fit(made, tune="none"), made) < 0.5, "the most popular item is right for one team at most"
    other = teams(shuffled=True)
    assert first_hits(fit(other), other) < 0.5, "a profile that is somebody else's tells nothing"


def test_the_second_stage_moves_the_prompt_alone_or_everything(made: Split) -> None:
    for tune, moving in (("light", {"prompt"}), ("items", {"items", "prompt"}), ("full", {"items", "backbone", "prompt"})):
        stages = PPR.create(QUICK | {"tune": tune}).stages(made)
        run_stage(next(stages), seed=0, budget=Budget(steps=2), validate=None, checkpoint=None, watch=Silent())
        stage = next(stages)
        before = snapshot(stage.module)
        run_stage(stage, seed=0, budget=Budget(steps=3), validate=None, checkpoint=None, watch=Silent())
        after = snapshot(stage.module)
        assert {group_of(name) for name in after if after[name] != before[name]} == moving
    assert len(list(PPR.create(QUICK | {"tune": "none"}).stages(made))) == 1


def test_the_pre_training_is_the_same_whatever_comes_after(made: Split) -> None:
    plain, prompted = (fit_system(PPR.create(QUICK | {"tune": tune, "max_epochs": 3}), made, run=[0]).recommender.module for tune in ("none", "light"))
    after = snapshot(prompted)
    assert snapshot(plain) == {name: after[name] for name in snapshot(plain)}


def test_less_than_a_tenth_is_trained_at_the_sizes_shipped() -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"user": [f"u{at // 42}" for at in range(1682 * 2)], "item": [str(at % 1682) for at in range(1682 * 2)]})
    users = pl.DataFrame({"user": rows["user"].unique().sort()})
    users = users.with_columns(job=pl.Series(rng.integers(21, size=81).astype(str)), sex=pl.Series(rng.integers(2, size=81).astype(str)), age=rng.random(81))
    stages = list(PPR.create({"profile": "all,age:5", "max_len": 50}).stages(split(Dataset.build(rows, users=users, order="file"))))
    plan = [value.numel() for name, value in stages[1].module.named_parameters() if stages[1].strategy.trains(group_of(name))]
    assert 0 < sum(plan) < 0.1 * sum(value.numel() for value in stages[1].module.parameters())


def test_of_users_held_out_the_profile_is_known_and_the_behaviour_is_not(made: Split) -> None:
    strangers = made.users.decode(made.cases(Part.TEST).users)
    other = teams(away=tuple(strangers))
    assert other.cases(Part.TEST).histories.values.tolist() != made.cases(Part.TEST).histories.values.tolist()
    first_run, second_run = (fit(data, steps=30).recommender.module for data in (made, other))
    weights = second_run.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in first_run.state_dict().items())
    assert isinstance(first_run, PromptedRecommender)
    assert (first_run.attributes_of(made.cases(Part.TEST).users) >= 0).all()


def test_a_category_that_no_training_user_has_is_not_known() -> None:
    made = teams()
    assert made.dataset.users is not None
    held = made.users.decode(made.cases(Part.TEST).users)[0]
    table = made.dataset.users.with_columns(team=pl.when(pl.col("user") == held).then(pl.lit("team 9")).otherwise(pl.col("team")))
    other = split(Dataset.build(made.dataset.interactions, users=table.filter(pl.col("user") != "u3"), name="teams"), "cold-users:0.2")
    module = fit(other, steps=10).recommender.module
    assert isinstance(module, PromptedRecommender)
    assert (module.attributes_of(other.users.encode([held, "u3", "nobody"])) == -1).all()
    assert (module.attributes_of(np.arange(len(other.users))) >= 0).sum() == USERS - 2


def test_a_run_knows_its_users_when_it_is_loaded(light: Fitted, tmp_path: Any) -> None:
    model = light.recommender
    model.save(tmp_path)
    again = load(tmp_path)
    for user in ("u0", "u1", "nobody", None):
        for history in ([], ["3", "4"]):
            assert again.recommend(history, 5, user=user) == model.recommend(history, 5, user=user)
    assert again.recommend([], 1, user="u1").ids == ["5"] and again.recommend([], 1, user="u2").ids == ["10"]
    assert again.sizes == model.sizes and [entry.name for entry in again.sizes.profile] == ["team"]


def test_columns_are_chosen_and_what_is_not_there_is_refused(made: Split) -> None:
    assert [entry.name for entry in PPR.create({"profile": "age:3,team"}).sizes(made).profile] == ["age", "team"]
    with pytest.raises(SettingError, match=r"profile: the users table has no column 'teem'; did you mean 'team'\?"):
        PPR.create({"profile": "teem"}).sizes(made)
    with pytest.raises(SettingError, match=r"profile: 'team:1' does not say how to cut 'team'"):
        PPR.create({"profile": "team:1"})
    bare = split(Dataset.build(made.dataset.interactions, name="teams"), "cold-users:0.2")
    assert PPR.create().sizes(bare).profile == () == PPR.create({"profile": "none"}).sizes(made).profile
    with pytest.raises(DataError, match=r"teams has no users table to learn profiles from"):
        PPR.create({"profile": "team"}).sizes(bare)


def test_the_prompt_learns_from_first_events_and_is_judged_by_those_of_the_validation(made: Split) -> None:
    stage = list(PPR.create(QUICK | {"cold": 3}).stages(made))[-1]
    assert stage.view is not None and stage.judges is not None and stage.monitor == "likelihood"
    valid = set(made.cases(Part.VALID).users.tolist())
    for view, users in ((stage.view, set(np.flatnonzero(made.train.lengths).tolist())), (stage.judges, valid)):
        batches = view.batches(0, 0)
        found = {int(user): row.tolist() for index in range(len(batches)) for user, row in zip(batches[index].users, batches[index], strict=True)}
        assert set(found) == users
        for user, row in found.items():
            begin = int(made.users.ids[user][1:]) % TEAMS * 5
            assert made.items.decode(row) == [str(begin + at) for at in range(3)]
    assert list(PPR.create(QUICK).stages(split(made.dataset)))[-1].judges is None
    assert not first_of_judges(split(made.dataset), 3).lengths.any()


def test_the_first_of_each_sequence() -> None:
    found = first(Sequences.of([[1, 2, 3], [], [4], [5, 6]]), 2)
    assert [row.tolist() for row in found] == [[1, 2], [], [4], [5, 6]]


@pytest.mark.parametrize("protocol", ["few-shot:3", "leave-one-out"])
def test_it_learns_from_every_split_and_pairwise_too(protocol: str, made: Split) -> None:
    fitted = fit_system(PPR.create(QUICK | {"loss": "bpr", "negatives": 1, "contrast": 0.0}), split(made.dataset, protocol), budget=Budget(steps=20))
    assert [stage.name for stage in fitted.stages] == ["pre-train", "tune"] and all(stage.steps for stage in fitted.stages)


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_promises_of_a_system(check: str) -> None:
    CHECKS[check](PPR, {"tune": "full"})


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_with_a_prompt_in_every_layer_too(check: str) -> None:
    CHECKS[check](PPR, {"prompt": "deep"})

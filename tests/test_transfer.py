"""Transfer curves: what the arms are trained on, that pre-training helps where it must and not where it cannot, and that points are kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import tastelm as tl
from tastelm.data.dataset import Dataset
from tastelm.data.shares import Shares
from tastelm.data.split import Split, split
from tastelm.errors import OutputError, RunError, SettingError
from tastelm.fitting import fit_system
from tastelm.strategies import prepare
from tastelm.systems.catalogue import names, system
from tastelm.testing import ITEMS, circle
from tastelm.train.budget import Budget
from tastelm.transfer import Curve, Place, Point, Transfer, run, transfer
from tastelm.transfer.curve import FILE
from tastelm.transfer.plan import TRANSFERRED

SMALL = {"dim": 16, "layers": 1, "dropout": 0.1, "max_len": 10, "batch": 512, "lr": 1e-2}
WALK = circle(200, faithful=0.95)
QUICK: dict[str, Any] = {"shares": (0.1, 1.0), "seeds": (0,), "budget": "8steps"}


def plan(name: str = "peterrec", data: Dataset = WALK, *, settings: dict[str, Any] | None = None, **more: Any) -> Transfer:
    return Transfer(system(name).create({**SMALL, **(settings or {})}), split(data), **{**QUICK, **more})


def changed(data: Dataset, users: set[str], *, seed: int = 0) -> Dataset:
    """The same log, but the items of `users` are drawn at random."""
    drawn = pl.Series(np.random.default_rng(seed).integers(ITEMS, size=len(data))).cast(pl.String)
    rows = data.interactions.with_columns(item=pl.when(pl.col("user").is_in(list(users))).then(drawn).otherwise(pl.col("item")))
    return Dataset.build(rows, name=data.name)


def trained(name: str, made: Split) -> dict[str, torch.Tensor]:
    return fit_system(system(name).create(SMALL), made, budget=Budget.parse("4steps")).recommender.module.state_dict()


@pytest.mark.parametrize("draw", [0, 1])
def test_weights_do_not_know_whoever_is_not_trained_on(draw: int) -> None:
    """Were a row of anybody else read, other rows would give other weights; so would a test item of who is trained on."""
    whole = Shares(split(WALK))
    taught = {whole.base.users.ids[user] for user in whole.drawn(0.2, draw)}
    other = changed(WALK, set(whole.base.users.ids) - taught)
    last = pl.col("time") == pl.col("time").max().over("user")
    other = Dataset.build(other.interactions.with_columns(item=pl.when(last).then(pl.lit("3")).otherwise(pl.col("item"))), name="circle")
    assert other.fingerprint != WALK.fingerprint
    before, after = (trained("bert4rec", Shares(split(data)).split(0.2, draw)) for data in (WALK, other))
    assert all(torch.equal(after[name], value) for name, value in before.items())
    with_source = trained("bert4rec", Shares(split(other)).split(0.2, draw, source=True))
    assert not all(torch.equal(with_source[name], value) for name, value in before.items())


def curve_at(data: Dataset, share: float, name: str = "peterrec") -> Curve:
    settings = {"tune": "all", "tune_lr": 1e-2} if name == "peterrec" else {"pretrain_lr": 1e-2}
    return transfer(plan(name, data, settings=settings, shares=(share,), arms=("scratch", "pre-trained"), budget="120steps"))


def test_pretraining_helps_few_who_walk_as_the_source_does() -> None:
    """Two users cannot show the whole circle; a hundred others have."""
    gain = next(row for row in curve_at(WALK, 0.02).differences if row["b"] == "scratch")["ndcg@10"]
    assert gain["low"] > 0.1 and gain["mean"] < 0.8


def test_pretraining_on_noise_helps_nobody() -> None:
    whole = Shares(split(WALK))
    noise = changed(WALK, {whole.base.users.ids[user] for user in whole.source})
    assert noise.n_items == WALK.n_items
    gain = next(row for row in curve_at(noise, 1.0).differences if row["b"] == "scratch")["ndcg@10"]
    assert gain["low"] < 0.01 and gain["mean"] < 0.05


def test_every_arm_is_trained_on_what_it_says(tmp_path: Path) -> None:
    made = plan("s3rec", shares=(0.1,), settings={"pretrain_epochs": 3})
    curve = transfer(made, tmp_path)
    stages = {point.place.arm: [stage["name"] for stage in point.stages] for point in curve.points}
    assert stages == {"zero-shot": [], "scratch": ["tune"], "pre-trained": ["tune"], "joint": ["tune"]}
    assert {point.place.arm: point.users for point in curve.points} == {"zero-shot": 0, "scratch": 10, "pre-trained": 10, "joint": 10}
    assert made.about()["without_pretraining"] == {"pretrain_epochs": 0}
    steps = {point.place.arm: point.stages[0]["steps"] for point in curve.points if point.stages}
    assert steps == {"scratch": 8, "pre-trained": 4, "joint": 8}, "pre-training takes its half of the budget"
    assert {point.pretrain_seconds > 0 for point in curve.points if point.place.arm in ("pre-trained", "zero-shot")} == {True}
    made_of = {arm: made.split(Place(arm, 0.1, 0)).train.lengths > 0 for arm in stages}
    assert (made_of["joint"] == (made_of["scratch"] | made_of["zero-shot"])).all() and (made_of["pre-trained"] == made_of["scratch"]).all()


# What tunes a part of a trained network has nothing to tune without one.
IN_NEED = {"peterrec": {"tune": "patches"}, "ppr": {"tune": "light"}}
VARIANTS: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in names() if system(name).card.paradigm in TRANSFERRED]


@pytest.mark.parametrize(("name", "settings"), [*VARIANTS, ("peterrec", {"tune": "all"}), ("resetbert4rec", {"times": True})])
def test_nothing_is_pre_trained_from_scratch(name: str, settings: dict[str, Any]) -> None:
    """Of several stages the last one is left, and it may change everything; or its system cannot do without the others."""
    made = split(WALK)
    known = vars(system(name).Config())
    settled = system(name).create({key: value for key, value in SMALL.items() if key in known} | settings).settle(made)
    whole, alone = (list(one.stages(made)) for one in (settled, settled.from_scratch()))
    if settings or name not in IN_NEED:
        assert [stage.name for stage in alone] == [whole[-1].name] and alone[0].share == 1.0
        assert not prepare(alone[0].module, alone[0].strategy, stage="tune").frozen
    else:
        assert len(alone) == len(whole) == 2 and vars(settled.config).items() >= IN_NEED[name].items()
        assert prepare(whole[1].module, whole[1].strategy, stage="tune").frozen


def test_from_scratch_a_cloze_asks_for_every_place() -> None:
    made = plan("uprec", arms=("scratch", "pre-trained"), shares=(1.0,))
    assert made.about()["without_pretraining"] == {"pretrain": False}
    assert [[stage["name"] for stage in point.stages] for point in transfer(made).points] == [["tune"], ["tune"]]
    (stage,) = made.untaught.stages(made.base)
    assert stage.objective == next(iter(system("bert4rec").create(SMALL).settle(made.base).stages(made.base))).objective
    with pytest.raises(SettingError, match="uprec has no pre-training stage as it is set"):
        plan("uprec", settings={"pretrain": False})


def test_patches_are_not_put_into_a_network_that_knows_nothing() -> None:
    for tune in ("patches", "head"):
        with pytest.raises(SettingError, match=rf"peterrec\.pretrain: tune={tune} needs a network that knows something\. Use tune=all"):
            system("peterrec").create({"pretrain": False, "tune": tune, "profile": "sex"})
    told = system("peterrec").create({"tune": "all", "profile": "sex"})
    assert told.from_scratch() is told, "of profiles alone nothing is learnt about the next item"


def test_tuning_begins_at_the_weights_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tuning stage learns nothing, what answers is the pre-trained module, and not a fresh one."""
    begun = []
    real = run.fit_system

    def look(*arguments: Any, **options: Any) -> Any:
        if options.get("start"):
            options["run"] = ()
        fitted = real(*arguments, **options)
        begun.append((bool(options.get("start")), fitted.recommender.module.state_dict()["items.weight"].clone()))
        return fitted

    monkeypatch.setattr(run, "fit_system", look)
    transfer(plan(shares=(1.0,), arms=("pre-trained", "scratch")))
    source, scratch, tuned = (next(weight for started, weight in begun[at:] if started is wanted) for at, wanted in ((0, False), (1, False), (0, True)))
    assert torch.equal(source, tuned) and not torch.equal(source, scratch)


def test_one_stage_that_does_both_takes_half_of_the_budget_each_time() -> None:
    curve = transfer(plan("bert4rec", shares=(1.0,), arms=("scratch", "pre-trained")))
    assert [point.stages[0]["steps"] for point in curve.points] == [8, 4]


def test_a_window_that_follows_the_data_is_the_same_for_all() -> None:
    made = plan("s3rec", settings={"max_len": 0})
    assert vars(made.settled.config)["max_len"] == 20
    assert made.settled.settle(made.split(Place("scratch", 0.1, 0))).config == made.settled.config


def test_finished_points_are_used_again_and_more_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = transfer(plan(), tmp_path)
    kept = (tmp_path / FILE).read_bytes()
    fits = []
    real = run.fit_system
    monkeypatch.setattr(run, "fit_system", lambda *arguments, **options: fits.append(options.get("run")) or real(*arguments, **options))
    assert transfer(plan(), tmp_path).to_dict() == first.to_dict() and (tmp_path / FILE).read_bytes() == kept
    assert fits == [], "nothing is trained again"
    transfer(plan(shares=(0.1, 0.5, 1.0), arms=("scratch", "pre-trained")), tmp_path)
    assert fits == [None, (1,)], "the new share alone, from the weights that are there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points", "pretrained", FILE]


class Stopped(Exception):
    """As if killed."""


def test_an_interrupted_transfer_goes_on_to_the_same_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = transfer(plan(), tmp_path / "whole")
    real, count = run.evaluate, 0

    def stop(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == 4:
            raise Stopped
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(run, "evaluate", stop)
        with pytest.raises(Stopped):
            transfer(plan(), tmp_path / "cut")
    there = json.loads((tmp_path / "cut" / FILE).read_bytes())
    assert there["complete"] is False and len(there["points"]) == 3
    (tmp_path / "cut" / "points" / f"{whole.points[1].key}.npy").write_bytes(b"half")
    next((tmp_path / "cut" / "pretrained").iterdir()).write_bytes(b"half")
    again = transfer(plan(), tmp_path / "cut")
    assert again.complete and again.lines == whole.lines and again.differences == whole.differences


def test_a_folder_of_another_transfer_is_refused(tmp_path: Path) -> None:
    transfer(plan(arms=("scratch",), shares=(1.0,)), tmp_path)
    with pytest.raises(OutputError, match=r"holds the curve of another transfer: its budget differs\. Choose another --out"):
        transfer(plan(budget="9steps"), tmp_path)
    with pytest.raises(OutputError, match="its config differs"):
        transfer(plan(settings={"dim": 8}), tmp_path)
    with pytest.raises(OutputError, match="its data differs"):
        transfer(plan(data=circle(60)), tmp_path)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(RunError, match=r"transfer\.json: the file is damaged\. Delete it and give the command again; finished points are used again"):
        transfer(plan(), tmp_path)


def test_the_key_holds_all_that_decides_a_point() -> None:
    place = Place("pre-trained", 0.1, 0)
    made = plan()
    others = [plan(budget="9steps"), plan(settings={"dim": 8}), plan(source=0.4), plan("bert4rec"), plan(data=circle(200))]
    keys = [
        made.key(place),
        *(other.key(place) for other in others),
        *(made.key(place._replace(**{n: v})) for n, v in (("share", 1.0), ("seed", 1), ("arm", "joint"))),
    ]
    assert len(set(keys)) == len(keys)
    assert plan(shares=(0.1, 0.2), seeds=(0, 5)).key(place) == made.key(place), "what else is asked for is no matter"


def by_hand() -> Curve:
    def point(arm: str, seed: int, *values: float) -> Point:
        return Point(Place(arm, 0.5, seed), f"{arm}{seed}", 1, {"hr@10": float(np.mean(values))}, np.array([values]), 1.0, 0.0, [])

    points = [point("scratch", 0, 0, 0, 1, 0), point("scratch", 1, 0, 1, 1, 0), point("pre-trained", 0, 1, 1, 1, 0), point("pre-trained", 1, 1, 1, 1, 1)]
    return Curve({"split_seed": 0}, [one.place for one in points], points, {"0.5": 1})


def test_the_curve_is_the_mean_over_users_and_seeds() -> None:
    lines = {line["arm"]: line["hr@10"] for line in by_hand().lines}
    assert (lines["scratch"]["mean"], lines["scratch"]["least"], lines["scratch"]["most"]) == (0.375, 0.25, 0.5)
    assert lines["scratch"]["low"] < 0.375 < lines["scratch"]["high"] <= 1


def test_differences_are_of_the_same_users_and_seeds() -> None:
    (row,) = by_hand().differences
    assert (row["a"], row["b"], row["seeds"], row["hr@10"]["mean"]) == ("pre-trained", "scratch", [0, 1], 0.5)
    assert row["hr@10"]["low"] >= 0, "no user is worse off in any resample; apart, the intervals overlap"
    whole = by_hand()
    (row,) = replace(whole, points=whole.points[:3]).differences
    assert (row["seeds"], row["hr@10"]["mean"]) == ([0], 0.5), "a seed that one of the two lacks is left out"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"shares": ()}, "shares: nothing does not fit"),
        ({"shares": (0.5, 0.1)}, "shares: 50 %, 10 % does not fit; they rise from above 0 to 100 % at most"),
        ({"shares": (float("nan"),)}, "shares: nan % does not fit"),
        ({"arms": ()}, "arms: nothing does not fit"),
        ({"seeds": (-1,)}, "seed: -1 does not fit"),
        ({"seeds": (0, 0)}, "seeds: 0, 0 does not fit; give each once"),
        ({"budget": "soon"}, "budget: 'soon' is not a length of training"),
    ],
)
def test_a_plan_that_cannot_be(more: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        plan(**more)


def test_a_system_that_ranks_nothing_has_no_curve() -> None:
    model = "scratch:dim=16,layers=1,heads=2,context=64,vocabulary=400"
    with pytest.raises(SettingError, match=r"^pepler gives reasons and ranks nothing, so no metric of rankings tells what its pre-training is worth\."):
        tl.transfer_curve("pepler", WALK, set={"model": model})


def test_python_says_it_in_the_same_words(tmp_path: Path) -> None:
    curve = tl.transfer_curve("bert4rec", WALK, set=SMALL, shares=[1.0], arms=["scratch", "pre-trained"], seeds=[3], budget="4steps", out=tmp_path)
    assert [str(point.place) for point in curve.points] == ["scratch 100 %, seed 3", "pre-trained 100 %, seed 3"]
    assert {path.name for path in tmp_path.iterdir()} >= {"transfer.json", "transfer.md", "transfer.svg"}
    with pytest.raises(SettingError, match="set: bert4rec comes with its settings"):
        tl.transfer_curve(system("bert4rec").create(SMALL), WALK, set={"dim": 8})

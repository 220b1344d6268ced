"""A fit that goes on from the weights of an earlier one."""

from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split, split
from tastelm.errors import SettingError
from tastelm.evaluation import metric_value, protocol
from tastelm.fitting import Fitted, _validator, fit_system
from tastelm.metrics import Metric
from tastelm.strategies import TuningFree
from tastelm.systems.base import Judging
from tastelm.systems.baselines.sasrec import SASRec
from tastelm.systems.catalogue import system
from tastelm.testing import circle
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.stage import Stage

TINY = {"dim": 8, "layers": 1, "heads": 1, "max_len": 6, "lr": 1e-2}
PARTS = split(circle(40))


class Frozen(SASRec):
    """What is built stays as it is."""

    def stages(self, split: Split) -> Iterator[Stage]:
        for stage in super().stages(split):
            yield replace(stage, strategy=TuningFree())


def fit(budget: str = "20steps", *, name: str = "sasrec", parts: Split = PARTS, folder: Path | None = None, watch: Silent | None = None, seed: int = 0,
        start: dict[str, torch.Tensor] | None = None, run: Container[int] | None = None, closely: bool = False, **settings: object) -> Fitted:  # fmt: skip
    kind = system(name)
    made = kind.create({name: value for name, value in (TINY | settings).items() if hasattr(kind.Config, name)})
    return fit_system(made, parts, budget=Budget.parse(budget), folder=folder, watch=watch, seed=seed, start=start, run=run, closely=closely)


def weights(fitted: Fitted) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in fitted.recommender.module.state_dict().items()}


def test_what_is_frozen_stays_at_the_start_but_counts_follow_the_data() -> None:
    start = weights(fit())
    other = split(circle(40, seed=1))
    got = weights(fit_system(Frozen.create(TINY), other, start=start))
    fresh = weights(fit_system(Frozen.create(TINY), other))
    parameters = {name for name, _ in SASRec.create(TINY).build(PARTS.sizes).named_parameters()}
    assert all(torch.equal(got[name], start[name]) for name in parameters)
    assert not all(torch.equal(fresh[name], start[name]) for name in parameters)
    assert torch.equal(got["prior"], torch.from_numpy(other.popularity).float()) and not torch.equal(got["prior"], start["prior"])


def test_the_start_is_looked_at_first_and_kept_if_nothing_better_follows() -> None:
    long = fit("150steps")
    start = weights(long)
    worse = fit("3steps", start=start, lr=0.9)
    first = worse.stages[0].history[0]
    value = metric_value(long.recommender.module, protocol(PARTS, part=Part.VALID), Metric.parse("ndcg@10"))  # type: ignore[arg-type]
    assert first["step"] == 0 and first["ndcg@10"] == pytest.approx(value)
    assert worse.stages[0].best_step == 0 and worse.stages[0].steps == 3
    assert all(torch.equal(value, start[name]) for name, value in weights(worse).items())


def test_a_start_is_a_lead() -> None:
    start = weights(fit("150steps"))
    ahead, fresh = fit("30steps", start=start), fit("30steps")
    assert ahead.stages[0].best is not None and fresh.stages[0].best is not None
    assert ahead.stages[0].best > fresh.stages[0].best + 0.1
    assert [line["step"] for line in ahead.stages[0].history] == [0, 10, 20, 30]
    assert [line["step"] for line in fresh.stages[0].history] == [30]


def test_without_a_start_nothing_changes_and_the_start_is_left_alone() -> None:
    start = weights(fit())
    before = {name: value.clone() for name, value in start.items()}
    fit(start=start)
    assert all(torch.equal(start[name], before[name]) for name in start)
    again = weights(fit(start=None))
    assert all(torch.equal(again[name], before[name]) for name in before)


def test_an_interrupted_fit_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastelm.train.run.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("tastelm.train.run.CHECKPOINT_SHARE", 1e9)
    start = weights(fit())

    class Die(Silent):
        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            if step == 15:
                raise RuntimeError("killed")

    whole = fit("25steps", start=start)
    with pytest.raises(RuntimeError, match="killed"):
        fit("25steps", start=start, folder=tmp_path, watch=Die())
    assert any(tmp_path.iterdir())
    again = fit("25steps", start=start, folder=tmp_path)
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(again).items())
    assert again.stages[0].best_step == whole.stages[0].best_step


def test_a_later_stage_goes_on_from_the_earlier_one_not_from_the_start() -> None:
    """The second stage of peterrec trains patches alone: what it keeps of the rest is what the first stage made of the start."""
    start = weights(fit(name="peterrec"))
    done = fit("40steps", name="peterrec", start=start)
    assert [stage.name for stage in done.stages] == ["pre-train", "tune"]
    assert done.stages[0].best_step > 0
    moved = {name for name, _ in done.recommender.module.named_parameters() if not torch.equal(weights(done)[name], start[name])}
    assert any(name.startswith("backbone") for name in moved)
    assert done.stages[1].history[0]["step"] > 0, "nothing of the second stage was begun from the start again"


@pytest.mark.parametrize(("change", "message"), [
    ({"dim": 4}, r"start: 'items\.weight' has the shape \(20, 8\), but sasrec's stage 'next item' needs \(20, 4\)\. Give weights that were trained"),
    ({"name": "ease"}, r"start: none of its \d+ weights is a parameter of ease's stage 'solve'\. Give those of a trained ease\."),
])  # fmt: skip
def test_a_start_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    start = weights(fit("1steps"))
    with pytest.raises(SettingError, match=message):
        fit(start=start, **change)  # type: ignore[arg-type]


def test_a_start_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(SettingError, match=r"start: none of its 0 weights is a parameter of sasrec's stage 'next item'"):
        fit(start={})


def test_a_training_begins_at_the_weights_it_is_given() -> None:
    first = weights(fit(name="peterrec", seed=1))
    plain, begun = (weights(fit(name="peterrec", run=(), start=start)) for start in (None, first))
    assert all(torch.equal(begun[name], first[name]) for name in first)
    assert not torch.equal(plain["items.weight"], first["items.weight"])


def test_stages_that_are_passed_by_learn_nothing() -> None:
    untouched, tuned = fit(name="peterrec", run=()), fit(name="peterrec", run=(1,))
    before, after = weights(untouched), weights(tuned)
    assert [stage.name for stage in tuned.stages] == ["tune"] and untouched.stages == []
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"patches"}


def test_all_stages_by_name_are_all_stages() -> None:
    plain, named = (weights(fit(name="resetbert4rec", run=run)) for run in (None, range(2)))
    assert all(torch.equal(plain[name], named[name]) for name in plain)


def test_who_is_compared_with_a_start_is_looked_at_as_closely() -> None:
    assert [line["step"] for line in fit("30steps", closely=True).stages[0].history] == [0, 10, 20, 30]


def test_what_a_stage_leaves_of_the_budget_goes_to_the_next() -> None:
    parts = split(circle(60))
    settings = {"dim": 16, "layers": 1, "pretrain_epochs": 1, "batch": 64}
    first, second = fit_system(system("s3rec").create(settings), parts, budget=Budget(steps=100)).stages
    assert 0 < first.steps < 50 and first.steps + second.steps == 100, "half of the steps would be the first stage's, but one pass takes fewer"


class Handful(nn.Module):
    """Answers about a handful of items alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.asked = nn.Parameter(torch.zeros(20)), list[int]()

    def item_scores(self, histories: Sequences, users: object) -> Tensor:
        raise AssertionError("the whole catalogue was asked about")

    def candidate_scores(self, histories: Sequences, users: object, candidates: Sequences) -> Tensor:
        self.asked.append(len(candidates.values))
        return self.weight.detach()[torch.from_numpy(candidates.values.astype("int64"))]


def test_looks_ask_about_as_many_items_as_the_system_is_judged_on() -> None:
    module, judging = Handful(), Judging("uniform-4", looks=7)
    validate = _validator(PARTS, 0, judging)
    assert validate is not None and 0 < validate(module, "ndcg@10") <= 1
    assert sum(module.asked) == 7 * 5
    assert _validator(PARTS.only(PARTS.part == Part.TRAIN), 0, judging) is None

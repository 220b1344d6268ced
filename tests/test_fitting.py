"""Where a training begins, and which of its stages are run."""

import torch
from torch import nn

from tastelm.data.split import split
from tastelm.fitting import Fitted, fit_system
from tastelm.systems.catalogue import system
from tastelm.testing import circle
from tastelm.train.budget import Budget

SPLIT = split(circle(40))
SMALL = {"dim": 8, "layers": 1, "max_len": 8, "batch": 256}


def fitted(name: str, budget: str = "6steps", **more: object) -> Fitted:
    return fit_system(system(name).create(SMALL), SPLIT, budget=Budget.parse(budget), **more)  # type: ignore[arg-type]


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def test_a_training_begins_at_the_weights_it_is_given() -> None:
    first = weights(fitted("peterrec", seed=1).recommender.module)
    plain, begun = (weights(fitted("peterrec", run=(), start=start).recommender.module) for start in (None, first))
    assert all(torch.equal(begun[name], first[name]) for name in first)
    assert not torch.equal(plain["items.weight"], first["items.weight"])


def test_other_names_other_shapes_and_buffers_stay() -> None:
    start = {"nobody.weight": torch.ones(3), "items.weight": torch.ones(2, 2), "prior": torch.full((20,), 7.0)}
    plain, begun = (fitted("peterrec", run=(), start=given).recommender.module.state_dict() for given in (None, start))
    assert all(torch.equal(begun[name], value) for name, value in plain.items())


def test_what_an_earlier_stage_has_learnt_is_not_put_back() -> None:
    """Both stages of peterrec hold the same items; the second freezes them, so that what it ends with is what the first has learnt."""
    first = weights(fitted("peterrec", seed=1).recommender.module)
    twice = weights(fitted("peterrec", start=first).recommender.module)
    once = weights(fitted("peterrec", start=first, run=(0,)).recommender.module)
    assert not torch.equal(twice["items.weight"], first["items.weight"])
    assert torch.equal(twice["items.weight"], once["items.weight"])


def test_stages_that_are_passed_by_learn_nothing() -> None:
    untouched, tuned = fitted("peterrec", run=()), fitted("peterrec", run=(1,))
    before, after = weights(untouched.recommender.module), weights(tuned.recommender.module)
    assert [stage.name for stage in tuned.stages] == ["tune"] and untouched.stages == []
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"patches"}


def test_all_stages_by_name_are_all_stages() -> None:
    plain, named = (weights(fitted("resetbert4rec", run=run).recommender.module) for run in (None, range(2)))
    assert all(torch.equal(plain[name], named[name]) for name in plain)

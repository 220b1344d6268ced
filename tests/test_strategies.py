"""Who may change: the survey's table, and proof that nobody else did."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tastelm
from tastelm import strategies
from tastelm.errors import StrategyError
from tastelm.objectives.base import Outcome
from tastelm.strategies import (
    STRATEGIES,
    External,
    Holistic,
    Partial,
    PLMTuning,
    PretrainOnly,
    PromptAndPLM,
    PromptTuning,
    Strategy,
    TuningFree,
    check_moved,
    group_of,
    prepare,
    snapshot,
)
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage
from tastelm.train.stage import Descent, Stage

GROUPS = ("items", "backbone", "adaptor", "prompt", "head")
EVERYTHING = set(GROUPS)
TABLE: list[tuple[Strategy, set[str]]] = [
    (PretrainOnly(), EVERYTHING),
    (Holistic(), EVERYTHING),
    (Partial(frozenset({"head", "adaptor"})), {"head", "adaptor"}),
    (Partial(frozenset({"backbone"})), {"backbone"}),
    (External(), {"adaptor", "prompt", "head"}),
    (External(starting_point=True), EVERYTHING),
    (PromptTuning(), {"adaptor", "prompt", "head"}),
    (PLMTuning(), EVERYTHING - {"prompt"}),
    (TuningFree(), set()),
    (PromptAndPLM(), EVERYTHING),
]


class Assembled(nn.Module):
    """One layer a group, all of them used."""

    def __init__(self, groups: tuple[str, ...] = GROUPS) -> None:
        super().__init__()
        for group in groups:
            self.add_module(group, nn.Linear(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x).tanh()
        return x


class Batches:
    def batches(self, epoch: int, seed: int) -> list[Tensor]:
        return [torch.randn(4, 3, generator=torch.Generator().manual_seed(epoch)) for _ in range(2)]


def pull(module: nn.Module, batch: Tensor, rng: np.random.Generator) -> Outcome:
    return Outcome((module(batch) - 1).square().mean(), 4)


def run(module: nn.Module, strategy: Strategy, lr: float = 0.1) -> None:
    stage = Stage("toy", module, Batches(), pull, strategy, Budget(steps=3), descent=Descent(lr=lr), monitor=None)
    run_stage(stage, seed=0, budget=Budget(), validate=None, checkpoint=None, watch=Silent())


def test_the_table_holds_all_eight() -> None:
    assert {type(strategy) for strategy, _ in TABLE} == set(STRATEGIES) and len(STRATEGIES) == 8
    assert [strategy.__name__ for strategy in STRATEGIES] == [line.split("|")[1].strip() for line in _table_in_the_docstring()]


def _table_in_the_docstring() -> list[str]:
    lines = [line for line in (strategies.__doc__ or "").splitlines() if line.startswith("|")]
    return lines[2:]


# Sets have no order of their own, and every process must call a test alike.
NAMES = [f"{type(strategy).__name__}-{'+'.join(sorted(trained)) or 'nothing'}" for strategy, trained in TABLE]


@pytest.mark.parametrize(("strategy", "trained"), TABLE, ids=NAMES)
def test_what_trains(strategy: Strategy, trained: set[str]) -> None:
    module = Assembled()
    plan = prepare(module, strategy, stage="toy")
    assert {group_of(name) for name in plan.trained} == trained
    assert {group_of(name) for name in plan.frozen} == EVERYTHING - trained
    assert {group_of(name) for name, value in module.named_parameters() if value.requires_grad} == trained
    assert len(plan.trained) + len(plan.frozen) == 10 == len({*plan.trained, *plan.frozen})


@pytest.mark.parametrize(("strategy", "trained"), TABLE, ids=NAMES)
def test_a_real_stage_moves_what_may_move_and_not_a_bit_of_the_rest(strategy: Strategy, trained: set[str]) -> None:
    module = Assembled()
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    run(module, strategy)
    for name, value in module.named_parameters():
        assert torch.equal(value, before[name]) != (group_of(name) in trained), name


def test_a_later_stage_may_thaw_what_an_earlier_one_froze() -> None:
    module = Assembled()
    run(module, External())
    before = module.backbone.weight.detach().clone()  # type: ignore[union-attr, operator]
    run(module, Holistic())
    assert not torch.equal(before, module.backbone.weight)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize(
    ("strategy", "groups", "message"),
    [
        (External(), ("items", "head"), "stage 'toy': External needs the parameter group backbone, but the module has head, items. Name the module's children"),
        (PromptTuning(), ("backbone",), "PromptTuning needs the parameter group prompt, but the module has backbone"),
        (PromptAndPLM(), ("backbone",), "PromptAndPLM needs the parameter group prompt"),
        (Partial(frozenset({"adaptor", "gate"})), GROUPS, "Partial needs the parameter group gate, but the module has adaptor, backbone, head, items, prompt"),
        (External(), ("backbone", "items"), "stage 'toy': External would train nothing of the groups backbone, items."),
        (Partial(frozenset()), ("backbone",), "Partial would train nothing of the groups backbone."),
        (PretrainOnly(), (), "PretrainOnly would train nothing of the groups none."),
    ],
)
def test_a_strategy_that_cannot_be_meant_is_refused(strategy: Strategy, groups: tuple[str, ...], message: str) -> None:
    module = Assembled(groups)
    with pytest.raises(StrategyError) as error:
        prepare(module, strategy, stage="toy")
    assert message in str(error.value)


def test_a_frozen_parameter_moved_by_hand_is_found() -> None:
    module = Assembled()
    plan, before = prepare(module, External(), stage="toy"), snapshot(module)
    with torch.no_grad():
        for value in module.parameters():
            value += 1e-6
    with pytest.raises(StrategyError, match=r"stage 'toy': frozen parameters moved: backbone\.bias, backbone\.weight, items\.bias, items\.weight\. Only"):
        check_moved(plan, before, module, stage="toy")


def test_a_trained_group_that_stays_still_is_found() -> None:
    module = Assembled()
    plan, before = prepare(module, External(), stage="toy"), snapshot(module)
    with torch.no_grad():
        module.head.bias += 1  # type: ignore[union-attr, operator]
    with pytest.raises(StrategyError, match=r"nothing moved in the trained group adaptor, prompt\. Does the objective use it"):
        check_moved(plan, before, module, stage="toy")
    with torch.no_grad():
        module.adaptor.bias += 1  # type: ignore[union-attr, operator]
        module.prompt.weight += 1  # type: ignore[union-attr, operator]
    check_moved(plan, before, module, stage="toy")


def test_an_objective_that_moves_what_is_frozen_does_not_get_away_with_it() -> None:
    def meddle(module: nn.Module, batch: Tensor, rng: np.random.Generator) -> Outcome:
        with torch.no_grad():
            module.items.bias += 1  # type: ignore[union-attr, operator]
        return pull(module, batch, rng)

    stage = Stage("toy", Assembled(), Batches(), meddle, External(), Budget(steps=2), descent=Descent(lr=0.1), monitor=None)
    with pytest.raises(StrategyError, match=r"frozen parameters moved: items\.bias"):
        run_stage(stage, seed=0, budget=Budget(), validate=None, checkpoint=None, watch=Silent())


def test_an_unused_group_does_not_pass_for_trained() -> None:
    class Forgetful(Assembled):
        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(x)  # type: ignore[operator]
            return found

    with pytest.raises(StrategyError, match="nothing moved in the trained group adaptor, backbone, items, prompt"):
        run(Forgetful(), Holistic())


def test_a_stage_without_view_and_objective_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="stage 'toy' needs a view and an objective, or a closed form, or the strategy TuningFree"):
        Stage("toy", Assembled())
    assert Stage("toy", Assembled(), strategy=TuningFree()).objective is None


def test_nobody_else_decides_what_trains() -> None:
    """`requires_grad` may be read anywhere, but set in strategies.py alone."""
    source = Path(tastelm.__file__).parent
    for path in source.rglob("*.py"):
        if path == source / "strategies.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []
            assert not any(isinstance(target, ast.Attribute) and target.attr == "requires_grad" for target in targets), path
            if isinstance(node, ast.Call):
                named = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                assert named not in ("requires_grad_", "freeze"), path
                assert not any(keyword.arg == "requires_grad" for keyword in node.keywords), path
                assert not (named == "setattr" or (isinstance(node.func, ast.Name) and node.func.id == "setattr")) or "requires_grad" not in ast.dump(node), (
                    path
                )

"""From a system and a split to a recommender: run the stages one after the other, and go on where a killed run stood."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tastelm.data.split import Part, Split
from tastelm.data.vocabulary import Vocabulary
from tastelm.devices import device
from tastelm.errors import SettingError
from tastelm.evaluation import Protocol, judged, metric_value
from tastelm.memory import Peak, reuse_freed_memory
from tastelm.metrics import Metric
from tastelm.recommender import Recommender
from tastelm.systems.base import Judging, System
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.progress import Silent, Watch
from tastelm.train.run import Trained, run_stage
from tastelm.train.stage import Stage


@dataclass(frozen=True)
class Fitted:
    """recommender: what answers; stages: how each went; seconds and peak_mib: of the whole fit; parameters: of the module that answers."""

    recommender: Recommender
    stages: list[Trained]
    seconds: float
    peak_mib: float
    parameters: int

    def history(self) -> list[dict[str, Any]]:
        """The stages as plain values."""
        return [asdict(stage) for stage in self.stages]


def fit_system(
    system: System[Any], split: Split, *, budget: Budget | None = None, seed: int = 0, folder: Path | None = None, watch: Watch | None = None,
    start: Mapping[str, Tensor] | None = None, run: Container[int] | None = None, closely: bool = False,
) -> Fitted:  # fmt: skip
    """Train `system` on `split`.

    budget  for all stages together; each gets its share, and what it leaves goes to the next
    folder  where checkpoints are kept: a call with the same arguments goes on from the last one. They stay until the caller has
            put the result somewhere safe.
    start   weights to go on from, as `recommender.module.state_dict()` of an earlier fit: a stage's parameters begin with those of their
            name, unless an earlier stage has trained them. Parameters that are not in it begin as always, and buffers, which hold what is
            counted and known, stay those of this split. Validation may choose them over whatever follows (`goes_on` of `run_stage`)
    run     numbers of the stages to be run, the first is 0; the others are passed by, and their modules stay as they are. None: all
    closely look at what a stage begins with, and as often, as if it went on from `start`: what is compared with such a fit should be

    Raises what the stages raise, see `tastelm.train.run.run_stage`; SettingError where `start` has other shapes or nothing of the first stage.
    """
    began, peak = time.perf_counter(), Peak()
    reuse_freed_memory()
    system = system.settle(split)
    stages, module, begun = list[Trained](), nn.Module(), list[nn.Parameter]()
    whole, left = budget or Budget(), 0.0
    with peak:
        torch.manual_seed(seed)
        for index, stage in enumerate(system.stages(split)):
            goes_on = (start is not None and _begin(stage, start, begun, owner=system.card.name)) or closely
            if run is None or index in run:
                given = stage.share + left
                stages.append(_run(stage, index, whole.share(given), seed, folder, _validator(split, seed, system.judging), watch or Silent(), goes_on))
                left = max(0.0, given - whole.used(stages[-1].seconds, stages[-1].steps, stages[-1].epochs))
            module = stage.module
            # The next stage may build modules: their first weights follow the seed and their place, whatever was drawn before.
            torch.manual_seed(seed + index + 1)
    users = split.users if getattr(module, "needs_users", False) else Vocabulary([])
    module.to(device())  # one that nothing trained was never brought there
    recommender = Recommender(system, module, split.items, users, split.dataset.titles(), split.mask_seen, sizes=system.sizes(split))
    # What is frozen and kept elsewhere stands in no state dict, but counts.
    size = sum(value.numel() for value in {**dict(module.named_parameters()), **module.state_dict()}.values())
    return Fitted(recommender, stages, time.perf_counter() - began, peak.mib, size)


def _begin(stage: Stage, start: Mapping[str, Tensor], begun: list[nn.Parameter], *, owner: str) -> bool:
    """Give the parameters of the stage that are not among those `begun` before the weights of their name, and add them there.

    Returns whether the stage got any. Raises SettingError, before anything is changed, where `start` does not fit.
    """
    earlier = {id(value) for value in begun}
    own = {name: value for name, value in stage.module.named_parameters() if id(value) not in earlier}
    given = {name: value for name, value in own.items() if name in start}
    if not given and not begun:
        raise SettingError(f"start: none of its {len(start)} weights is a parameter of {owner}'s stage '{stage.name}'. Give those of a trained {owner}.")
    for name, value in given.items():
        if start[name].shape != value.shape:
            raise SettingError(
                f"start: '{name}' has the shape {tuple(start[name].shape)}, but {owner}'s stage '{stage.name}' needs {tuple(value.shape)}. "
                "Give weights that were trained with the same settings and the same catalogue."
            )
    with torch.no_grad():
        for name, value in given.items():
            value.copy_(start[name])
    begun += own.values()
    return bool(given)


def _run(
    stage: Stage, index: int, budget: Budget, seed: int, folder: Path | None, validate: Callable[[nn.Module, str], float] | None, watch: Watch, goes_on: bool
) -> Trained:
    """Run a stage, or take its result from the folder if an earlier run finished it."""
    done = folder / f"stage-{index}.safetensors" if folder else None
    if done is not None and done.exists():
        finished = Checkpoint.read(done)
        stage.module.load_state_dict(finished.tensors)
        return Trained(**finished.state)
    # A name of its own for each stage: one that is left behind by a kill is never taken for the next stage's.
    checkpoint = folder / f"now-{index}.safetensors" if folder else None
    trained = run_stage(stage, seed=_stage_seed(seed, index), budget=budget, validate=validate, checkpoint=checkpoint, watch=watch, goes_on=goes_on)
    if done is not None and checkpoint is not None and trained.steps:
        Checkpoint(asdict(trained), dict(stage.module.state_dict())).write(done)
        checkpoint.unlink(missing_ok=True)
    return trained


def _validator(split: Split, seed: int, judging: Judging) -> Callable[[nn.Module, str], float] | None:
    if not (split.part == Part.VALID).any():
        return None

    @cache  # candidates are drawn from the whole catalogue, and many stages never look
    def question() -> Protocol:
        return judged(split, Part.VALID, judging, most=judging.looks, seed=seed)

    return lambda module, metric: metric_value(module, question(), Metric.parse(metric))  # type: ignore[arg-type]


def _stage_seed(seed: int, index: int) -> int:
    return seed * 1000 + index

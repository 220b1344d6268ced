"""From a system and a split to a recommender: run the stages one after the other, and go on where a killed run stood."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tastelm.data.split import Part, Split
from tastelm.data.vocabulary import Vocabulary
from tastelm.evaluation import metric_value
from tastelm.memory import Peak, reuse_freed_memory
from tastelm.metrics import Metric
from tastelm.recommender import Recommender
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.progress import Silent, Watch
from tastelm.train.run import Trained, run_stage
from tastelm.train.stage import Stage

# Enough for a steady choice of the best weights; ranking more of them would cost more than it tells.
VALIDATION_CASES = 10_000


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
    start: Mapping[str, Tensor] | None = None, run: Container[int] | None = None,
) -> Fitted:  # fmt: skip
    """Train `system` on `split`.

    budget  for all stages together; each gets its share
    folder  where checkpoints are kept: a call with the same arguments goes on from the last one. They stay until the caller has
            put the result somewhere safe.
    start   weights of an earlier training: a parameter of the same name and shape begins there, once; what this training has learnt
            stays, and buffers, which follow the data, are not touched
    run     numbers of the stages to be run, the first is 0; the others are passed by, and their modules stay as they are. None: all

    Raises what the stages raise; see `tastelm.train.run.run_stage`.
    """
    began, peak = time.perf_counter(), Peak()
    reuse_freed_memory()
    system = system.settle(split)
    stages, module, begun = [], nn.Module(), set[nn.Parameter]()
    with peak:
        torch.manual_seed(seed)
        for index, stage in enumerate(system.stages(split)):
            module = stage.module
            _begin_at(module, start or {}, begun)
            if run is None or index in run:
                stages.append(_run(stage, index, (budget or Budget()).share(stage.share), seed, folder, _validator(split, seed), watch or Silent()))
            # The next stage may build modules: their first weights follow the seed and their place, whatever was drawn before.
            torch.manual_seed(seed + index + 1)
    users = split.users if getattr(module, "needs_users", False) else Vocabulary([])
    recommender = Recommender(system, module, split.items, users, split.dataset.titles(), split.mask_seen, sizes=split.sizes)
    size = sum(value.numel() for value in module.state_dict().values())
    return Fitted(recommender, stages, time.perf_counter() - began, peak.mib, size)


@torch.no_grad()
def _begin_at(module: nn.Module, start: Mapping[str, Tensor], begun: set[nn.Parameter]) -> None:
    """Put the weights of `start` into the parameters of the same name and shape that have not `begun` yet; then all of the module have."""
    for name, parameter in module.named_parameters():
        if parameter not in begun and name in start and start[name].shape == parameter.shape:
            parameter.copy_(start[name])
        begun.add(parameter)


def _run(stage: Stage, index: int, budget: Budget, seed: int, folder: Path | None, validate: Callable[[nn.Module, str], float] | None, watch: Watch) -> Trained:
    """Run a stage, or take its result from the folder if an earlier run finished it."""
    done = folder / f"stage-{index}.safetensors" if folder else None
    if done is not None and done.exists():
        finished = Checkpoint.read(done)
        stage.module.load_state_dict(finished.tensors)
        return Trained(**finished.state)
    # A name of its own for each stage: one that is left behind by a kill is never taken for the next stage's.
    checkpoint = folder / f"now-{index}.safetensors" if folder else None
    trained = run_stage(stage, seed=_stage_seed(seed, index), budget=budget, validate=validate, checkpoint=checkpoint, watch=watch)
    if done is not None and checkpoint is not None and trained.steps:
        Checkpoint(asdict(trained), dict(stage.module.state_dict())).write(done)
        checkpoint.unlink(missing_ok=True)
    return trained


def _validator(split: Split, seed: int) -> Callable[[nn.Module, str], float] | None:
    cases = split.cases(Part.VALID).sample(VALIDATION_CASES, seed)
    if len(cases) == 0:
        return None
    return lambda module, metric: metric_value(module, cases, len(split.items), mask_seen=split.mask_seen, metric=Metric.parse(metric))  # type: ignore[arg-type]


def _stage_seed(seed: int, index: int) -> int:
    return seed * 1000 + index

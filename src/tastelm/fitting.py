"""From a system and a split to a recommender: run the stages one after the other, and go on where a killed run stood."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

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
    system: System[Any], split: Split, *, budget: Budget | None = None, seed: int = 0, folder: Path | None = None, watch: Watch | None = None
) -> Fitted:
    """Train `system` on `split`.

    budget  for all stages together; each gets its share
    folder  where checkpoints are kept: a call with the same arguments goes on from the last one. They stay until the caller has
            put the result somewhere safe.

    Raises what the stages raise; see `tastelm.train.run.run_stage`.
    """
    began, peak = time.perf_counter(), Peak()
    reuse_freed_memory()
    system = system.settle(split)
    stages, module = [], nn.Module()
    with peak:
        torch.manual_seed(seed)
        for index, stage in enumerate(system.stages(split)):
            stages.append(_run(stage, index, (budget or Budget()).share(stage.share), seed, folder, _validator(split, seed), watch or Silent()))
            module = stage.module
            # The next stage may build modules: their first weights follow the seed and their place, whatever was drawn before.
            torch.manual_seed(seed + index + 1)
    users = split.users if getattr(module, "needs_users", False) else Vocabulary([])
    recommender = Recommender(system, module, split.items, users, split.dataset.titles(), split.mask_seen, sizes=system.sizes(split))
    size = sum(value.numel() for value in module.state_dict().values())
    return Fitted(recommender, stages, time.perf_counter() - began, peak.mib, size)


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

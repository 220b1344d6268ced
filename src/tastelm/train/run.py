"""The one training loop of the library.

It stands on Lightning Fabric, not on the Trainer: budgets in minutes, resuming inside an epoch to the bit and stages that
hand modules on need the loop itself in our hands, while device, precision and processes stay Lightning's.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tastelm.errors import SettingError
from tastelm.memory import HEAP
from tastelm.objectives.base import Objective
from tastelm.strategies import Plan, check_moved, prepare, snapshot
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.conditions import fabric_of, interruptible, repeatable
from tastelm.train.likelihood import Likelihood
from tastelm.train.parts import Parts
from tastelm.train.progress import Watch
from tastelm.train.schedule import Course
from tastelm.train.stage import Stage

# Its remarks on precision and on tensor cores would stand in the middle of a progress bar.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

Validate = Callable[[nn.Module, str], float]

# An epoch of a small set is over in a blink and one of a large set lasts too long to be blind for; looks come in between.
LOOK_AT_LEAST, LOOK_AT_MOST = 150, 1500
# Weights that are trained already are soon as good as new data make them, and soon worse where these are few.
LOOK_AGAIN_AT_LEAST = 10
CHECKPOINT_SECONDS = float(os.environ.get("TASTELM_CHECKPOINT_SECONDS", "20"))
# Writing checkpoints may take this share of the time at most.
CHECKPOINT_SHARE = 0.02


@dataclass(frozen=True)
class Trained:
    """What became of a stage: steps and epochs done, seconds, the best validation metric and where, why it ended, a line for each look."""

    name: str
    steps: int
    epochs: float
    seconds: float
    best: float | None
    best_step: int
    ended: str
    history: list[dict[str, float]]
    trained_parameters: int
    parameters: int


class _Sealed:
    """A batch that goes through Fabric as it is: under mixed precision it looks for tensors in what comes in, and refuses frozen dataclasses."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch


class _Step(nn.Module):
    """Module and objective as one forward call, which is what a strategy of several processes can wrap."""

    def __init__(self, module: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.module, self.objective = module, objective

    def forward(self, sealed: _Sealed, rng: np.random.Generator) -> tuple[Tensor, int, dict[str, Tensor]]:
        outcome = self.objective(self.module, sealed.batch, rng)
        return outcome.loss, outcome.targets, dict(outcome.parts)  # Fabric looks for tensors in what comes back, and refuses frozen dataclasses


@dataclass
class _State:
    """Where the loop stands; everything here is in the checkpoint."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    course: Course = field(default_factory=Course)
    history: list[dict[str, float]] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    parts: dict[str, tuple[float, int]] = field(default_factory=dict)


def run_stage(stage: Stage, *, seed: int, budget: Budget, validate: Validate | None, checkpoint: Path | None, watch: Watch, goes_on: bool = False) -> Trained:
    """Run one stage to its end; its module then holds the best weights.

    seed        decides batches, negatives, masks and dropout
    budget      the user's, on top of the stage's own
    validate    (module, metric name) -> value, higher is better; None trains to the end of the budget
    checkpoint  file to go on from if it exists, and to write on the way
    goes_on     the module comes with weights that are trained already: they are looked at before the first step, kept if nothing better
                follows, and the looks come sooner

    Raises StrategyError if other parameters moved than should, SettingError if the loss is not finite, KeyboardInterrupt
    (after writing a checkpoint) when interrupted.
    """
    began = time.perf_counter()
    if stage.solve is not None:
        with torch.no_grad():
            stage.solve()
        return _without_descent(stage, "closed form", began)
    plan = prepare(stage.module, stage.strategy, stage=stage.name)
    if not plan.trained:
        return _without_descent(stage, "nothing to train", began)
    if stage.judges is not None and stage.objective is not None:
        validate = Likelihood(stage.judges, stage.objective)
    with interruptible() as interrupted, torch.random.fork_rng(devices=[]), repeatable():
        return _Loop(stage, plan, seed, budget.within(stage.budget), validate, checkpoint, watch, interrupted, goes_on).run()


def _without_descent(stage: Stage, why: str, began: float) -> Trained:
    return Trained(stage.name, 0, 0.0, time.perf_counter() - began, None, 0, why, [], 0, _size(stage.module))


class _Loop:
    def __init__(
        self, stage: Stage, plan: Plan, seed: int, budget: Budget, validate: Validate | None,
        checkpoint: Path | None, watch: Watch, interrupted: threading.Event, goes_on: bool,
    ) -> None:  # fmt: skip
        assert stage.view is not None and stage.objective is not None
        self.stage, self.plan, self.seed, self.budget = stage, plan, seed, budget
        self.validate = validate if stage.monitor else None
        self.checkpoint, self.watch, self.interrupted, self.view = checkpoint, watch, interrupted, stage.view
        self.goes_on = goes_on and self.validate is not None
        self.state, self.best, self.parts = _State(before=snapshot(stage.module)), dict[str, Tensor](), Parts()
        self.fabric = fabric_of(stage)
        self.optimizer = _optimizer(stage)
        # A stage before may have brought a part of the module elsewhere, of which Fabric would warn.
        self.step_module: Any = self.fabric.setup_module(_Step(stage.module, stage.objective).to(self.fabric.device))
        self.fabric_optimizer: Any = self.fabric.setup_optimizers(self.optimizer)
        if self.validate is None and not any(map(math.isfinite, (budget.steps, budget.epochs, budget.seconds))):
            raise SettingError(f"stage '{stage.name}' has nothing to validate on and no budget, so it would never end. Give one with --budget.")

    def run(self) -> Trained:
        if self.checkpoint is not None and self.checkpoint.exists():
            self._restore(Checkpoint.read(self.checkpoint))
        self.began, self.saved, self.save_cost = time.perf_counter() - self.state.seconds, time.perf_counter(), 0.0
        self.watch.begin(self.stage.name, self.state.step)
        ended = ""
        while not ended:
            ended = self._epoch()
        self.state.seconds = time.perf_counter() - self.began
        if self.best:
            self.stage.module.load_state_dict(self.best)
        if self.state.course.best_step != 0:  # the weights are not those that it began with
            check_moved(self.plan, self.state.before, self.stage.module, stage=self.stage.name)
        state, course = self.state, self.state.course
        trained = sum(value.numel() for name, value in self.stage.module.named_parameters() if name in set(self.plan.trained))
        epochs = state.epoch + state.batch / max(self.per_epoch, 1)
        best = course.best if self.best else None
        return Trained(self.stage.name, state.step, epochs, state.seconds, best, course.best_step, ended, state.history, trained, _size(self.stage.module))

    def _epoch(self) -> str:
        """The rest of the current epoch. Returns why the stage is over, or an empty string if it is not."""
        state, batches = self.state, self.view.batches(self.state.epoch, self.seed)
        self.per_epoch = len(batches)
        if self.per_epoch == 0:
            raise SettingError(f"stage '{self.stage.name}': the training part holds nothing to learn from; no history is long enough.")
        every = min(max(self.per_epoch, LOOK_AGAIN_AT_LEAST if self.goes_on else LOOK_AT_LEAST), LOOK_AT_MOST)
        if self.goes_on and state.step == 0:
            self._look(every)
        while state.batch < self.per_epoch:
            used = self.budget.used(time.perf_counter() - self.began, state.step, state.epoch + state.batch / self.per_epoch)
            if used >= 1:
                if state.step == 0:
                    raise SettingError(f"stage '{self.stage.name}': the budget is over before the first step. Give more with --budget.")
                self._look(every)
                return "budget"
            self._learn(batches, used)
            if state.step % every == 0 or state.course.over(state.step):
                self._look(every)
                if state.course.over(state.step):
                    return "no improvement"
            self._save_if_due()
        state.epoch, state.batch = state.epoch + 1, 0
        return ""

    def _learn(self, batches: Any, used: float) -> None:
        """One step of the optimiser, from one or several batches."""
        state, descent = self.state, self.stage.descent
        # Randomness is a function of seed and step alone: a resumed run draws what the unbroken one would have drawn.
        torch.manual_seed(_mixed(self.seed, state.step))
        rng = np.random.default_rng((self.seed, state.step))
        self.step_module.train()
        rate = descent.lr * state.course.rate(descent.schedule, state.step, used)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        last = min(state.batch + descent.accumulate, self.per_epoch)
        total, targets = 0.0, 0
        for index in range(state.batch, last):
            with self.fabric.no_backward_sync(self.step_module, enabled=index + 1 < last):
                loss, count, parts = self.step_module(_Sealed(batches[index]), rng)
                self.fabric.backward(loss / (last - state.batch))
            self.parts.add(parts)
            total, targets = total + float(loss.detach()), targets + count
        self._must_be_finite("loss", total)
        if descent.clip:
            norm = self.fabric.clip_gradients(self.step_module, self.fabric_optimizer, max_norm=descent.clip, error_if_nonfinite=False)
            self._must_be_finite("norm of the gradient", float(norm))  # type: ignore[arg-type]  # of clipping by norm
        self.fabric_optimizer.step()
        state.losses.append(total / (last - state.batch))
        state.step, state.batch = state.step + 1, last
        HEAP.tidy()
        self.watch.stepped(state.step, targets, used, state.losses[-1])

    def _must_be_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise SettingError(f"stage '{self.stage.name}': the {what} is {value} at step {self.state.step}. Lower the learning rate (--set lr=...).")

    def _look(self, every: int) -> None:
        """Validate, keep the weights if they are the best so far, and write a line of history."""
        state = self.state
        if state.history and state.history[-1]["step"] == state.step:
            return  # the budget ends where a look was due anyway
        line = {"step": state.step, "seconds": time.perf_counter() - self.began, "loss": float(np.mean(state.losses)) if state.losses else math.nan}
        state.losses.clear()
        line |= self.parts.means()
        self.parts = Parts()
        if self.validate is not None:
            self.step_module.eval()
            metric = self.validate(self.stage.module, str(self.stage.monitor))
            line[str(self.stage.monitor)] = metric
            if state.course.saw(self.stage.descent.schedule, metric, state.step, every):
                self.best = {name: tensor.clone() for name, tensor in self.stage.module.state_dict().items()}
        state.history.append(line)
        self.watch.looked(line, state.course.best)

    def _save_if_due(self) -> None:
        due = max(CHECKPOINT_SECONDS, self.save_cost / CHECKPOINT_SHARE)
        if self.interrupted.is_set() or time.perf_counter() - self.saved > due:
            began = time.perf_counter()
            self._save()
            self.saved = time.perf_counter()
            self.save_cost = self.saved - began
        if self.interrupted.is_set():
            raise KeyboardInterrupt

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        self.state.seconds, self.state.parts = time.perf_counter() - self.began, self.parts.plain()
        tensors = {f"module.{name}": tensor for name, tensor in self.stage.module.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
        Checkpoint(asdict(self.state), tensors).write(self.checkpoint)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.state = _State(**{**checkpoint.state, "course": Course(**checkpoint.state["course"])})
        self.parts = Parts(self.state.parts)
        self.stage.module.load_state_dict(checkpoint.group("module"))
        self.best = checkpoint.group("best")
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in checkpoint.group("optimizer").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({"state": moments, "param_groups": self.optimizer.state_dict()["param_groups"]})


def _optimizer(stage: Stage) -> torch.optim.Optimizer:
    """AdamW over the parameters that train; decay on matrices only, as biases and norms have nothing to shrink."""
    trained = [value for value in stage.module.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in trained if value.ndim >= 2], "weight_decay": stage.descent.weight_decay},
        {"params": [value for value in trained if value.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=stage.descent.lr, betas=(0.9, stage.descent.beta2), fused=True)


def _mixed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _size(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())

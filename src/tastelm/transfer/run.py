"""Train the points of a transfer one after the other, keep each, and draw what there is of the curve."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from tastelm.errors import RunError
from tastelm.evaluation import evaluate
from tastelm.fitting import Fitted, fit_system
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.progress import Silent, Watch
from tastelm.transfer.curve import Curve, Place, Point, refuse_another
from tastelm.transfer.plan import PRETRAINED, Transfer

# Checkpoints of trainings, so that what was interrupted is gone on with.
UNFINISHED = "unfinished"


class Listener(Protocol):
    """Told how a transfer goes on."""

    def begins(self, what: str, done: int, of: int) -> Watch:
        """A training begins, `done` of the points being there; what is returned watches it."""

    def ends(self, point: Point, reused: bool) -> None:
        """A point is there."""


class Deaf:
    """Hears nothing."""

    def begins(self, what: str, done: int, of: int) -> Watch:
        return Silent()

    def ends(self, point: Point, reused: bool) -> None: ...


def transfer(plan: Transfer, folder: Path | None = None, *, listener: Listener | None = None, command: str | None = None) -> Curve:
    """Train every point of the plan that is not there yet, and return the curve.

    folder  for points, pre-trained weights and transfer.json, which is written anew after every point; finished points are used again, and
            what was interrupted is gone on with

    Raises OutputError if the folder holds another transfer or cannot be written, and what the trainings raise.
    """
    with ExitStack() as stack:
        place = folder if folder is not None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return _Run(plan, place, listener or Deaf(), command).run()


@dataclass
class _Run:
    plan: Transfer
    folder: Path
    listener: Listener
    command: str | None

    def run(self) -> Curve:
        plan, wanted = self.plan, self.plan.places()
        refuse_another(self.folder, plan.about())
        curve = Curve(plan.about(), wanted, (), plan.counts(), self.command)
        curve.write(self.folder)  # before the first training, so that none is lost on a place that cannot be written
        for place in wanted:
            key = plan.key(place)
            stored = Point.read(self.folder / "points", key)
            point = stored or self._train(place, key, len(curve.points), len(wanted))
            if stored is None:
                point.write(self.folder / "points")
                shutil.rmtree(self.folder / UNFINISHED, ignore_errors=True)
            curve = replace(curve, points=(*curve.points, point))
            curve.write(self.folder)
            self.listener.ends(point, stored is not None)
        return curve

    def _train(self, place: Place, key: str, done: int, of: int) -> Point:
        plan = self.plan
        start, pretrain_seconds = self._pretrained(place.seed, done, of) if place.arm in PRETRAINED else (None, 0.0)
        watch, began = self.listener.begins(str(place), done, of), time.perf_counter()
        system = plan.settled if place.arm in PRETRAINED else plan.untaught
        run = {"zero-shot": (), "pre-trained": (plan.n_stages - 1,)}.get(place.arm)
        fitted = fit_system(
            system, plan.split(place), budget=plan.limit(place.arm), seed=place.seed, folder=self._checkpoints(key), watch=watch,
            start=start, run=run, closely=True,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        found = evaluate(fitted.recommender.module, plan.question, name=plan.system.card.name)  # type: ignore[arg-type]
        names = [str(metric) for metric in plan.question.metrics]
        users = len(plan.users.drawn(place.share, place.seed)) if place.share else 0
        means = {name: found.metrics[name] for name in names}
        values = np.stack([found.per_case[name] for name in names])
        return Point(place, key, users, means, values, seconds, pretrain_seconds, _stages(fitted))

    def _pretrained(self, seed: int, done: int, of: int) -> tuple[Mapping[str, Tensor], float]:
        """The weights after the pre-training stages, made once for all shares of a seed, and the seconds they took."""
        plan, key = self.plan, self.plan.pretraining_key(seed)
        path = self.folder / "pretrained" / f"{key}.safetensors"
        if path.exists():
            try:
                kept = Checkpoint.read(path)
                return kept.tensors, float(kept.state["seconds"])
            except (RunError, KeyError):
                path.unlink()  # made again below, to the same weights
        stages = range(max(1, plan.n_stages - 1))
        watch = self.listener.begins(f"pre-training, seed {seed}", done, of)
        fitted = fit_system(
            plan.settled, plan.pretraining, budget=plan.limit("pre-trained"), seed=seed, folder=self._checkpoints(key), watch=watch, run=stages
        )  # fmt: skip
        weights = {name: value.detach() for name, value in fitted.recommender.module.named_parameters()}
        Checkpoint({"seconds": fitted.seconds, "stages": _stages(fitted)}, weights).write(path)
        return weights, fitted.seconds

    def _checkpoints(self, key: str) -> Path:
        return self.folder / UNFINISHED / key


def _stages(fitted: Fitted) -> list[dict[str, Any]]:
    """How each stage went, without a line for each look."""
    return [{name: value for name, value in stage.items() if name != "history"} for stage in fitted.history()]

"""From window to window: train, judge, go on.

folder/results/KEY.json, KEY.npz   one system, seed and window: what it scored, and the values of every session
folder/weights/KEY.safetensors     what the training for the next window begins from, until that is done
folder/checkpoint/KEY/             a training under way
folder/over_time.json, over_time.md
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args
from zipfile import BadZipFile

import numpy as np
from torch import Tensor

import tastelm
from tastelm.comparison import Deaf, Listener, refuse_other_data
from tastelm.data.split import Part
from tastelm.data.windows import Window
from tastelm.errors import MissingExtra, OutputError, RunError, SettingError, TasteLMError
from tastelm.evaluation import evaluate, protocol
from tastelm.files import remove, write_bytes, write_json, write_text
from tastelm.fitting import fit_system
from tastelm.jobs import Job, is_dry
from tastelm.metrics import Metric
from tastelm.over_time.average import OverTime, Values, to_markdown, to_table
from tastelm.settings import decisive
from tastelm.systems.base import System
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint
from tastelm.train.progress import Watch
from tastelm.tuning import ranks

Mode = Literal["incremental", "cold"]
TABLE = "over_time.json"


@dataclass(frozen=True)
class Rolling:
    """What is to be compared.

    windows  of one data set, oldest first
    systems  label -> system
    metrics  that have a value for each session
    budget   for the training before each window, as the user wrote it
    mode     `incremental`, as in the paper: a system is trained on all that was before the first window, and then goes on from its weights
             with what has come since; or `cold`: trained anew on all that was before each window. What only counts has no weights to go
             on from, and is made anew in both
    seeds    of the trainings; each system is trained under each

    Raises SettingError for a mode, a budget, a seed or a metric that does not fit.
    """

    windows: Sequence[Window]
    systems: Mapping[str, System[Any]]
    metrics: tuple[Metric, ...]
    budget: str | None = None
    mode: Mode = "incremental"
    seeds: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise SettingError(f"mode: '{self.mode}' is not known; use {' or '.join(get_args(Mode))}.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SettingError(f"seeds: '{','.join(map(str, self.seeds))}' does not fit; give at least one, and each once, as in 0,1,2.")
        for metric in self.metrics:
            if not metric.declaration.per_case or metric.declaration.reads != "ranks":
                raise SettingError(f"metrics: {metric} has no value for each session that an average over time could be of; use hr@20, ndcg@20 or mrr.")
        for label, system in self.systems.items():
            if is_dry(system):
                raise SettingError(f"{label}.dry_run: nothing is asked in a dry run, so there is nothing to average. Try it with tastelm fit.")
        before = self.windows[0].split()
        for label, system in self.systems.items():
            if not ranks(system, before):
                raise SettingError(f"{label} gives reasons and ranks nothing, so no metric of rankings tells how it does over time. Leave it out.")
        for seed in self.seeds:  # a job refuses a seed and a budget that are none
            for system in self.systems.values():
                Job(system, before, self.budget, seed)

    @cached_property
    def fingerprints(self) -> list[str]:
        """16 hex digits over the data and the parts of each window."""
        return [window.split().fingerprint for window in self.windows]

    def describe(self) -> dict[str, Any]:
        """What must be alike for two tables to be compared."""
        windows = [
            {"label": window.label, "begin": window.begin, "end": window.end, "sessions": window.sessions, "test": window.sessions - window.sessions // 2,
             "fingerprint": fingerprint}
            for window, fingerprint in zip(self.windows, self.fingerprints, strict=True)
        ]  # fmt: skip
        return {
            "protocol": self.windows[0].protocol, "windows": windows, "mode": self.mode, "budget": self.budget, "seeds": list(self.seeds),
            "metrics": [str(metric) for metric in self.metrics], "version": tastelm.__version__,
        }  # fmt: skip


@dataclass(frozen=True)
class Result:
    """One system, seed and window: what is told of it, and the values of its test sessions."""

    row: dict[str, Any]
    values: Values


def compare_over_time(rolling: Rolling, folder: Path, *, listener: Listener | None = None) -> OverTime:
    """Lead every system through the windows under every seed, and write `over_time.json` and `over_time.md`, anew after each system.

    What is finished is used again; a system that fails is a row with its error, and the others go on. Raises OutputError if the folder
    holds the table of other data, or cannot be written, MissingExtra where a system needs one.
    """
    data = rolling.windows[0].data
    refuse_other_data(folder / TABLE, data.fingerprint, what="table over time")
    told = {"name": data.name, "fingerprint": data.fingerprint, "users": data.n_users, "items": data.n_items, "interactions": len(data)}
    rows, walks = list[dict[str, Any]](), dict[str, list[list[Values]]]()
    for label, system in rolling.systems.items():
        row: dict[str, Any] = {"system": label, "card": system.card.name, "config": vars(system.config)}
        try:
            found = [follow(rolling, label, seed, folder, listener=listener) for seed in rolling.seeds]
        except (OutputError, MissingExtra):
            raise  # the system is not to blame, and the next one would fail too
        except (TasteLMError, ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
            row["error"] = str(error) if isinstance(error, TasteLMError) else f"{type(error).__name__}: {error}"
            (listener or Deaf()).ends(row, False)
        else:
            walks[label] = [[result.values for result in results] for results in found]
            row["seconds"] = sum(result.row["seconds"]["fit"] for results in found for result in results)
            row["steps"] = sum(result.row["steps"] for results in found for result in results)
        rows.append(row)
        table = to_table(told, rolling.describe(), rows, walks)
        write_json(folder / TABLE, table.to_dict())
        write_text(folder / "over_time.md", to_markdown(table))
    return table


def follow(rolling: Rolling, label: str, seed: int, folder: Path, *, listener: Listener | None = None) -> list[Result]:
    """One of the systems under one seed, window after window; what is finished is used again. Raises what training raises."""
    listener, system = listener or Deaf(), rolling.systems[label]
    keys = _keys(rolling, system, seed)
    if rolling.mode == "incremental":
        system = system.settle(rolling.windows[0].split())  # what follows the data must not change a shape on the way
    found, start = _finished(rolling, keys, folder)
    for at, (window, key) in enumerate(zip(rolling.windows, keys, strict=True)):
        reused = at < len(found)
        if not reused:
            watch = listener.starts(f"{label} · {window.label}")
            result, weights = _window(rolling, window, system, seed, start, folder / "checkpoint" / key, watch)
            if rolling.mode == "incremental" and result.row["learns"]:
                start = weights
                if window is not rolling.windows[-1]:  # before the result: without them it would be of no help to the next window
                    Checkpoint({}, dict(weights)).write(folder / "weights" / f"{key}.safetensors")
            _keep(result, folder / "results" / key)
            shutil.rmtree(folder / "checkpoint" / key, ignore_errors=True)
            if at:
                remove(folder / "weights" / f"{keys[at - 1]}.safetensors")
            found.append(result)
        listener.ends({**found[at].row, "system": f"{label}, {window.label}, seed {seed}"}, reused)
    return found


def _window(
    rolling: Rolling, window: Window, system: System[Any], seed: int, start: Mapping[str, Tensor] | None, folder: Path, watch: Watch
) -> tuple[Result, Mapping[str, Tensor]]:
    """Train for one window and judge there: the result, and the weights."""
    began = time.perf_counter()
    before = window.split()
    training = before if start is None else window.split(newest=True)
    budget = None if rolling.budget is None else Budget.parse(rolling.budget)
    fitted = fit_system(system, training, budget=budget, seed=seed, folder=folder, watch=watch, start=start)
    found = evaluate(fitted.recommender.module, protocol(before, metrics=rolling.metrics, seed=before.seed), name=system.card.name)  # type: ignore[arg-type]
    steps = sum(stage.steps for stage in fitted.stages)
    row = {
        "system": system.card.name, "config": vars(fitted.recommender.system.config), "seed": seed, "window": window.label,
        "metrics": found.metrics, "cases": len(before.cases(Part.TEST)), "trained_on": int((training.train.lengths > 0).sum()),
        "learns": any(stage.ended != "closed form" for stage in fitted.stages), "steps": steps, "stages": fitted.history(),
        "seconds": {"fit": fitted.seconds, "evaluate": found.seconds, "total": time.perf_counter() - began}, "version": tastelm.__version__,
    }  # fmt: skip
    return Result(row, found.per_case), fitted.recommender.module.state_dict()


def _keys(rolling: Rolling, system: System[Any], seed: int) -> list[str]:
    """For each window 16 hex digits over all that decides its result, the windows before it included where it goes on from them."""
    keys: list[str] = []
    for fingerprint in rolling.fingerprints:
        before = keys[-1] if keys and rolling.mode == "incremental" else None
        settings = [system.card.name, decisive(system.config), rolling.budget, seed, rolling.mode, [str(metric) for metric in rolling.metrics]]
        parts = [settings, fingerprint, before, tastelm.__version__]
        keys.append(hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16])
    return keys


def _finished(rolling: Rolling, keys: Sequence[str], folder: Path) -> tuple[list[Result], Mapping[str, Tensor] | None]:
    """The results that are there from the first window on, and the weights that the next one begins from, if it begins from any.

    Where those are gone, none of the results is of use.
    """
    found: list[Result] = []
    for key in keys:
        stored = _stored(folder / "results" / key)
        if stored is None:
            break
        found.append(stored)
    if not found or len(found) == len(keys) or rolling.mode == "cold" or not found[-1].row["learns"]:
        return found, None
    try:
        return found, Checkpoint.read(folder / "weights" / f"{keys[len(found) - 1]}.safetensors").tensors
    except RunError:
        return [], None


def _keep(result: Result, place: Path) -> None:
    buffer = BytesIO()
    np.savez_compressed(buffer, values=np.stack([result.values[name] for name in result.row["metrics"]]))
    write_bytes(place.with_suffix(".npz"), buffer.getvalue())
    write_json(place.with_suffix(".json"), result.row)


def _stored(place: Path) -> Result | None:
    """A finished result, or None. One that cannot be read is made again."""
    try:
        row = json.loads(place.with_suffix(".json").read_bytes())
        with np.load(place.with_suffix(".npz"), allow_pickle=False) as arrays:
            values = dict(zip(row["metrics"], arrays["values"], strict=True))
        return Result(row, values) if isinstance(row["learns"], bool) else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None

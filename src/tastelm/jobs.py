"""One system on one data set, from settings to a run folder: what `fit` does, and what `compare` does for each row.

A job has a key, a hash of all that decides its result. A folder that holds a finished job of the same key is not trained
again; one that holds an unfinished one is gone on with; one that holds another job is refused.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tastelm
from tastelm import profiles
from tastelm.data.split import Part, Split
from tastelm.encoders import Encoder, tune_with
from tastelm.errors import OutputError, RunError, SettingError
from tastelm.evaluation import Evaluation, Protocol, evaluate, judged
from tastelm.explaining import Reasons, give_reasons
from tastelm.files import write_json
from tastelm.fitting import Fitted, fit_system
from tastelm.opinions import judge_opinions
from tastelm.plm.endpoint_lm import estimated
from tastelm.recommender import Recommender
from tastelm.runs import is_run, load, read_config
from tastelm.said import keep
from tastelm.settings import decisive
from tastelm.systems.base import System
from tastelm.systems.endpoints import EndpointConfig
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent, Watch

CHECKPOINTS = "checkpoint"


@dataclass(frozen=True)
class Job:
    """system: with its settings; split: what it is trained and judged on; budget: as the user wrote it, or None; seed: of the training;
    question: the task that it is judged by, None where it is judged as suits the system; encoder: one that was trained on other items, to begin with.

    Raises SettingError for a budget or seed that is none, or an encoder of another system.
    """

    system: System[Any]
    split: Split
    budget: str | None = None
    seed: int = 0
    question: Protocol | None = None
    encoder: Encoder | None = None

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise SettingError(f"seed: {self.seed!r} does not fit; it takes a whole number from 0 to {2**32 - 1}.")
        if self.budget is not None:
            Budget.parse(str(self.budget))
        if self.encoder is not None:
            self.encoder.check(self.system)

    @property
    def key(self) -> str:
        """16 hex digits over all that decides the result."""
        parts = [self.system.card.name, decisive(self.system.config), self.split.fingerprint, self.budget, self.seed, tastelm.__version__]
        if self.question is not None:
            parts.append(self.question.describe())
        if self.encoder is not None:
            parts.append(self.encoder.digest)
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def describe(self) -> dict[str, Any]:
        """The tables `run`, `data` of config.toml."""
        data = self.split.dataset
        run: dict[str, Any] = {"key": self.key, "seed": self.seed, "budget": self.budget or "none", "split": self.split.protocol, "split_seed": self.split.seed}
        run |= {} if self.question is None else {"task": self.question.task, "split_fingerprint": self.split.fingerprint}
        run |= {} if self.encoder is None else {"encoder": self.encoder.digest}
        return {"run": run, "data": describe_data(self.split)} | ({} if not data.notes else {"notes": {"reader": list(data.notes)}})


def describe_data(split: Split) -> dict[str, Any]:
    """What a leaderboard and a run say of their data."""
    data = split.dataset
    return {"name": data.name, "fingerprint": data.fingerprint, "users": data.n_users, "items": data.n_items, "interactions": len(data)}


def finished(job: Job, folder: Path) -> bool:
    """Whether the folder holds this job, finished. Raises OutputError if it holds another, or one that is not finished."""
    if is_run(folder):
        config = read_config(folder)
        if config["run"].get("key") == job.key:
            return True
        what = f"a run of {config['run']['system']} on {config.get('data', {}).get('name', 'other data')} with other settings, seed or data"
        raise OutputError(f"{folder} holds {what}. Choose another --out, or delete the folder.")
    claim = folder / CHECKPOINTS / "job.json"
    if claim.is_file():
        try:
            key = json.loads(claim.read_bytes())["key"]
        except (ValueError, KeyError, TypeError):
            raise RunError(f"{claim}: the file is damaged. Delete {folder} to begin the training again.") from None
        if key != job.key:
            raise OutputError(f"{folder} holds the unfinished training of another command. Choose another --out, or delete the folder.")
    return False


def run_job(job: Job, folder: Path | None = None, *, watch: Watch | None = None) -> Recommender:
    """Train the job and write its run folder, or load it from there if it is finished.

    Without a folder nothing is written, nor in a dry run. Raises OutputError if the folder holds something else or cannot be written.
    """
    if is_dry(job.system):
        return dry_run(job, watch=watch)
    if folder is not None and finished(job, folder):
        return load(folder)
    checkpoints = folder / CHECKPOINTS if folder is not None else None
    if checkpoints is not None:
        write_json(checkpoints / "job.json", {"key": job.key, "system": job.system.card.name})
    budget = Budget.parse(job.budget) if job.budget is not None else None
    try:
        begun = fit_system if job.encoder is None else partial(tune_with, job.encoder)
        fitted = begun(job.system, job.split, budget=budget, seed=job.seed, folder=checkpoints, watch=watch or Silent())
        said = give_reasons(fitted.recommender, job.split, seed=job.split.seed)
        metrics = _metrics(fitted, job, said)
    except BaseException:
        if checkpoints is not None:
            _unclaim(checkpoints)
        raise
    recommender = fitted.recommender
    recommender.about = job.describe() | {"metrics": metrics}
    if folder is not None and checkpoints is not None:
        recommender.save(folder)
        if said is not None:
            keep(said, job.split, folder)
        shutil.rmtree(checkpoints)
    return recommender


def is_dry(system: System[Any]) -> bool:
    """Whether a system would ask an endpoint, and is told not to."""
    return isinstance(system.config, EndpointConfig) and system.config.dry


def dry_run(job: Job, question: Protocol | None = None, *, watch: Watch | None = None) -> Recommender:
    """Print every prompt that the job, and the question that a comparison puts on top of it, would send to an endpoint, and what all would cost.

    There is no score and nothing is written: `about["metrics"]` holds the estimate, `dry_run`.
    """
    fitted = fit_system(job.system, job.split, seed=job.seed, watch=watch or Silent())
    _metrics(fitted, job, None)  # endpoints give no reasons
    if question is not None:
        evaluate(fitted.recommender.module, question, name=fitted.recommender.name)  # type: ignore[arg-type]
    found = estimated(fitted.recommender.module)
    print(f"{fitted.recommender.name}: {found}.")
    fitted.recommender.about = job.describe() | {"metrics": {"dry_run": found._asdict()}}
    return fitted.recommender


def _unclaim(checkpoints: Path) -> None:
    """Leave no claim on a folder in which nothing was trained that could be gone on with."""
    if [path.name for path in checkpoints.iterdir()] == ["job.json"]:
        shutil.rmtree(checkpoints)
        if not any(checkpoints.parent.iterdir()):
            checkpoints.parent.rmdir()


def _metrics(fitted: Fitted, job: Job, said: Reasons | None) -> dict[str, Any]:
    """The content of metrics.json: scores on the valid and the test part as far as the split has them and the system ranks anything, how well what
    users are is told, reasons are given or ratings are foreseen, and how the training went. A task is asked alone: its scores stand beside no others."""
    split, judging, scores = job.split, fitted.recommender.system.judging, dict[str, Any]()
    for part in (Part.VALID, Part.TEST) if job.question is None else (Part.TEST,):
        if fitted.recommender.ranks and (split.part == part).any():
            question = job.question or judged(split, part, judging, most=judging.cases, seed=split.seed)
            scores[part.name.lower()] = plain(evaluate(fitted.recommender.module, question, name=fitted.recommender.name), question.describe())  # type: ignore[arg-type]
    if fitted.recommender.tells_profiles:
        scores["profile"] = {part.name.lower(): profiles.plain(profiles.tells(fitted.recommender, split, part)) for part in (Part.VALID, Part.TEST)}
    scores |= {name: {"test": told} for name, told in judge_opinions(fitted.recommender, split, said=said).items()}
    fit = {"seconds": fitted.seconds, "peak_mib": fitted.peak_mib, "parameters": fitted.parameters, "stages": fitted.history()}
    return {**scores, "fit": fit}


def plain(evaluation: Evaluation, question: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation as plain values."""
    told = {"metrics": evaluation.metrics, "ci95": evaluation.ci95, "seconds": evaluation.seconds, "protocol": dict(question)}
    return told if evaluation.cost is None else told | {"cost": evaluation.cost._asdict()}

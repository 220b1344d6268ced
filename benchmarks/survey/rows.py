"""What the scripts of this folder share: the data sets, and one training as a row that is stored with the values of its users."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import HERE, ROOT, SEED, command, data_file  # sets the threads, before torch is imported
from machine import machine

import tastelm as tl
from tastelm.data.split import Split
from tastelm.evaluation import Protocol, evaluate
from tastelm.files import write_json
from tastelm.jobs import Job, run_job
from tastelm.metrics import Metric
from tastelm.per_case import kept, read_values, write_values
from tastelm.recommender import Recommender

SETS = {"Beauty": "Beauty", "Sports": "Sports_and_Outdoors", "Yelp": "Yelp"}
RESULTS = HERE / "results" / "survey"
SETTINGS = Path(__file__).resolve().parent / "settings"
MAIN = Metric("ndcg", 10)


def split_of(name: str) -> Split:
    """The data set under leave-one-out. Raises Missing."""
    return tl.split(tl.read(data_file(SETS[name])))


def stored(place: Path, key: str) -> dict[str, Any] | None:
    """A row that is there already with all it needs, or None."""
    if not place.is_file() or not read_values(place):
        return None
    row: dict[str, Any] = json.loads(place.read_bytes())
    return row if row["key"] == key else None


def judge(model: Recommender, question: Protocol, key: str, place: Path, **more: Any) -> dict[str, Any]:
    """Evaluate, and store the row and the values of the users."""
    found = evaluate(model.module, question, name=model.name)  # type: ignore[arg-type]
    row = {"system": model.name, "key": key, "main": str(MAIN), "version": tl.__version__, "config": vars(model.system.config), **more}
    row |= {"metrics": found.metrics, "ci95": found.ci95, "protocol": question.describe()}
    write_values(place, kept(found.per_case, MAIN))
    write_json(place, row)
    return row


def train(job: Job, question: Protocol, place: Path, runs: Path, **more: Any) -> dict[str, Any]:
    """The row of a job: the stored one, or a new training (in `runs`, gone on with if it was interrupted) and evaluation."""
    found = stored(place, job.key)
    if found is not None:
        return found
    model = run_job(job, runs / f"{job.system.card.name}-{job.key}")
    fit = model.about["metrics"]["fit"]
    told = {"seed": job.seed, "budget": job.budget, "seconds": fit["seconds"], "stages": [_short(stage) for stage in fit["stages"]]}
    told |= {"machine": machine()["words"], "command": command()}
    return judge(model, question, job.key, place, **told, valid=model.about["metrics"]["valid"]["metrics"], **more)


def _short(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stage[name] for name in ("name", "steps", "epochs", "seconds", "best", "ended", "trained_parameters", "parameters")}


__all__ = ["MAIN", "RESULTS", "ROOT", "SEED", "SETS", "SETTINGS", "judge", "split_of", "stored", "train"]

"""Many systems, one protocol, one leaderboard."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

import tastelm
from tastelm.card import Question
from tastelm.contest import Contest
from tastelm.data.explanations import explains
from tastelm.data.protocols import Part
from tastelm.errors import MissingExtra, OutputError, SettingError, TasteLMError
from tastelm.evaluation import Protocol, evaluate
from tastelm.evidence import FORMAT, RECORD, Evidence
from tastelm.files import write_array, write_json, write_text
from tastelm.jobs import Job, describe_data, dry_run, is_dry, run_job
from tastelm.leaderboard import Leaderboard, to_markdown
from tastelm.metrics import Metric, compare_systems
from tastelm.per_case import DAMAGED, kept, read_values, write_values
from tastelm.runs import is_run
from tastelm.said import said_by
from tastelm.settings import searched
from tastelm.systems.catalogue import names, system
from tastelm.train.progress import Silent, Watch
from tastelm.tuning import Deaf as DeafToTrials
from tastelm.tuning import Effort, Tuning, ranks, tune
from tastelm.tuning import Listener as TrialListener

# What the table is sorted by, and what the paired tests are about; where it is not asked for, the first metric is.
MAIN = "ndcg@10"


class Listener(Interface):
    """Told how a comparison goes on."""

    def starts(self, name: str) -> Watch:
        """A system begins; what is returned watches its training."""

    def tunes(self, name: str) -> TrialListener:
        """The settings of a system are about to be searched; what is returned is told of the trials."""

    def ends(self, row: Mapping[str, Any], reused: bool) -> None:
        """A row is done."""


class Deaf:
    """Hears nothing."""

    def starts(self, name: str) -> Watch:
        return Silent()

    def tunes(self, name: str) -> TrialListener:
        return DeafToTrials()

    def ends(self, row: Mapping[str, Any], reused: bool) -> None: ...


@dataclass(frozen=True)
class Comparison:
    """What is to be compared.

    question  the protocol, the same for every system
    systems   their names, in the order of the rows
    settings  system name -> settings that differ from its defaults
    budget    for each system, as the user wrote it
    seed      of every training
    command   what repeats the comparison, for the report
    tuning    what the search for settings may cost, alike for every system; None leaves all at their defaults

    Raises SettingError where settings are to be searched under a task that has nobody to choose them by.
    """

    question: Protocol
    systems: Sequence[str]
    settings: Mapping[str, Mapping[str, Any]]
    budget: str | None = None
    seed: int = 0
    command: str | None = None
    tuning: Effort | None = None

    def __post_init__(self) -> None:
        if self.tuning is not None and self.question.task and not (self.question.split.part == Part.VALID).any():
            raise SettingError(
                f"--tune chooses settings by what others liked, but {self.question.task} has no others. "
                "Name them, as in --protocol liked:others=all, or leave --tune out."
            )

    def jobs(self) -> list[Job]:
        """One job a system. Raises SettingError for unknown systems and settings, before anything is trained."""
        split, task = self.question.split, self.question if self.question.task else None
        return [Job(system(name).create(self.settings.get(name, {})), split, self.budget, self.seed, task) for name in self.systems]


def parse_systems(text: str) -> list[str]:
    """`a,b,c` -> its names, each once. Raises SettingError for unknown names and an empty list."""
    found = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise SettingError(f"--systems is empty; known are: {', '.join(names())}.")
    for name in found:
        system(name)
    return found


def parse_settings(assignments: Mapping[str, Any], systems: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`{"sasrec.dropout": 0.3}` -> `{"sasrec": {"dropout": 0.3}}`. A setting without a system goes to the only one there is.

    Raises SettingError if it is not clear which system is meant, if it is not among `systems`, and if a setting is given twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, value in assignments.items():
        owner, dot, setting = name.partition(".")
        if not dot:
            if len(systems) != 1:
                raise SettingError(f"--set {name}={value}: say of which system, as in --set {systems[0]}.{name}={value}.")
            owner, setting = systems[0], name
        if owner not in systems:
            raise SettingError(f"--set {name}={value}: '{owner}' is not trained here, only {', '.join(systems)}.")
        if setting in found.setdefault(owner, {}):
            raise SettingError(f"--set gives '{owner}.{setting}' twice: {found[owner][setting]} and {value}. Keep one.")
        found[owner][setting] = value
    return found


def compare(comparison: Comparison, folder: Path, *, listener: Listener | None = None) -> Leaderboard:
    """Train and judge every system, each in a run folder of its own under `folder/runs`, and write the leaderboard.

    Where settings are tuned, each system's study stands in a folder of its own under `folder/tuning`, and is gone on with. Rows that
    are finished are used again; a system that fails is a row with its error, and the others go on. A system that ranks nothing is a row without
    metrics. Reasons, where systems give any, are compared on the same interactions. The leaderboard is written anew after every row, so that an
    interrupted comparison leaves what it has. Dry runs print what they would ask and have no row; where there is no other, nothing is written.

    Raises OutputError if the folder holds the leaderboard of other data, or cannot be written, MissingExtra where tuning needs one.
    """
    refuse_other_data(folder / "leaderboard.json", comparison.question.split.dataset.fingerprint, what="leaderboard")
    listener = listener or Deaf()
    every, rows, values = comparison.jobs(), list[dict[str, Any]](), dict[str, NDArray[np.float64]]()
    for job in filter(lambda job: is_dry(job.system), every):
        dry_run(job, comparison.question)
    jobs = [job for job in every if not is_dry(job.system)]
    evidence, contest = Evidence(comparison.question), Contest(comparison.question.split)
    if not jobs:
        return _board(comparison, rows, values, contest)
    if comparison.question.negatives is not None:
        write_array(folder / f"candidates-{comparison.question.ranking}.npy", comparison.question.negatives)
    # Before the first training, so that an interrupted comparison is known as one.
    asked = {job.system.card.name: _key(job, comparison.question, None) for job in jobs}
    account = evidence.record(asked, comparison.command)
    write_json(folder / RECORD, account)
    board = _board(comparison, rows, values, contest)
    for job in jobs:
        row, per_case, reused, run = _row(job, comparison, evidence, folder, listener)
        if row["key"] != asked[job.system.card.name]:  # its settings were searched first
            account["asked"] = asked = asked | {job.system.card.name: row["key"]}
            write_json(folder / RECORD, account)
        rows.append(row)
        if per_case is not None:
            values[job.system.card.name] = per_case
        if run is not None and (said := said_by(run, comparison.question.split)) is not None:
            contest.enter(job.system.card.name, said)
        listener.ends(row, reused)
        board = _board(comparison, rows, values, contest)
        write_json(folder / "leaderboard.json", board.to_dict())
        write_text(folder / "leaderboard.md", to_markdown(board))
    write_json(folder / RECORD, account | {"probes": evidence.probes(rows, main_metric(comparison.question))})
    return board


def refuse_other_data(place: Path, fingerprint: str, *, what: str) -> None:
    """Raises OutputError if `what` of other data stands at `place`: it would be written over."""
    try:
        there = json.loads(place.read_bytes())["data"]
        known, name = there["fingerprint"], there["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # nothing, or nothing that could be lost
    if known != fingerprint:
        raise OutputError(f"{place.parent} holds the {what} of {name} (data {known}). Choose another --out, or delete the folder.")


class _Made(NamedTuple):
    """The row of a job, its values of the main metric for each case where it has any, whether it was there already, and its run folder unless it failed."""

    row: dict[str, Any]
    values: NDArray[np.float64] | None
    reused: bool = False
    run: Path | None = None


def _row(job: Job, comparison: Comparison, evidence: Evidence, folder: Path, listener: Listener) -> _Made:
    question, name = comparison.question, job.system.card.name
    place = folder / "rows" / f"{name}.json"
    row: dict[str, Any] = {"system": name, "key": _key(job, question, None), "seed": job.seed, "version": tastelm.__version__}
    row |= {"config": vars(job.system.config), "protocol": question.describe(), "main": str(main_metric(question))}
    try:
        job, tuning = _tuned(job, comparison, folder, listener)
        key, run = _key(job, question, tuning), folder / "runs" / f"{name}-{job.key}"
        if (stored := _stored(place, key)) is not None and _will_do(stored[0], job, run):
            return _Made(*stored, reused=True, run=run)
        row |= {"key": key} if tuning is None else {"key": key, "tuning": tuning}
        began = time.perf_counter()
        recommender = run_job(job, run, watch=listener.starts(name))
        evaluation = evaluate(recommender.module, question, name=name) if recommender.ranks else None  # type: ignore[arg-type]
        fit = recommender.about["metrics"]["fit"]
        row |= {"ranks": recommender.ranks, "reasons": "explanation" in recommender.about["metrics"], "stages": fit["stages"]}
        row |= {
            "metrics": {} if evaluation is None else evaluation.metrics,
            "ci95": {} if evaluation is None else evaluation.ci95,
            "seconds": {"fit": fit["seconds"], "evaluate": 0.0 if evaluation is None else evaluation.seconds, "total": time.perf_counter() - began},
            "peak_mib": fit["peak_mib"],
            "parameters": fit["parameters"],
            "config": vars(recommender.system.config),
            "validation": recommender.about["metrics"].get("valid", {}).get("metrics", {}),
        }
        per_case = {} if evaluation is None else evaluation.per_case
        if evaluation is not None:
            row |= {"evidence": evidence.of(evaluation, main_metric(question))} | ({} if evaluation.cost is None else {"cost": evaluation.cost._asdict()})
        values = kept(per_case, main_metric(question))
    except (OutputError, MissingExtra):
        raise  # the system is not to blame, and the next one would fail too
    except (TasteLMError, ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
        row["error"] = str(error) if isinstance(error, TasteLMError) else f"{type(error).__name__}: {error}"
        return _Made(row, None)
    write_values(place, values)
    write_json(place, row)
    return _Made(row, per_case.get(str(main_metric(question))), run=run)


def _will_do(row: Mapping[str, Any], job: Job, run: Path) -> bool:
    """Whether a stored row tells all: one of a system that explains, whether it ranks anything too; and reasons stand in the run alone."""
    reasons = job.system.card.task is Question.EXPLANATION
    return ("ranks" in row or not reasons) and (is_run(run) or not row.get("reasons", reasons and explains(job.split)))


def _tuned(job: Job, comparison: Comparison, folder: Path, listener: Listener) -> tuple[Job, dict[str, Any] | None]:
    """The job with the best settings on the validation part, and what the search came to; as it is without a search space, or where it ranks nothing."""
    if comparison.tuning is None:
        return job, None
    kind, name = type(job.system), job.system.card.name
    fixed = comparison.settings.get(name, {})
    if not searched(kind.create(fixed).config, fixed) or not ranks(job.system, job.split):
        return job, {"trials": 0, "seconds": 0.0, "space": {}, "value": None}
    tuning = Tuning(kind, fixed, job.split, comparison.tuning, str(main_metric(comparison.question)), job.seed)
    study = tune(tuning, folder / "tuning" / f"{name}-{tuning.key}", listener=listener.tunes(name))
    return replace(job, system=kind.create(study.best)), study.summary()


def _key(job: Job, question: Protocol, tuning: Mapping[str, Any] | None) -> str:
    """16 hex digits over all that a row says, but for how long things took."""
    tuned = None if tuning is None else {name: value for name, value in tuning.items() if name != "seconds"}
    parts = [job.key, question.describe(), [str(metric) for metric in question.metrics], FORMAT, tuned]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _stored(place: Path, key: str) -> tuple[dict[str, Any], NDArray[np.float64] | None] | None:
    """A finished row of that key, or None. A row that cannot be read is made again."""
    try:
        row = json.loads(place.read_bytes())
        if row["key"] != key:
            return None
        return row, read_values(place).get(row["main"])
    except (KeyError, TypeError, *DAMAGED):
        return None


def _board(comparison: Comparison, rows: list[dict[str, Any]], values: Mapping[str, NDArray[np.float64]], contest: Contest) -> Leaderboard:
    question, main = comparison.question, main_metric(comparison.question)
    order = sorted(rows, key=lambda row: ("error" not in row, _merit(row, main)), reverse=True)
    told = {name: array for name, array in values.items() if not np.isnan(array).all()}
    tests = compare_systems(told, higher_is_better=main.higher_is_better, resamples=1999) if len(told) > 1 else []
    return Leaderboard(
        data=describe_data(question.split) | {"notes": list(question.split.dataset.notes)},
        protocol=question.task or str(question.ranking),
        evaluation=question.describe() | {"metrics": [str(metric) for metric in question.metrics], "main": str(main)},
        budget=comparison.budget,
        rows=order,
        tests=[asdict(test) for test in tests],
        reasons=contest.table(),
    )


def main_metric(question: Protocol) -> Metric:
    """What the table is sorted by."""
    return next((metric for metric in question.metrics if str(metric) == MAIN), question.metrics[0])


def _merit(row: Mapping[str, Any], metric: Metric) -> float:
    """What a row is sorted by; failed rows, and those without a number, stand last."""
    value = row.get("metrics", {}).get(str(metric))
    if value is None or np.isnan(value):
        return -np.inf
    return float(value if metric.higher_is_better else -value)

"""Is a prompt made of the profile worth anything to users of whom little is known? MovieLens-100K, users held out, few events shown.

    python benchmarks/ppr.py --seeds 0,1,2               # every arm of every seed that is not there yet
    python benchmarks/ppr.py --arms light,frozen         # some of them; a killed run goes on where it stood
    python benchmarks/ppr.py --table                     # all rows as results/ppr/ppr.md

A seed decides the training and which users are held out: a fifth for the test, a fifth to tell when to stop. Each of the test users is
asked for with the first 0, 1, 3 and 5 events as history; the event that followed is to be found among all films. All arms of a seed start
from one pre-training, which is `frozen`. Beside the prompt alone (`light`) and with the model (`full`): `fine-tuning`, the model tuned whole
on the same first events without a prompt; `shuffled`, light with the profiles of other users, whose gain must vanish; popularity; and
popularity given the profile. Both count all events of the training users or their first ones, whichever is better on the validation
users, and so is the smoothing of the second chosen. A training is a file of `results/ppr/rows/`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from accuracy import SETS
from common import HERE, ROOT, THREADS, command  # sets the threads, before torch is imported
from numpy.typing import NDArray

import tastelm as tl
from tastelm.data.sequences import Sequences
from tastelm.data.split import Cases, Part, Split
from tastelm.evaluation import Evaluation, evaluate, protocol
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.jobs import Job
from tastelm.metrics import bootstrap_ci, paired_test, parse_metrics
from tastelm.objectives.autoregressive import NextItem
from tastelm.settings import parse_assignments
from tastelm.strategies import Holistic
from tastelm.systems.base import ItemScorer
from tastelm.systems.cold import first, first_of_judges, profile_codes
from tastelm.systems.prompt_tuning.ppr import PPR
from tastelm.threads import use_threads
from tastelm.train.budget import Budget
from tastelm.train.stage import Stage
from tastelm.views import ItemSequences

PROFILE = "gender,age:25/35/50,occupation"
SHOWN = (0, 1, 3, 5)
# Users with at most three events, taken together.
FEW = (0, 1, 3)
METRICS = parse_metrics("hr@10 ndcg@10")
TRAINED = ("light", "full", "fine-tuning", "frozen", "shuffled")
ARMS = ("popularity", "profile-popularity", *TRAINED)
WORDS = {
    "popularity": "popularity", "profile-popularity": "popularity given the profile", "frozen": "pre-trained, no prompt", "light": "prompt (light)",
    "full": "prompt and model (full)", "fine-tuning": "model alone, tuned", "shuffled": "prompt, profiles shuffled",
}  # fmt: skip
# Events with which a film's share in a profile is drawn towards its share among all; infinite is popularity itself.
SMOOTHINGS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class FineTuning(PPR):
    """The pre-trained model tuned whole on the first events of the training users, without a prompt."""

    def stages(self, split: Split) -> Iterator[Stage]:
        config = self.config
        stage = replace(next(super().stages(split)), name="pre-train", share=0.7)
        yield stage
        cold = min(config.cold, config.max_len)
        view = ItemSequences(first(split.train, cold), cold, overlap=1, targets=config.batch)
        yield replace(
            stage, name="tune", view=view, objective=NextItem(config.item_loss()), strategy=Holistic(), share=0.3, monitor="likelihood",
            descent=replace(config, lr=config.tune_lr).descent(), judges=replace(view, sequences=first_of_judges(split, cold)),
        )  # fmt: skip


class Counted(torch.nn.Module):
    """Scores that are known beforehand, a row for each user; histories change nothing."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        super().__init__()
        self.scores = torch.from_numpy(scores.astype(np.float32))

    def item_scores(self, histories: Sequences, users: NDArray[np.int32]) -> torch.Tensor:
        return self.scores[torch.from_numpy(users.astype(np.int64))]


def asked(split: Split, part: Part, shown: int) -> Cases:
    """The users of `part` with their first `shown` events as history, and the event that followed; those of whom no more is known are left out."""
    cases = split.cases(part)
    enough = np.flatnonzero(cases.histories.lengths > shown)
    histories = cases.histories.take(enough)
    return Cases(cases.users[enough], first(histories, shown), histories.windows(histories.offsets[:-1] + shown, np.ones(len(histories), np.int64)))


def judged(scorer: ItemScorer, split: Split, part: Part, shown: int) -> Evaluation:
    """Full ranking, the shown films set aside."""
    return evaluate(scorer, replace(protocol(split, part=part, metrics=METRICS), cases=asked(split, part, shown)))


def popularity(events: Sequences, n_items: int) -> NDArray[np.float64]:
    """(U, N) logarithms of how often each film was met, one row for all."""
    counts = np.log(np.bincount(events.values, minlength=n_items) + 1.0)
    return np.broadcast_to(counts, (len(events), n_items))


def profile_popularity(events: Sequences, n_items: int, codes: NDArray[np.int64], smoothing: float) -> NDArray[np.float64]:
    """(U, N) log p(film) + sum over attributes of log p(attribute of the user | film) - log p(attribute): naive Bayes. An attribute that is
    not known says nothing."""
    scores = popularity(events, n_items).copy()
    for attribute in codes.T:
        owners, known = attribute[events.owners], attribute >= 0
        counts = np.zeros((attribute.max() + 1, n_items))
        np.add.at(counts, (owners[owners >= 0], events.values[owners >= 0]), 1)
        share = counts.sum(1, keepdims=True) / counts.sum()
        lift = np.log((counts / share + smoothing) / (counts.sum(0) + smoothing))
        scores[known] += lift[attribute[known]]
    return scores


def counted(arm: str, split: Split, system: PPR) -> tuple[Counted, dict[str, Any]]:
    """The popularity that is best on the validation users, over all numbers of events shown, and how it counts."""
    codes, found = profile_codes(split, system.sizes(split).profile), list[tuple[float, Counted, dict[str, Any]]]()
    for name, events in (("all", split.train), ("first", first(split.train, system.config.cold))):
        for smoothing in SMOOTHINGS if arm == "profile-popularity" else (None,):
            scores = popularity(events, len(split.items)) if smoothing is None else profile_popularity(events, len(split.items), codes, smoothing)
            scorer = Counted(scores)
            value = float(np.mean([judged(scorer, split, Part.VALID, shown).metrics["ndcg@10"] for shown in SHOWN]))
            found.append((value, scorer, {"events": name, "smoothing": smoothing, "valid": value}))
    _, scorer, about = max(found, key=lambda entry: entry[0])
    return scorer, about


def shuffled(data: tl.Dataset, seed: int) -> tl.Dataset:
    """The same data with whole profiles handed to other users."""
    assert data.users is not None
    order = np.random.default_rng(seed).permutation(len(data.users))
    return replace(data, users=data.users.select("user").hstack(data.users.drop("user")[pl.Series(order)]))


class Work:
    """The arms of one seed, and where their trainings stand that are not finished."""

    def __init__(self, args: argparse.Namespace, data: tl.Dataset, seed: int) -> None:
        self.budget, self.seed, self.data = args.budget, seed, data
        self.settings = {"profile": PROFILE} | parse_assignments(args.set)
        self.split = tl.split(data, "cold-users:0.2", seed=seed)
        self.key = Job(self.system("light"), self.split, args.budget, seed).key
        self.folder = ROOT / "runs" / f"bench-ppr-{seed}-{self.key}"

    def system(self, arm: str) -> PPR:
        tune = {"full": "full", "fine-tuning": "none", "frozen": "none"}.get(arm, "light")
        made = (FineTuning if arm == "fine-tuning" else PPR).create(self.settings | {"tune": tune})
        assert isinstance(made, PPR)
        return made

    def row(self, arm: str) -> dict[str, Any]:
        """What the arm scores on the test users, for each number of events shown."""
        began = time.perf_counter()
        if arm in TRAINED:
            split = tl.split(shuffled(self.data, self.seed), "cold-users:0.2", seed=self.seed) if arm == "shuffled" else self.split
            scorer, about = self._fit(arm, split)
        else:
            split = self.split
            scorer, about = counted(arm, split, self.system("light"))
        shown = {str(count): self._scores(scorer, split, count) for count in SHOWN}
        about |= {"seconds": time.perf_counter() - began, "fingerprint": split.fingerprint}
        return {"arm": arm, "seed": self.seed, "key": self.key, **about, "shown": shown}

    def _scores(self, scorer: Any, split: Split, count: int) -> dict[str, Any]:
        cases, found = asked(split, Part.TEST, count), judged(scorer, split, Part.TEST, count)
        per_user = {str(metric): dict(zip(split.users.decode(cases.users), found.per_case[str(metric)].tolist(), strict=True)) for metric in METRICS}
        never = float((split.popularity[cases.targets.values] == 0).mean())
        return {"metrics": found.metrics, "ci95": found.ci95, "targets_never_trained": never, "per_user": per_user}

    def _fit(self, arm: str, split: Split) -> tuple[Any, dict[str, Any]]:
        """Train from the pre-training that all arms of the seed share: no profile and no second stage has a part in it."""
        shared, folder = self.folder / "stage-0.safetensors", self.folder / arm
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / shared.name
        if shared.exists() and not own.exists():
            shutil.copy(shared, own)
        fitted = fit_system(self.system(arm), split, budget=Budget.parse(self.budget) if self.budget else None, seed=self.seed, folder=folder)
        if not shared.exists():
            shutil.copy(own, shared)
        last = fitted.stages[-1]
        about = {"stages": fitted.history(), "trained": last.trained_parameters, "parameters": last.parameters, "fit_seconds": fitted.seconds}
        return fitted.recommender.module, about


def table(rows: list[dict[str, Any]]) -> str:
    """All rows as Markdown: a part for each number of events shown."""
    lines = ["# Prompts made of profiles", ""]
    lines += ["MovieLens-100K, users held out, full ranking of the film that followed. A user whom several seeds hold out counts once, with the mean;"]
    lines += ["95 % bootstrap intervals over users; differences to the pre-trained model over the same users of the same seeds.", ""]
    for shown in (*((count,) for count in SHOWN), FEW):
        lines += [f"## {', '.join(map(str, shown))} events shown" + (", each user's mean" if len(shown) > 1 else ""), ""]
        lines += ["| arm | seeds | users | HR@10 | NDCG@10 | HR@10 less frozen | NDCG@10 less frozen | p | NDCG@10 less tuned | trained | seconds |"]
        lines += ["|" + "---|" * 11]
        lines += ["| " + " | ".join(_cells(arm, rows, shown)) + " |" for arm in ARMS if any(row["arm"] == arm for row in rows)]
        lines.append("")
    never = sorted({f"{row['shown'][str(shown)]['targets_never_trained']:.1%}" for row in rows for shown in SHOWN})
    return "\n".join([*lines, f"Films to be found that no training user met: {' to '.join(dict.fromkeys((never[0], never[-1]))) if never else '-'}.", ""])


def _cells(arm: str, rows: list[dict[str, Any]], shown: tuple[int, ...]) -> list[str]:
    found = [row for row in rows if row["arm"] == arm]
    values = {str(metric): _by_user([_scored(row, shown, str(metric)) for row in found]) for metric in METRICS}
    own = [_interval(np.array(list(scores.values())), "{:.4f}") for scores in values.values()]
    frozen = [_less(found, rows, "frozen", shown, str(metric)) for metric in METRICS]
    tuned = _less(found, rows, "fine-tuning", shown, str(METRICS[-1]))
    trained = f"{found[0]['trained'] / found[0]['parameters']:.1%}" if "trained" in found[0] and arm != "frozen" else "-"
    seconds = f"{np.mean([row['seconds'] for row in found]):.0f}"
    seeds, users = ", ".join(str(row["seed"]) for row in found), str(len(values[str(METRICS[0])]))
    return [WORDS[arm], seeds, users, *own, *(less for less, _ in frozen), frozen[-1][1], tuned[0], trained, seconds]


def _less(found: list[dict[str, Any]], rows: list[dict[str, Any]], other: str, shown: tuple[int, ...], metric: str) -> tuple[str, str]:
    """How far an arm is above another over the same users of the same seeds, with its interval, and p of the paired test."""
    base = {row["seed"]: row for row in rows if row["arm"] == other}
    paired = [row for row in found if row["seed"] in base and row["arm"] != other]
    if not paired:
        return "-", "-"
    ours, theirs = (_by_user([_scored(row, shown, metric) for row in those]) for those in (paired, [base[row["seed"]] for row in paired]))
    a, b = (np.array([side[user] for user in ours]) for side in (ours, theirs))
    return _interval(a - b, "{:+.4f}"), f"{paired_test(a, b):.3f}"


def _scored(row: dict[str, Any], shown: tuple[int, ...], metric: str) -> dict[str, float]:
    """User -> the mean over how many events are shown."""
    return _by_user([row["shown"][str(count)]["per_user"][metric] for count in shown])


def _interval(values: NDArray[np.float64], form: str) -> str:
    low, high = bootstrap_ci(values)
    return f"{form.format(float(np.mean(values)))} [{form.format(float(low))}, {form.format(float(high))}]"


def _by_user(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each user over the seeds that hold the user out."""
    found = dict[str, list[float]]()
    for row in rows:
        for user, value in row.items():
            found.setdefault(user, []).append(value)
    return {user: float(np.mean(values)) for user, values in sorted(found.items())}


def _read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted((folder / "rows").glob("*.json"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--set", action="append", default=[], help="a setting of ppr, as n_prompt=4")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--budget", help="longest training, as 60steps for a smoke run")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "ppr")
    args = parser.parse_args()
    use_threads(THREADS)
    arms = args.arms.split(",")
    if unknown := set(arms) - set(ARMS):
        parser.error(f"--arms: {', '.join(sorted(unknown))} is not known; there are {', '.join(ARMS)}")
    if not args.table:
        measure(args, arms)
    write_text(args.out / "ppr.md", table(_read(args.out)))


def measure(args: argparse.Namespace, arms: list[str]) -> None:
    """Write the rows that are not there yet; one of other settings is made anew."""
    about = {"command": command(), "settings": args.set, "budget": args.budget}
    about |= {"version": tl.__version__, "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}"}
    data = tl.read(SETS["ml-100k"])
    for seed in map(int, args.seeds.split(",")):
        work = Work(args, data, seed)
        for arm in (arm for arm in ARMS if arm in arms):
            place = args.out / "rows" / f"{arm}-{seed}.json"
            if place.is_file() and json.loads(place.read_bytes())["key"] == work.key:
                continue
            row = about | work.row(arm)
            write_json(place, row)
            print(
                arm,
                "seed",
                seed,
                {count: round(found["metrics"]["ndcg@10"], 4) for count, found in row["shown"].items()},
                f"{row['seconds']:.0f} s",
                flush=True,
            )
        if set(arms) >= set(TRAINED):
            shutil.rmtree(work.folder, ignore_errors=True)


if __name__ == "__main__":
    main()

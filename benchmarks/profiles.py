"""What peterrec's patches are worth: telling users' attributes from what they met, and the next item, beside tuning everything.

    python benchmarks/profiles.py profile --seeds 0,1,2      # ML-100K: gender, age band and occupation of users held out
    python benchmarks/profiles.py next --seeds 0,1,2         # Beauty: the next item before and after tuning
    python benchmarks/profiles.py --table                    # all lines as results/profiles/profiles.md

Each training is a line of `results/profiles/*.jsonl`; one that is there is not trained again, and one that is killed goes on where it stood.
A seed decides the training and, for profiles, which users are held out: a fifth for the test, a fifth to tell when to stop. The second
stages of a seed start from one pre-training, which they share. The rivals: what is most common among the training users, and a logistic
regression on bags of items, its penalty chosen by the likelihood of the users who tell the others when to stop.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy import SETS
from common import HERE, ROOT, THREADS, command  # sets the threads, before torch is imported
from torch.nn import functional as F

import tastelm as tl
from tastelm.data.profile import Learners, attributes, users_table
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.evaluation import evaluate, protocol
from tastelm.files import write_text
from tastelm.fitting import Fitted, fit_system
from tastelm.jobs import Job
from tastelm.metrics import bootstrap_ci, paired_test, parse_metrics, ratio_ci
from tastelm.metrics.classes import hits
from tastelm.profiles import held_out, plain, tells, told
from tastelm.settings import parse_assignments
from tastelm.strategies import group_of, snapshot
from tastelm.systems.catalogue import system
from tastelm.threads import use_threads
from tastelm.train.budget import Budget
from tastelm.train.checkpoint import Checkpoint

PROFILES = ("gender", "age:25/35/50", "occupation")
TUNES = ("patches", "head", "all")
WORDS = {"patches": "patches + head", "head": "head alone", "all": "everything", "regression": "regression on bags", "majority": "most common"}
FROZEN = {"patches": {"items", "backbone"}, "head": {"items", "backbone", "patches"}, "all": set[str]()}
# Weights of the squared length of the regression's weights.
PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
NEXT = parse_metrics("ndcg@10 hr@10")


class Work:
    """Where trainings stand that are not finished, so that a killed one goes on."""

    def __init__(self, args: argparse.Namespace, data: str, split: Split, seed: int) -> None:
        self.args, self.split, self.seed = args, split, seed
        self.job = self._job({"profile": "none", "tune": "patches"})
        self.folder = ROOT / "runs" / f"bench-profiles-{data}-{seed}-{self.job.key}"

    def _job(self, more: dict[str, str]) -> Job:
        return Job(system("peterrec").create(parse_assignments(self.args.set) | more), self.split, self.args.budget, self.seed)

    def fit(self, **more: str) -> Fitted:
        """Train with further settings, from the pre-training that all of this seed share: it depends on none of them."""
        job = self._job(more)
        folder = self.folder / job.key
        folder.mkdir(parents=True, exist_ok=True)
        shared, own = self.folder / "stage-0.safetensors", folder / "stage-0.safetensors"
        if shared.exists() and not own.exists():
            _fitting(shared, own, job)
        budget = Budget.parse(self.args.budget) if self.args.budget else None
        fitted = fit_system(job.system, self.split, budget=budget, seed=self.seed, folder=folder)
        if not shared.exists():
            shutil.copy(own, shared)
        return fitted

    def pre_trained(self) -> dict[str, torch.Tensor]:
        """What the pre-training left, without the head that it did not train."""
        tensors = Checkpoint.read(self.folder / "stage-0.safetensors").tensors
        return {name: value for name, value in tensors.items() if group_of(name) != "profile"}

    def unmoved(self, fitted: Fitted, tune: str) -> bool:
        """Whether the frozen groups are to the bit what the pre-training left, by their hashes."""
        module = fitted.recommender.module
        after = {name: value for name, value in snapshot(module).items() if group_of(name) in FROZEN[tune]}
        module.load_state_dict(self.pre_trained(), strict=False)
        before = snapshot(module)
        return all(before[name] == value for name, value in after.items())


def _fitting(shared: Path, own: Path, job: Job) -> None:
    """The shared pre-training as the first stage of another job: its own head, as the seed starts it, stands beside the trained weights."""
    done = Checkpoint.read(shared)
    torch.manual_seed(job.seed)
    settled = job.system.settle(job.split)
    fresh = settled.build(settled.sizes(job.split)).state_dict()
    taken = {name: value for name, value in done.tensors.items() if not name.startswith("profile.")}
    Checkpoint(done.state, {name: taken.get(name, value) for name, value in fresh.items()}).write(own)


def share_of(fitted: Fitted) -> dict[str, Any]:
    stage = fitted.stages[-1]
    return {"trained": stage.trained_parameters, "parameters": stage.parameters, "share": stage.trained_parameters / stage.parameters}


def profile_lines(args: argparse.Namespace, seed: int, known: set[str]) -> Any:
    """The lines of one seed that are not there yet."""
    split = tl.split(tl.read(SETS["ml-100k"]), "cold-users:0.2", seed=seed)
    work = Work(args, "ml-100k", split, seed)
    users, histories = held_out(split)
    for wanted in args.attributes:
        attribute = attributes(split, wanted)[0]
        truth = attribute.codes(users_table(split)[attribute.name])[users]
        learners = Learners.of(split, (attribute,))
        usual = int(learners.shares[attribute.name].argmax())
        for method in WORDS:
            key = f"{work.job.key}-{wanted}-{method}"
            if key in known:
                continue
            began, more = time.perf_counter(), dict[str, Any]()
            if method in TUNES:
                fitted = work.fit(profile=wanted, tune=method)
                model = fitted.recommender
                named = model.profiles(histories)[attribute.name].argmax(1)
                stages = [{"name": stage.name, "steps": stage.steps, "seconds": stage.seconds, "ended": stage.ended} for stage in fitted.stages]
                more = share_of(fitted) | {"valid": plain(tells(model, split, Part.VALID))[attribute.name], "stages": stages}
                more["frozen_unmoved"] = work.unmoved(fitted, method)
            elif method == "regression":
                named, more = regression(learners, attribute.name, len(attribute.categories), histories, len(split.items))
            else:
                named = np.full(len(users), usual)
            right = dict(zip(split.users.decode(users), hits(named, truth).tolist(), strict=True))
            score = plain({attribute.name: told(named, truth, usual, seed=seed)})[attribute.name]
            about = {"data": "ml-100k", "fingerprint": split.fingerprint, "attribute": wanted, "method": method, "categories": attribute.categories}
            yield about | {"key": key, "seed": seed, "seconds": time.perf_counter() - began, "test": score, **more, "right": right}
    shutil.rmtree(work.folder, ignore_errors=True)


def bags(histories: Sequences, n_items: int) -> torch.Tensor:
    """(B, N) which items each history holds, as vectors of length 1."""
    table = torch.zeros(len(histories), n_items)
    table[torch.from_numpy(histories.owners), torch.from_numpy(histories.values.astype(np.int64))] = 1.0
    return F.normalize(table, dim=1)


def regression(learners: Learners, name: str, count: int, histories: Sequences, n_items: int) -> tuple[Any, dict[str, Any]]:
    """Multinomial logistic regression (LBFGS): what it names for `histories`, and the penalty that the judges chose."""
    labels = learners.labels[name]
    parts = []
    for sequences in (learners.histories, learners.judges):
        rows = np.flatnonzero((sequences.lengths > 0) & (labels >= 0))
        parts.append((bags(sequences.take(rows), n_items), torch.from_numpy(labels[rows])))
    (x, y), (judged, truth) = parts
    found = []
    for penalty in PENALTIES:
        weight, bias = torch.zeros(n_items, count, requires_grad=True), torch.zeros(count, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

        def loss(weight: torch.Tensor = weight, bias: torch.Tensor = bias, penalty: float = penalty, optimizer: Any = optimizer) -> torch.Tensor:
            optimizer.zero_grad()
            value = F.cross_entropy(x @ weight + bias, y) + penalty * weight.square().sum()
            value.backward()
            return value

        optimizer.step(loss)
        with torch.no_grad():
            found.append((float(F.cross_entropy(judged @ weight + bias, truth)), penalty, (bags(histories, n_items) @ weight + bias).argmax(1).numpy()))
    best = min(found, key=lambda entry: entry[0])
    return best[2], {"penalty": best[1], "valid_loss": best[0]}


def next_lines(args: argparse.Namespace, seed: int, known: set[str]) -> Any:
    """One line: the next item by the pre-trained network, by patches, and by everything tuned; the second by the third, with its interval."""
    split = tl.split(tl.read(SETS["Beauty"]))
    work = Work(args, "Beauty", split, seed)
    if work.job.key in known:
        return
    began, question, rows, per_case = time.perf_counter(), protocol(split, metrics=NEXT), dict[str, Any](), dict[str, Any]()
    for tune in ("patches", "all"):
        fitted = work.fit(profile="none", tune=tune)
        judged = evaluate(fitted.recommender.module, question)  # type: ignore[arg-type]
        rows[tune] = {"metrics": judged.metrics, "ci95": judged.ci95, "stages": fitted.history(), **share_of(fitted)}
        per_case[tune] = judged.per_case
        if tune == "patches":
            rows[tune]["frozen_unmoved"] = work.unmoved(fitted, tune)  # leaves the pre-trained weights in the module
            fitted.recommender.module.load_state_dict(work.pre_trained())
            before = evaluate(fitted.recommender.module, question)  # type: ignore[arg-type]
            rows["pre-trained"] = {"metrics": before.metrics, "ci95": before.ci95}
            per_case["pre-trained"] = before.per_case
    for first, second in (("patches", "all"), ("patches", "pre-trained"), ("all", "pre-trained")):
        for metric in map(str, NEXT):
            a, b = per_case[first][metric], per_case[second][metric]
            rows[first].setdefault("over", {}).setdefault(second, {})[metric] = {
                "ratio": float(np.nanmean(a) / np.nanmean(b)), "ci95": ratio_ci(a, b), "p": paired_test(a, b),
            }  # fmt: skip
    yield {"key": work.job.key, "data": "Beauty", "fingerprint": split.fingerprint, "seed": seed, "seconds": time.perf_counter() - began, "test": rows}
    shutil.rmtree(work.folder, ignore_errors=True)


def table(folder: Path) -> str:
    """Both files as Markdown."""
    lines = ["# Patches", "", "Users held out, MovieLens-100K. A user whom several seeds hold out counts once, with the mean; intervals are over users.", ""]
    lines += ["| attribute | method | seeds | accuracy | patches less this | p | trained | frozen moved | seconds |", "|" + "---|" * 9]
    rows = _read(folder / "profile.jsonl")
    for wanted, settings in ((wanted, settings) for wanted in PROFILES for settings in sorted({tuple(row["settings"]) for row in rows})):
        alike = [row for row in rows if row["attribute"] == wanted and tuple(row["settings"]) == settings]
        right = {method: _by_user([row for row in alike if row["method"] == method]) for method in WORDS}
        for method, words in WORDS.items():
            found = [row for row in alike if row["method"] == method]
            if not found:
                continue
            values = np.array(list(right[method].values()))
            low, high = bootstrap_ci(values)
            less, p = "-", "-"
            if method != "patches" and right["patches"].keys() == right[method].keys():
                patches = np.array([right["patches"][user] for user in right[method]])
                a, b = bootstrap_ci(patches - values)
                less, p = f"{np.nanmean(patches - values):+.3f} [{a:+.3f}, {b:+.3f}]", f"{paired_test(patches, values):.3f}"
            trained = f"{found[0]['share']:.1%}" if "share" in found[0] else "-"
            moved = "-" if "frozen_unmoved" not in found[0] or method == "all" else "no" if all(row["frozen_unmoved"] for row in found) else "YES"
            seconds = sum(row["seconds"] for row in found) / len(found)
            seeds = ", ".join(str(row["seed"]) for row in found)
            cells = [" ".join((wanted, *settings)), words, seeds, f"{np.nanmean(values):.3f} [{low:.3f}, {high:.3f}]", less, p]
            cells += [trained, moved, f"{seconds:.0f}"]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "The next item, Beauty, full ranking, leave-one-out, each seed with its interval over users.", ""]
    lines += ["| seed | method | NDCG@10 | HR@10 | NDCG@10 by everything tuned | by the pre-trained | trained |", "|" + "---|" * 7]
    for row in _read(folder / "next.jsonl"):
        for method in ("pre-trained", "patches", "all"):
            found, cells = row["test"][method], [str(row["seed"]), "everything" if method == "all" else method]
            cells += [f"{found['metrics'][name]:.4f} [{found['ci95'][name][0]:.4f}, {found['ci95'][name][1]:.4f}]" for name in ("ndcg@10", "hr@10")]
            for other in ("all", "pre-trained"):
                over = found.get("over", {}).get(other, {}).get("ndcg@10")
                cells.append("-" if over is None else f"{over['ratio']:.3f} [{over['ci95'][0]:.3f}, {over['ci95'][1]:.3f}]")
            lines.append("| " + " | ".join([*cells, f"{found['share']:.1%}" if "share" in found else "-"]) + " |")
    return "\n".join([*lines, "", "Seconds include the pre-training in the first row of a seed alone. Commands and settings stand in the lines.", ""])


def _by_user(rows: list[dict[str, Any]]) -> dict[str, float]:
    found = dict[str, list[float]]()
    for row in rows:
        for user, value in row["right"].items():
            found.setdefault(user, []).append(value)
    return {user: float(np.mean(values)) for user, values in sorted(found.items())}


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", choices=("profile", "next"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--set", action="append", default=[], help="a setting of peterrec, as dropout=0.2")
    parser.add_argument("--attributes", nargs="+", choices=PROFILES, default=list(PROFILES), help="what to tell of users")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--budget", help="longest training, as 60steps for a smoke run")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "profiles")
    args = parser.parse_args()
    use_threads(THREADS)
    if args.table:
        write_text(args.out / "profiles.md", table(args.out))
        return
    if args.question is None:
        parser.error("give profile or next, or --table")
    path = args.out / f"{args.question}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"command": command(), "settings": args.set, "budget": args.budget, "version": tl.__version__}
    about["machine"] = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    for seed in map(int, args.seeds.split(",")):
        known = {row["key"] for row in _read(path)}
        for line in (profile_lines if args.question == "profile" else next_lines)(args, seed, known):
            with path.open("a") as file:
                file.write(json.dumps(about | line) + "\n")
            shown = line["test"] if args.question == "profile" else {name: entry["metrics"] for name, entry in line["test"].items()}
            print(line.get("attribute", "next"), line.get("method", ""), "seed", seed, shown, f"{line['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()

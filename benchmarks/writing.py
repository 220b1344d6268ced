"""What reading nothing twice is worth where items are written: beam searches of p5, beside reading and writing all anew for each token.

    python benchmarks/writing.py                              # two minutes on two cores
    python benchmarks/writing.py --users 16 --turns 1 --out results/try

p5 on Beauty after a few steps, which is as fast as after many: any item, and one of 100 candidates that the prompt shows. The other way is plain: each
text that is written from a prompt has the states of the prompt for itself, and is written from its beginning. Both are measured in turns; the ratio is
that of each pair.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from common import HERE, SEED, THREADS, command, data_file, spread  # sets the threads, before torch is imported
from machine import machine
from torch import Tensor

import tastelm as tl
from tastelm.data.sequences import Sequences
from tastelm.data.split import Part, Split
from tastelm.files import write_json, write_text
from tastelm.fitting import fit_system
from tastelm.plm.seq2seq import Memory, Seq2SeqLM
from tastelm.prompting import writer
from tastelm.systems.catalogue import system
from tastelm.threads import use_threads
from tastelm.train.budget import Budget

CANDIDATES = 100
ASKED = {"2-3": "any item", "2-7": f"one of {CANDIDATES} that are shown"}


class Anew:
    """What `Writing` is, without keeping anything."""

    def __init__(self, model: Seq2SeqLM, memory: Memory) -> None:
        self.model, self.memory, self.owners = model, memory, torch.arange(len(memory.states))
        self.texts = torch.empty(len(memory.states), 0, dtype=torch.long)

    def on(self, tokens: Tensor, parents: Tensor) -> Tensor:
        self.owners, self.texts = self.owners[parents], torch.cat([self.texts[parents], tokens[:, None]], 1)
        return self.model.write(self.memory.take(self.owners), self.texts)[:, -1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Beauty", help="a file of s3rec/")
    parser.add_argument("--users", type=int, default=128, help="drawn at random")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "writing")
    args = parser.parse_args()
    use_threads(THREADS)
    split = tl.split(tl.read(data_file(args.data)), seed=SEED)
    found: dict[str, Any] = {"data": args.data, "asked": {ask: measure(split, ask, args.users, args.turns) for ask in ASKED}}
    found |= {"command": command(), "seed": SEED, "version": tl.__version__, "machine": machine()["words"]}
    write_json(args.out / "writing.json", found)
    write_text(args.out / "writing.md", told(found))
    print(told(found))


@torch.inference_mode()
def measure(split: Split, ask: str, users: int, turns: int) -> list[dict[str, float]]:
    """Seconds of both ways in each turn, and how far their scores are apart."""
    with torch.inference_mode(False):
        model = fit_system(system("p5").create({"ids": "random", "ask": ask}), split, budget=Budget.parse("5steps"), seed=SEED).recommender
    module: Any = model.module.eval()
    cases, rng = split.cases(Part.TEST), np.random.default_rng(SEED)
    rows: list[dict[str, float]] = []
    for turn in range(turns + 1):
        asked = rng.permutation(len(cases))[:users]
        shown = Sequences.of([rng.permutation(len(split.items))[:CANDIDATES] for _ in asked])
        question = cases.histories.take(asked), cases.users[asked], shown
        began = time.perf_counter()
        once = module.candidate_scores(*question)
        between = time.perf_counter()
        with patch.object(writer, "Writing", Anew):
            again = module.candidate_scores(*question)
        ended = time.perf_counter()
        if turn:  # the first one warms up
            rows.append({"users": len(asked), "once": between - began, "again": ended - between, "apart": float((once - again).abs().max())})
    return rows


def told(found: dict[str, Any]) -> str:
    """The table."""
    lines = ["# Nothing is read twice", "", f"Beam searches of p5 on {found['data']}.", ""]
    lines += [
        "| it writes | s for 1,000 users | s, all anew for each token | times as fast | largest difference of a log-likelihood |",
        "|---|---|---|---|---|",
    ]
    for ask, rows in found["asked"].items():
        ratios = [row["again"] / row["once"] for row in rows]
        once, again = (1000 * statistics.median(row[way] / row["users"] for row in rows) for way in ("once", "again"))
        lines.append(f"| {ASKED[ask]} | {once:.1f} | {again:.1f} | {spread(ratios)} | {max(row['apart'] for row in rows):.1e} |")
    return "\n".join([*lines, "", f"`{found['command']}`, seed {found['seed']}, tastelm {found['version']}. {found['machine']}.", ""])


if __name__ == "__main__":
    main()

"""Claim: a training step over 1,000,000 items stays under 4 GiB. Peak of a fresh process, libraries included, and seconds a step.

sasrec's own stage goes through the library's own loop, on random histories. Rival: softmax_mem.py, the loss and the optimiser alone, in
which the step has as many predictions. `rank` answers questions over the same catalogue, to the best 10 and the place of the target.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

from common import SEED, THREADS, Missing, Row, emit, lines_of, own, peak_gib, report, rival, section, spread

GOAL_GIB = 4.0
LENGTH = 50


def stage_of(loss: str, n_items: int, predictions: int, negatives: int, steps: int) -> Any:
    """sasrec's stage over random histories of a catalogue of that size, and what it was made from."""
    from dataclasses import replace
    from types import SimpleNamespace

    import numpy as np
    import torch

    from tastelm.data.features import Sizes
    from tastelm.data.sequences import Sequences
    from tastelm.systems.catalogue import system

    rng = np.random.default_rng(SEED)
    count = steps * predictions // LENGTH
    train = Sequences(rng.integers(n_items, size=count * (LENGTH + 1), dtype=np.int32), np.arange(count + 1) * (LENGTH + 1))
    # What a stage takes of a Split; a million ids as text are the data's memory, not the step's.
    parts: Any = SimpleNamespace(train=train, sizes=Sizes(n_items, count), popularity=np.bincount(train.values, minlength=n_items))
    settings = {"loss": loss, "negatives": negatives, "max_len": LENGTH, "batch": predictions, "dim": 64}
    torch.manual_seed(SEED)
    return replace(next(iter(system("sasrec").create(settings).stages(parts))), monitor=None), train


def train(loss: str, n_items: int, predictions: int, negatives: int, steps: int) -> None:
    """Some steps; prints seconds of each and the peak."""
    import torch

    from tastelm.train.budget import Budget
    from tastelm.train.progress import Silent
    from tastelm.train.run import run_stage

    class Clock(Silent):
        """Notes when each step ended."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def begin(self, stage: str, step: int) -> None:
            self.ends.append(time.perf_counter())

        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            self.ends.append(time.perf_counter())

    torch.set_num_threads(THREADS)
    stage, _ = stage_of(loss, n_items, predictions, negatives, steps)
    clock = Clock()
    run_stage(stage, seed=SEED, budget=Budget(steps=steps), validate=None, checkpoint=None, watch=clock)
    seconds = [round(after - before, 3) for before, after in zip(clock.ends, clock.ends[1:], strict=False)]
    report(variant=loss, items=n_items, predictions=predictions, negatives=negatives, step_s=seconds, peak_gib=round(peak_gib(), 3))


def rank(n_items: int, questions: int) -> None:
    """Answer `questions` by a module that was not trained: what it computes is the same."""
    import numpy as np
    import torch

    from tastelm.data.sequences import Sequences
    from tastelm.data.split import Cases
    from tastelm.evaluation import rank as answer

    torch.set_num_threads(THREADS)
    stage, histories = stage_of("full", n_items, LENGTH * questions, 1, 1)
    targets = np.random.default_rng(SEED + 1).integers(n_items, size=(questions, 1))
    cases = Cases(np.arange(questions, dtype=np.int32), histories, Sequences.of(targets))
    began = time.perf_counter()
    answer(stage.module.eval(), cases, n_items, mask_seen=True, k=10)
    report(variant="rank", items=n_items, questions=questions, seconds=round(time.perf_counter() - began, 3), peak_gib=round(peak_gib(), 3))


def training_row(loss: str, items: int, predictions: int, negatives: int, steps: int) -> None:
    """Measure TasteLM and the rival, each in a process of its own."""
    sizes = ("--items", items, "--predictions", predictions, "--negatives", negatives, "--steps", steps)
    line = lines_of(own("memory.py", "--variant", loss, *sizes))[-1]
    report(**line)
    try:
        rival_sizes = ("--items", items, "--tokens", predictions, "--negatives", negatives, "--steps", steps)
        other = lines_of(rival("bare", "softmax_mem.py", "--variant", loss, *rival_sizes))[-1]
        report(who="softmax_mem.py", **other)
        note = f"loss and optimiser alone: {other['peak_rss_gb']:.2f} GiB, {spread(other['step_s'][1:], '.2f', ' s')} a step"  # the first is the warm-up
        ratio = line["peak_gib"] / other["peak_rss_gb"]
    except Missing as missing:
        note, ratio = str(missing), float("nan")
    words = {"full": "full softmax", "sampled": f"{negatives:,} negatives"}[loss]
    claim = f"Memory of a training step, {items:,} items, {predictions:,} predictions, {words}"
    what = f"{line['peak_gib']:.2f} GiB, {spread(line['step_s'][1:], '.2f', ' s')} a step"
    emit(Row(claim, what, note, "-" if ratio != ratio else f"{ratio:.2f}x memory", f"under {GOAL_GIB:g} GiB", line["peak_gib"] < GOAL_GIB))


def rank_row(items: int, questions: int) -> None:
    line = lines_of(own("memory.py", "--variant", "rank", "--items", items, "--questions", questions))[-1]
    report(**line)
    what = f"{line['peak_gib']:.2f} GiB, {questions / line['seconds']:,.0f} questions/s"
    emit(Row(f"Memory of ranking {items:,} items for {questions:,} questions", what))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--predictions", type=int, default=64 * LENGTH, help="in a step")
    parser.add_argument("--negatives", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=3, help="the first is the warm-up")
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--variant", choices=["sampled", "full", "rank"], help="one of them in this process (default: all, each in its own)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: 20,000 items, full softmax")
    args = parser.parse_args()
    if args.variant == "rank":
        return rank(args.items, args.questions)
    if args.variant:
        return train(args.variant, args.items, args.predictions, args.negatives, args.steps)
    items, predictions, questions = (20_000, 500, 64) if args.quick else (args.items, args.predictions, args.questions)
    # Three times as many of the steps that are short.
    for loss, steps in (("full", args.steps),) if args.quick else (("sampled", 3 * args.steps), ("full", args.steps)):
        section(partial(training_row, loss, items, predictions, args.negatives, steps), f"Memory of a training step, {loss}")
    return section(partial(rank_row, items, questions), "Memory of ranking")


if __name__ == "__main__":
    main()

"""Where does a step of training spend its time? Batch, forward, backward and optimiser, and the dearest operations, on whatever device there is.

    python benchmarks/step.py sasrec --data path/of/Beauty.txt
    python benchmarks/step.py pepler --data widedeep:clothing --split random:0.8,0.1 --set prompt=discrete --steps 10
    TASTELM_BENCH_GPU=1 python benchmarks/step.py tiger --data path/of/sequences.tsv --set ids=random

Steps of the last stage that is trained, after some to warm up, in the precision in which it trains. The device is waited for at each boundary, so the
sum is a little more than a step of the loop; `launched` is how many kernels a step starts, where a GPU tells.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from common import SEED, THREADS, say  # sets the threads, before torch is imported
from torch.profiler import ProfilerActivity, profile

import tastelm as tl
from tastelm.devices import device
from tastelm.settings import parse_assignments
from tastelm.strategies import prepare
from tastelm.systems.catalogue import system
from tastelm.threads import use_threads
from tastelm.train.conditions import fabric_of
from tastelm.train.stage import Stage

WARM = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system")
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="leave-one-out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--top", type=int, default=12, help="operations that are shown")
    args = parser.parse_args()
    use_threads(THREADS)
    split = tl.split(tl.read(args.data), args.split)
    made = system(args.system).create(parse_assignments(args.set)).settle(split)
    torch.manual_seed(SEED)
    stage = [stage for stage in made.stages(split) if stage.objective is not None][-1]
    step = Step(stage)
    for index in range(WARM):
        step(index)
    spent = defaultdict(list)
    for index in range(WARM, WARM + args.steps):
        for name, seconds in step(index).items():
            spent[name].append(1000 * seconds)
    print(f"{args.system}, stage '{stage.name}', {device().type}, {step.fabric.strategy.precision.precision}: median of {args.steps} steps, in ms")
    for name, values in spent.items():
        print(f"  {name:10} {statistics.median(values):8.1f}")
    operations(step, WARM + args.steps, args.top)


class Step:
    """One step of a stage, its parts timed."""

    def __init__(self, stage: Stage) -> None:
        prepare(stage.module, stage.strategy, stage=stage.name)
        assert stage.view is not None
        self.stage, self.batches = stage, stage.view.batches(0, SEED)
        self.fabric = fabric_of(stage)
        self.module: Any = stage.module.to(device()).train()
        self.optimizer = torch.optim.AdamW([value for value in self.module.parameters() if value.requires_grad], lr=1e-5, fused=True)

    def __call__(self, index: int) -> dict[str, float]:
        at, found = _now(), {}

        def told(name: str) -> None:
            nonlocal at
            now = _now()
            found[name], at = now - at, now

        batch = self.batches[index % len(self.batches)]
        told("batch")
        assert self.stage.objective is not None
        with self.fabric.autocast():
            loss = self.stage.objective(self.module, batch, np.random.default_rng(index)).loss
        told("forward")
        loss.backward()
        told("backward")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        told("optimiser")
        return found


def _now() -> float:
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def operations(step: Step, index: int, top: int) -> None:
    """The dearest operations of one step, and how many kernels it starts."""
    gpu = device().type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]) as seen:
        step(index)
    events = seen.key_averages()
    if gpu:
        launched = sum(event.count for event in events if event.key.startswith("cudaLaunchKernel"))
        say(f"launched: {launched} kernels a step")
    print(events.table(sort_by="self_device_time_total" if gpu else "self_cpu_time_total", row_limit=top, max_name_column_width=48))


if __name__ == "__main__":
    main()

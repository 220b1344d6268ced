"""Epochs of a TasteLM system through the library's own training loop: what `bare.py` and `peer_*.py` are to the others. One JSON line.

The loop is `tastelm.train.run.run_stage`, as `tastelm fit` calls it, with all that it does at every step and nothing validated.
"""

from __future__ import annotations

import argparse
import time

from common import SEED, THREADS, peak_gib, report

STARTED = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", required=True, help="a sequence file")
    parser.add_argument("--system", choices=["sasrec", "bert4rec"], default="sasrec")
    parser.add_argument("--set", action="append", default=[], help="a setting, name=value")
    parser.add_argument("--epochs", type=float, default=1.0, help="may be a fraction")
    parser.add_argument("--sequences", type=int, default=256, help="the step is as large as that of a loop with so many sequences in it")
    args = parser.parse_args()

    from dataclasses import replace

    import numpy as np
    import torch

    import tastelm
    from tastelm.data.split import split
    from tastelm.settings import parse_assignments
    from tastelm.systems.catalogue import system
    from tastelm.train.budget import Budget
    from tastelm.train.progress import Silent
    from tastelm.train.run import run_stage

    class Count(Silent):
        """Counts predictions."""

        targets = 0

        def stepped(self, step: int, targets: int, used: float, loss: float) -> None:
            self.targets += targets

    torch.set_num_threads(THREADS)
    imported = time.perf_counter()
    parts = split(tastelm.read(args.data), "leave-one-out")
    lengths = parts.train.lengths
    # Equal steps: as many in an epoch as `sequences` at a time would make. TasteLM's setting `batch` counts predictions (bert4rec: items read).
    work = int(np.minimum(lengths - 1, 50).sum() if args.system == "sasrec" else lengths.sum())
    batch = round(work / -(-len(parts.users) // args.sequences))
    made = system(args.system).create(parse_assignments([*args.set, f"batch={batch}"])).settle(parts)
    torch.manual_seed(SEED)
    stage = replace(next(iter(made.stages(parts))), monitor=None)
    watch = Count()
    prepared = time.perf_counter()
    trained = run_stage(stage, seed=SEED, budget=Budget(epochs=args.epochs), validate=None, checkpoint=None, watch=watch)
    report(
        who="tastelm", system=args.system, settings=args.set, batch=batch, epochs=trained.epochs, steps=trained.steps, targets=watch.targets,
        seconds=round(trained.seconds, 3), loss=trained.history[-1]["loss"], import_s=round(imported - STARTED, 2),
        prepare_s=round(prepared - imported, 2), peak_gib=round(peak_gib(), 2), threads=THREADS, torch=torch.__version__,
    )  # fmt: skip


if __name__ == "__main__":
    main()

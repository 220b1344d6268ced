"""Does pre-training help? One learning curve over the share of the data that is tuned on, as `tastelm transfer` draws it.

    python benchmarks/transfer.py s3rec --data Beauty --budget 1500steps --seeds 0
    python benchmarks/transfer.py peterrec --data Yelp --arms scratch,pre-trained --shares 1,10,100

Kept under `results/transfer/`: SYSTEM-DATA.json (command, seeds, seconds, machine, curve, differences, points), .md and .svg. Points and
weights lie in `--work`; a point that is there is not trained again, so more seeds and shares can be added later, and a stopped run goes on.

`max_epochs` is 2000 unless `--set` says otherwise: an epoch of 1 % is a step or two, and the usual ceiling of 200 would end the training
from scratch before its plateau.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import time
from pathlib import Path

from common import HERE, command  # sets the threads, before torch is imported

import tastelm as tl
from tastelm.files import write_json
from tastelm.report.transfer import write_transfer
from tastelm.settings import describe, parse_assignments
from tastelm.systems.catalogue import system
from tastelm.transfer import ARMS, Deaf, Point, parse_seeds, parse_shares

DATA = Path(os.environ["TASTELM_DATA"]) / "s3rec"
SETS = {"Beauty": "Beauty", "Sports": "Sports_and_Outdoors", "Yelp": "Yelp"}


class Told(Deaf):
    """A line for each point."""

    def ends(self, point: Point, reused: bool) -> None:
        scores = {name: round(value, 4) for name, value in point.metrics.items()}
        steps = sum(int(stage["steps"]) for stage in point.stages)
        print(point.place, scores, "finished before" if reused else f"{point.seconds:.0f} s", f"{steps} steps", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system")
    parser.add_argument("--data", choices=SETS, required=True)
    parser.add_argument("--shares", default="1,5,10,50,100")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--budget")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--results", type=Path, default=HERE / "results" / "transfer")
    parser.add_argument("--work", type=Path, default=HERE / "results" / "transfer" / "work")
    args = parser.parse_args()
    known = {line.name for line in describe(system(args.system).Config)}
    settings = ({"max_epochs": "2000"} if "max_epochs" in known else {}) | parse_assignments(args.set)
    data = tl.read(DATA / f"{SETS[args.data]}.txt", items=DATA / f"{SETS[args.data]}_item2attributes.json", name=args.data)
    name, began = f"{args.system}-{args.data}", time.perf_counter()
    curve = tl.transfer_curve(
        args.system, data, set=settings, shares=parse_shares(args.shares), arms=args.arms.split(","), seeds=parse_seeds(args.seeds),
        budget=args.budget, out=args.work / name, listener=Told(), command=command(),
    )  # fmt: skip
    for path in write_transfer(curve, args.work / name):
        args.results.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, args.results / f"{name}{path.suffix}")
    trained = sum(point.seconds for point in curve.points) + sum({point.place.seed: point.pretrain_seconds for point in curve.points}.values())
    about = {"version": tl.__version__, "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}"}
    seconds = {"of this run": time.perf_counter() - began, "of all trainings": trained}
    write_json(args.results / f"{name}.json", about | {"seeds": parse_seeds(args.seeds), "seconds": seconds} | curve.to_dict())


if __name__ == "__main__":
    main()

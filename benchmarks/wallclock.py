"""Claim: from the raw file to a saved and evaluated sasrec with test HR@10 >= .080 in under 2 minutes on 2 cores.

A cold process for every budget: `tastelm fit sasrec --data FILE --budget Ns --out FOLDER`. Seconds count from the start of the process to
its exit: imports, reading, training, validation, saving, and the evaluation of the valid and the test part with all default metrics.
The budget the claim is tried with is fixed beforehand (--claim); nothing is chosen by what the test part says.
Rivals: the bare loop at its best known settings, and the floors Popularity, ItemKNN and EASE, which have no budget.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from common import SEED, Row, data, emit, lines_of, report, rival, say, section, timed

GOAL_HR, GOAL_SECONDS = 0.080, 120.0
BEST_BARE = ("--loss", "full", "--batch", 128, "--lr", "3e-3", "--dropout", 0.3, "--schedule", "linear")


def fit(system: str, file: Path, budget: float | None) -> dict[str, Any]:
    """One cold `tastelm fit`: seconds from start to exit, and the metrics it left."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "tastelm", "fit", system, "--data", str(file), "--seed", str(SEED), "--out", str(out)]
        seconds, _ = timed([*command, *(["--budget", f"{budget:g}s"] if budget else [])], timeout=1800)
        metrics = json.loads((out / "metrics.json").read_text())
    line = {"system": system, "budget_s": budget, "wall_s": round(seconds, 1), "fit_s": round(metrics["fit"]["seconds"], 1)}
    line |= {part: {name: metrics[part]["metrics"][name] for name in ("hr@10", "ndcg@10")} for part in ("valid", "test")}
    line |= {"ci95": metrics["test"]["ci95"]["hr@10"], "peak_gib": round(metrics["fit"]["peak_mib"] / 1024, 2)}
    report(**line)
    say(f"{system} {budget or ''}: test HR@10 {line['test']['hr@10']:.4f} after {seconds:.1f} s")
    return line


def curve(file: Path, budgets: list[float], claim: float) -> None:
    """The claim, and the accuracy for every other budget."""
    found = {budget: fit("sasrec", file, budget) for budget in sorted({*budgets, claim})}
    for budget, line in found.items():
        hr, seconds = line["test"]["hr@10"], line["wall_s"]
        low, high = line["ci95"]
        what = f"{seconds:.0f} s: test HR@10 {hr:.4f} (95 %: {low:.4f} to {high:.4f}), NDCG@10 {line['test']['ndcg@10']:.4f}"
        what += f"; valid HR@10 {line['valid']['hr@10']:.4f}"
        tried = budget == claim
        goal, held = (f"HR@10 >= {GOAL_HR:.3f} in {GOAL_SECONDS:.0f} s", hr >= GOAL_HR and seconds < GOAL_SECONDS) if tried else ("-", None)
        emit(Row(f"Raw file to saved sasrec, cold start, `--budget {budget:g}s`", what, goal=goal, held=held))


def bare(name: str, epochs: int, every: int) -> None:
    """The bare loop's curve."""
    lines = lines_of(rival("bare", "bare.py", *BEST_BARE, "--data", name, "--epochs", epochs, "--eval-every", every))
    looks = [line for line in lines if "test" in line]
    for line in looks:
        report(who="bare", **line)
    what = "; ".join(f"{line['wall_s']:.0f} s: test HR@10 {line['test']['hr@10']:.4f}" for line in looks)
    emit(Row("The same by the bare loop at its best settings (nothing saved, two metrics)", "-", what))


def floors(file: Path, systems: tuple[str, ...]) -> None:
    """What needs no budget."""
    found = [fit(system, file, None) for system in systems]
    what = "; ".join(f"{line['system']} {line['wall_s']:.0f} s: test HR@10 {line['test']['hr@10']:.4f}" for line in found)
    emit(Row("Floors: raw file to saved run, cold start", what))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Beauty", help="a file of s3rec/ (Beauty)")
    parser.add_argument("--budgets", type=float, nargs="*", default=[15, 30, 60], help="seconds of training (15 30 60)")
    parser.add_argument("--claim", type=float, default=90, help="the budget the claim is tried with (90)")
    parser.add_argument("--bare-epochs", type=int, default=8, help="of the bare loop, evaluated four times (8)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few users, a second of training, no rivals but popularity")
    args = parser.parse_args()

    def measure() -> None:
        with data(args.data, quick=args.quick) as file:
            if args.quick:
                curve(file, [], 1)
                floors(file, ("popularity",))
                return
            timed([sys.executable, "-m", "tastelm", "systems"])  # warm-up: the packages are in the file cache from here on
            section(partial(curve, file, args.budgets, args.claim), "Raw file to saved sasrec, cold start")
            section(partial(bare, args.data, args.bare_epochs, max(1, args.bare_epochs // 4)), "The same by the bare loop")
            section(partial(floors, file, ("popularity", "itemknn", "ease")), "Floors")

    section(measure, "Accuracy against wall-clock")


if __name__ == "__main__":
    main()

"""Claim: a training that is killed with `kill -9` at any moment, and started again with the same command, ends with the same weights.

One run is left alone. Another is killed at ten random moments, from its first second on, and started again each time until it is
done. The two model files must be equal byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Row, data, emit, report, section


def command(file: Path, run: Path, steps: int, system: str) -> list[str]:
    return [sys.executable, "-m", "tastelm", "fit", system, "--data", str(file), "--budget", f"{steps}steps", "--out", str(run)]


def killed_run(file: Path, run: Path, steps: int, system: str, kills: int, rng: random.Random) -> list[dict[str, object]]:
    """Start, kill after a random time, start again; the last start is left to finish. Returns what each kill met."""
    met: list[dict[str, object]] = []
    while True:
        process = subprocess.Popen(command(file, run, steps, system), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if len(met) == kills:
            _, err = process.communicate()
            if process.returncode:
                raise SystemExit(err.decode())
            return met
        alive = rng.uniform(1, 16)
        try:
            process.wait(alive)
            raise SystemExit(f"the run was over before it was killed {kills} times; give more --steps")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        met.append({"seconds": round(alive, 1), "checkpoint": any((run / "checkpoint").glob("*.safetensors")), "finished": (run / "manifest.json").exists()})
        report(killed=len(met), **met[-1])


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="Beauty", help="a file of s3rec/")
    parser.add_argument("--system", default="sasrec")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a smoke run: few users, one kill")
    args = parser.parse_args()
    if args.quick:
        args.kills = 1
    os.environ["TASTELM_CHECKPOINT_SECONDS"] = "1"

    def measure() -> None:
        began = time.perf_counter()
        with data(args.data, quick=args.quick) as file, tempfile.TemporaryDirectory() as folder:
            whole, broken = Path(folder) / "whole", Path(folder) / "broken"
            subprocess.run(command(file, whole, args.steps, args.system), check=True, stdout=subprocess.DEVNULL)
            met = killed_run(file, broken, args.steps, args.system, args.kills, random.Random(args.seed))
            same = digest(whole) == digest(broken)
            steps = [json.loads((run / "metrics.json").read_text())["fit"]["stages"][0]["steps"] for run in (whole, broken)]
        report(same=same, steps=steps, kills=met, seconds=round(time.perf_counter() - began, 1))
        claim = f"kill -9 at {args.kills} random moments of a {args.system} training of {args.steps} steps"
        emit(Row(claim, "equal weights" if same else "OTHER weights", goal="equal byte for byte", held=same))

    section(measure, "kill -9")


if __name__ == "__main__":
    main()

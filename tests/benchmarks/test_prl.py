"""The table of the shop: arms are held against the backbone over the seeds that both have."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNTS = {"events": [2.0, 2.0], "purchases": [1.0, 1.0], "clicks": [1.0, 1.0]}


def test_arms_of_fewer_seeds_are_compared_over_these(tmp_path: Path) -> None:
    (tmp_path / "bounds.json").write_text(json.dumps({"events": [2, 2], "rewards": {"best": [1.0, 1.0]}}))
    for arm, seed, reward in (("plain", 0, 0.2), ("plain", 1, 0.8), ("sqn", 0, 0.6)):
        measured = {name: [reward, reward] for name in ("reward", "hr purchases", "ndcg purchases", "hr clicks", "ndcg clicks")}
        row = {"encoder": "gru4rec", "arm": arm, "seed": seed, "seconds": 1.0, "test": measured | COUNTS}
        (tmp_path / f"gru4rec-{arm}-{seed}.json").write_text(json.dumps(row))
    subprocess.run([sys.executable, str(ROOT / "benchmarks" / "prl.py"), "--table", "--out", str(tmp_path)], capture_output=True, timeout=120, check=True)
    plain, critic = (line.split(" | ") for line in (tmp_path / "prl.md").read_text().splitlines() if line.startswith("| gru4rec"))
    assert plain[2:6] == ["0, 1", "-", "0.250 [0.250, 0.250]", "-"]
    assert critic[2:6] == ["0", "-", "0.300 [0.300, 0.300]", "+0.200 [+0.200, +0.200]"], "less plain of the same seed"

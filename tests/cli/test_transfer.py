"""`tastelm transfer`."""

import json
from pathlib import Path

import pytest

from cli.running import done
from tastelm.testing import circle
from tastelm.transfer import run

SMALL = ("--set", "dim=8", "--set", "layers=1", "--set", "max_len=8", "--set", "pretrain_epochs=2")


def test_a_curve_from_file_to_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circle(60).interactions.write_csv(tmp_path / "log.csv")
    command = (
        "transfer",
        "s3rec",
        "--data",
        tmp_path / "log.csv",
        "--shares",
        "10,100",
        "--seeds",
        "0",
        "--budget",
        "4steps",
        "--out",
        tmp_path / "out",
        *SMALL,
    )
    said = done(*command)
    assert "s3rec on log: ndcg@10" in said.out and "pre-trained - scratch" in said.out and "nobody" in said.out
    assert "scratch 10 %, seed 0: hr@10 0." in said.err and "zero-shot, seed 0: hr@10" in said.err
    made = json.loads((tmp_path / "out" / "transfer.json").read_bytes())
    assert made["complete"] and len(made["points"]) == 7 and made["command"].startswith("tastelm transfer s3rec --data ")
    assert {(row["arm"], row["share"]) for row in made["curve"]} == {("zero-shot", 0.0)} | {
        (arm, share) for arm in ("scratch", "pre-trained", "joint") for share in (0.1, 1.0)
    }
    assert [(row["b"], row["share"]) for row in made["differences"]] == [("scratch", 0.1), ("scratch", 1.0), ("joint", 0.1), ("joint", 1.0)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["points", "pretrained", "transfer.json", "transfer.md", "transfer.svg"]
    monkeypatch.setattr(run, "fit_system", lambda *_, **__: pytest.fail("trained again"))
    again = done(*command)
    assert again.out == said.out and again.err.count("(finished before)") == 7

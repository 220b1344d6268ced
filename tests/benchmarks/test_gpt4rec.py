"""The scripts about systems that write ask all arms the same, keep what they have, and say in words what is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tastelm.testing import ITEMS, circle

ROOT = Path(__file__).parents[2]
TINY = "scratch:dim=16,layers=1,heads=2,context=512,vocabulary=300"


def run(script: str, data: Path, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--budget", "3steps", *arguments]
    environment = os.environ | {"TASTELM_BENCH_THREADS": "1", "TASTELM_DATA": str(data)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=True).stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A circle in the form of the games and of Beauty."""
    folder = tmp_path_factory.mktemp("data")
    walks = circle(60).interactions.group_by("user", maintain_order=True).all()
    lists = [(user.removeprefix("u"), " ".join(items)) for user, items in zip(walks["user"], walks["item"], strict=True)]
    (folder / "games").mkdir()
    (folder / "games" / "sequences.tsv").write_text("user_id\titem_ids\n" + "".join(f"{user}\t{items}\n" for user, items in lists))
    (folder / "games" / "items.tsv").write_text("item_id\ttitle\n" + "".join(f"{item}\tNumber {item}\n" for item in range(ITEMS)))
    (folder / "s3rec").mkdir()
    (folder / "s3rec" / "Beauty.txt").write_text("".join(f"{user} {items}\n" for user, items in lists))
    return folder


@pytest.mark.slow
def test_queries_written_and_not(data: Path, tmp_path: Path) -> None:
    arguments = ("--models", TINY, "--merge", "paper", "sum", "--cases", "20", "--beams", "2", "--out", str(tmp_path))
    first = run("gpt4rec.py", data, *arguments)
    rows = {row["arm"]: row for row in (json.loads(place.read_bytes()) for place in tmp_path.glob("*.json"))}
    name = "scratch_dim_16_layers_1_heads_2_context_512_vocabulary_300"
    assert set(rows) == {"popularity", "sasrec", "last", f"{name}-paper", f"{name}-sum"} == {line.split()[0] for line in first.splitlines()}
    assert all(row["protocol"] == rows["last"]["protocol"] and row["protocol"]["cases"] == 20 for row in rows.values())
    assert [len(told["queries"]) for told in rows["last"]["queries"]] == [1] * 5 and len(rows[f"{name}-sum"]["queries"][0]["queries"]) <= 2
    assert rows["last"]["queries"][0]["queries"] == rows["last"]["queries"][0]["history"]
    before = {place: place.stat().st_mtime_ns for place in tmp_path.glob("*.json")}
    run("gpt4rec.py", data, *arguments)
    assert before == {place: place.stat().st_mtime_ns for place in tmp_path.glob("*.json")}, "what is stored is not asked again"
    table = (tmp_path / "gpt4rec.md").read_text()
    assert table.count("\n| ") == 6 and "| last |" in table and "behind *Number " in table


@pytest.mark.slow
def test_openp5_stands_beside_what_its_order_tells(data: Path, tmp_path: Path) -> None:
    arms = "popularity,next-integer,openp5-random,openp5-sequential,openp5-hybrid,p5-one-sequential,p5-one-leaky"
    run("generative.py", data, "--data", "Beauty", "--arms", arms, "--out", str(tmp_path))
    rows = {row["arm"]: row for row in (json.loads(place.read_bytes()) for place in (tmp_path / "Beauty").glob("*-*-*.json"))}
    walked = rows["openp5-sequential"]
    assert walked["order"]["rate"] > 0 and "nothing is learnt" in walked["notes"][-1] and "order" not in rows["popularity"]
    assert rows["next-integer"]["metrics"]["hr@1"] > 0.5, "the ids of a circle are all that one must know"
    assert rows["p5-one-leaky"]["notes"][0].startswith("Leaky: ") and rows["p5-one-sequential"]["order"]["rate"] < rows["p5-one-leaky"]["order"]["rate"]
    assert "p5-one-leaky less p5-one-sequential, 3steps" in (tmp_path / "generative.md").read_text()
    assert "next in its order" in (tmp_path / "generative.md").read_text()
    assert 0 <= walked["unguided"]["invalid"] <= 1 and walked["unguided"]["asked"] > 0 and "unguided" not in rows["popularity"]

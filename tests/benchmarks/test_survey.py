"""The scripts of the survey's tables run, go on, and compare within one protocol."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("TASTELM_DATA", ROOT.parent / "shared" / "data"))
USERS = 400

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real,
    pytest.mark.skipif(not (DATA / "s3rec" / "Beauty.txt").is_file(), reason="the data are missing: no s3rec/Beauty.txt in TASTELM_DATA"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The first users of Beauty as the data. One thread: on a busy machine two wait for each other."""
    small = tmp_path_factory.mktemp("data") / "s3rec"
    small.mkdir()
    with (DATA / "s3rec" / "Beauty.txt").open() as lines:
        (small / "Beauty.txt").write_text("".join(line for _, line in zip(range(USERS), lines, strict=False)))
    items = set((small / "Beauty.txt").read_text().split())
    known = json.loads((DATA / "s3rec" / "Beauty_item2attributes.json").read_text())
    (small / "Beauty_item2attributes.json").write_text(json.dumps({item: found for item, found in known.items() if item in items}))
    return os.environ | {"TASTELM_BENCH_THREADS": "1", "TASTELM_DATA": str(small.parent)}


def run(environment: dict[str, str], script: str, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "survey" / script), "--data", "Beauty", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_tables_go_on_and_tell_improvements_within_a_protocol(environment: dict[str, str], tmp_path: Path) -> None:
    run(environment, "tables.py", "--systems", "markov,popularity", "--budget", "150steps", "--out", str(tmp_path))
    before = (tmp_path / "Beauty" / "rows" / "markov.json").stat().st_mtime_ns
    run(environment, "tables.py", "--systems", "sasrec,caser,bert4rec", "--budget", "150steps", "--out", str(tmp_path))
    board = json.loads((tmp_path / "Beauty" / "leaderboard.json").read_text())
    assert {row["system"] for row in board["rows"]} == {"popularity", "markov", "sasrec", "caser", "bert4rec"}, "what was there stands beside what is new"
    assert board["tests"] and (tmp_path / "Beauty" / "report.html").is_file()
    text = (tmp_path / "Beauty" / "improvements.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == ["all items ranked", "sampled, uniform-99", "sampled, popularity-100"]
    told = [line for line in text.splitlines() if line.startswith("| bert4rec | sasrec |")]
    assert len(told) == 3 and all(line.count("%") == 4 and line.count("[") == 4 for line in told), "each within its protocol, with an interval"
    assert (tmp_path / "Beauty" / "rows" / "markov.json").stat().st_mtime_ns == before, "it was not made again"


def test_pre_training_is_held_against_none_and_shuffled_attributes(environment: dict[str, str], tmp_path: Path) -> None:
    first = run(environment, "pretraining.py", "--losses", "bpr", "--budget", "6steps", "--out", str(tmp_path))
    assert [line.split()[2] for line in first.splitlines()] == ["pre-trained", "none", "shuffled"]
    table = (tmp_path / "pretraining.md").read_text()
    assert table.count("[") == 4 + 1, "two paired differences for each of the two arms that are pre-trained, and the note"
    stages = {place.stem.split("-6steps")[0]: json.loads(place.read_text())["stages"] for place in (tmp_path / "Beauty").glob("*.json")}
    assert [stage["name"] for stage in stages["bpr-none"]] == ["tune"] and stages["bpr-none"][0]["steps"] == 6
    assert [stage["steps"] for stage in stages["bpr-pre-trained"]] == [3, 3], "equal in total"
    again = run(environment, "pretraining.py", "--losses", "bpr", "--budget", "6steps", "--out", str(tmp_path))
    assert again == first and (tmp_path / "pretraining.md").read_text() == table
    assert "Over seeds" not in table
    for place in list((tmp_path / "Beauty").glob("*-6steps-0*")):
        twin = place.with_name(place.name.replace("-6steps-0", "-6steps-1"))
        twin.write_bytes(place.read_bytes() if place.suffix == ".npz" else json.dumps(json.loads(place.read_text()) | {"seed": 1}).encode())
    run(environment, "pretraining.py", "--losses", "bpr", "--budget", "6steps", "--out", str(tmp_path))
    alone, over = (tmp_path / "pretraining.md").read_text().split("Over seeds")
    pooled = [[cell.strip() for cell in line.split("|")[1:-1]] for line in over.splitlines() if line.startswith("| Beauty")]
    assert [cells[3:5] for cells in pooled] == [["0, 1", "pre-trained"], ["0, 1", "shuffled"]]
    assert all(f"{cells[-2]} | {cells[-1]} |" in alone for cells in pooled), "of two seeds that are alike the mean is that of each"

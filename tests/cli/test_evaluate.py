"""`tastelm evaluate`."""

import json
from pathlib import Path

import pytest

from cli.running import done, tastelm


@pytest.mark.parametrize("split", ["leave-one-out", "ratio:0.7,0.1", "cold-users:0.2"])
def test_it_finds_the_very_numbers_of_the_fit(split: str, log: Path, tmp_path: Path) -> None:
    done("fit", "ease", "--data", log, "--split", split, "--split-seed", 5, "--out", tmp_path)
    fitted = json.loads((tmp_path / "metrics.json").read_bytes())["test"]
    found = json.loads(done("evaluate", tmp_path, "--data", log, "--json").out)
    assert found["metrics"] == fitted["metrics"]
    assert found["ci95"] == fitted["ci95"]
    assert found["protocol"] == fitted["protocol"]
    assert found["remarks"] == []


def test_it_finds_the_very_numbers_of_a_comparison(log: Path, tmp_path: Path) -> None:
    done("compare", "--data", log, "--systems", "ease", "--protocol", "uniform-3", "--split-seed", 1, "--out", tmp_path)
    row = json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"][0]
    (folder,) = (tmp_path / "runs").iterdir()
    found = json.loads(done("evaluate", folder, "--data", log, "--protocol", "uniform-3", "--json").out)
    assert found["metrics"] == row["metrics"] and found["ci95"] == row["ci95"]


def test_the_table(run: Path, log: Path) -> None:
    said = done("evaluate", run, "--data", log, "--metrics", "hr@3,7 mrr").out
    assert all(word in said for word in ("test", "hr@3", "hr@7", "mrr", "["))
    assert "ndcg" not in said


def test_the_table_says_under_which_protocol(run: Path, log: Path, tmp_path: Path) -> None:
    assert "All items ranked; 40 test questions." in " ".join(done("evaluate", run, "--data", log).out.split())
    said = " ".join(done("evaluate", run, "--data", log, "--protocol", "uniform-3", "--cases", 7).out.split())
    assert "SAMPLED ranking, uniform-3: not comparable with full ranking; 7 test questions drawn at random of 40." in said
    rows = [f"u{user},{item},{1 + 4 * ((user + item) % 2)},{item}" for user in range(6) for item in range(12)]
    (tmp_path / "rated.csv").write_text("\n".join(["user,item,rating,time", *rows]))
    task = "liked:shown=2,disliked=2,likes=3,dislikes=2"
    said = " ".join(done("fit", "popularity", "--data", tmp_path / "rated.csv", "--protocol", task, "--out", tmp_path / "run").out.split())
    assert "TASK liked:" in said and "comparable with no other ranking; 6 test questions." in said and "hr@10" not in said
    again = done("evaluate", tmp_path / "run", "--data", tmp_path / "rated.csv").out
    assert f"TASK {task}, a liked item" in again, "however narrow the table is"


def test_seen_items_follow_the_option(run: Path, log: Path) -> None:
    for seen, words in (("mask", "set aside"), ("keep", "ranked too"), ("auto", "ranked too")):
        assert json.loads(done("evaluate", run, "--data", log, "--seen", seen, "--json").out)["protocol"]["seen_items"] == words


def test_other_data_are_remarked_on(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "ab" for t, i in enumerate(("0", "1", "2", "nobody"))))
    said = done("evaluate", run, "--data", tmp_path / "other.csv")
    assert "1 of 4 items are not known to the run: they count as misses." in said.err
    assert "The run was trained on other data" in said.err


def test_json_knows_no_nan(run: Path, tmp_path: Path) -> None:
    """Histories without a known item have no popularity."""
    (tmp_path / "other.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "ab" for t, i in enumerate(("x", "y", "z", "0"))))
    said = done("evaluate", run, "--data", tmp_path / "other.csv", "--json")
    json.loads(said.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_data_of_which_nothing_is_known_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "ab" for t, i in enumerate("pqr")))
    said = tastelm("evaluate", run, "--data", tmp_path / "other.csv")
    assert said.code == 2
    assert "none of the 3 items of other is known to the run" in said.err

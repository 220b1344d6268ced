"""`tastelm compare`."""

import json
from pathlib import Path

import numpy as np
import pytest

import tastelm as tl
from cli.running import done, tastelm

FAST = "popularity,itemknn,ease"


@pytest.fixture(scope="module")
def board(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare") / "board"
    done("compare", "--data", log, "--systems", FAST, "--set", "ease.l2=10", "--seed", 3, "--out", folder)
    return folder


def test_the_table_is_on_the_screen(log: Path, tmp_path: Path) -> None:
    said = done("compare", "--data", log, "--systems", "popularity,ease", "--out", tmp_path)
    assert "log: 40 users, 20 items, 391 interactions" in said.out
    assert all(word in said.out for word in ("popularity", "ease", "hr@10", "ndcg@10", "±", "best", "numbers", "MiB"))
    assert f"Written to {tmp_path / 'leaderboard.md'}" in said.out.replace("\n", "")
    assert "…" not in said.out
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["popularity", "ease"]


def test_leaderboard_json_holds_what_is_needed_to_read_it(board: Path, log: Path) -> None:
    content = json.loads((board / "leaderboard.json").read_bytes())
    data = tl.read(log)
    assert content["protocol"] == "full"
    assert {key: content["data"][key] for key in ("name", "fingerprint", "users", "items", "interactions")} == {
        "name": "log", "fingerprint": data.fingerprint, "users": 40, "items": 20, "interactions": 391,
    }  # fmt: skip
    assert {row["system"] for row in content["rows"]} == set(FAST.split(","))
    for row in content["rows"]:
        assert {"system", "metrics", "ci95", "seconds", "peak_mib", "parameters", "config", "seed", "version"} <= set(row)
        assert {"fit", "evaluate"} <= set(row["seconds"])
        low, high = row["ci95"]["hr@10"]
        assert low <= row["metrics"]["hr@10"] <= high
        assert row["peak_mib"] > 0 and row["parameters"] > 0
        assert (row["seed"], row["version"]) == (3, tl.__version__)
    assert [row["metrics"]["ndcg@10"] for row in content["rows"]] == sorted((row["metrics"]["ndcg@10"] for row in content["rows"]), reverse=True)


def test_settings_reach_their_system(board: Path) -> None:
    rows = {row["system"]: row for row in json.loads((board / "leaderboard.json").read_bytes())["rows"]}
    assert rows["ease"]["config"]["l2"] == 10
    assert rows["itemknn"]["config"]["shrink"] == 10


def test_a_setting_without_a_system_goes_to_the_only_one(log: Path, tmp_path: Path) -> None:
    done("compare", "--data", log, "--systems", "ease", "--set", "l2=7", "--out", tmp_path)
    assert json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"][0]["config"]["l2"] == 7


def test_leaderboard_md_is_the_table(board: Path) -> None:
    page = (board / "leaderboard.md").read_text()
    assert page.startswith("# log: 40 users, 20 items, 391 interactions\n\n| system | hr@10 | ndcg@10 |")
    assert sum(line.startswith("| ") for line in page.splitlines()) == 4


def test_finished_rows_are_used_again(board: Path, log: Path) -> None:
    files = sorted((board / "rows").iterdir()) + sorted((board / "runs").rglob("*.safetensors"))
    before = {path: path.stat().st_mtime_ns for path in files}
    content = (board / "leaderboard.json").read_bytes()
    said = done("compare", "--data", log, "--systems", FAST, "--set", "ease.l2=10", "--seed", 3, "--out", board)
    assert said.err.count("finished before") == 3
    assert {path: path.stat().st_mtime_ns for path in files} == before
    assert (board / "leaderboard.json").read_bytes() == content


def test_a_row_with_another_setting_is_made_anew_and_the_others_are_used_again(log: Path, tmp_path: Path) -> None:
    command = ("compare", "--data", log, "--systems", "popularity,ease", "--out", tmp_path)
    done(*command)
    said = done(*command, "--set", "ease.l2=1")
    assert "popularity" in next(line for line in said.err.splitlines() if "finished before" in line)
    assert said.err.count("finished before") == 1
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_row_that_is_damaged_is_made_anew(log: Path, tmp_path: Path) -> None:
    command = ("compare", "--data", log, "--systems", "popularity", "--out", tmp_path)
    done(*command)
    (tmp_path / "rows" / "popularity.json").write_text("{")
    assert "finished before" not in done(*command).err
    assert "finished before" in done(*command).err


def test_a_system_that_fails_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "abcd" for t, i in enumerate("pqrs")))
    said = done("compare", "--data", tmp_path / "text.csv", "--systems", "next-integer,popularity", "--out", tmp_path / "out")
    rows = {row["system"]: row for row in json.loads((tmp_path / "out" / "leaderboard.json").read_bytes())["rows"]}
    assert rows["next-integer"]["error"].startswith("text, column 'item': 'p' is not a whole number")
    assert "metrics" in rows["popularity"] and "error" not in rows["popularity"]
    assert "next-integer: failed: text, column 'item'" in said.err
    assert "failed, see below" in said.out and "next-integer failed: text" in said.out
    assert "failed" in (tmp_path / "out" / "leaderboard.md").read_text()


def test_when_every_system_fails_the_code_is_2(tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in "abcd" for t, i in enumerate("pqrs")))
    said = tastelm("compare", "--data", tmp_path / "text.csv", "--systems", "next-integer", "--out", tmp_path / "out")
    assert said.code == 2
    assert said.err.splitlines()[-1] == "Error: every system failed; the table says why."
    assert json.loads((tmp_path / "out" / "leaderboard.json").read_bytes())["rows"][0]["error"]


def test_a_sampled_protocol_stores_its_candidates(titled: Path, tmp_path: Path) -> None:
    said = done("compare", "--data", titled, "--systems", "popularity,ease", "--protocol", "uniform-5", "--out", tmp_path)
    content = json.loads((tmp_path / "leaderboard.json").read_bytes())
    assert content["protocol"] == "uniform-5"
    candidates = np.load(tmp_path / "candidates-uniform-5.npy", allow_pickle=False)
    assert candidates.shape == (content["evaluation"]["cases"], 5)
    assert "SAMPLED ranking, uniform-5: not comparable with full ranking" in said.out


def test_chosen_metrics_and_a_main_one_among_them(log: Path, tmp_path: Path) -> None:
    command = ("compare", "--data", log, "--systems", "ease,popularity", "--metrics", "popularity@5 hr@5", "--out", tmp_path)
    done(*command)
    content = json.loads((tmp_path / "leaderboard.json").read_bytes())
    assert content["evaluation"]["main"] == "popularity@5"
    assert set(content["rows"][0]["metrics"]) == {"popularity@5", "hr@5"}
    assert content["tests"], "the paired tests are about the main metric"
    assert done(*command).err.count("finished before") == 2


def test_numbers_that_are_none_are_dashes_and_null(tmp_path: Path) -> None:
    """Without any history there is no lift of popularity over it."""
    (tmp_path / "pairs.csv").write_text("user,item,time\n" + "".join(f"{u},{i},{t}\n" for u in range(8) for t, i in enumerate((u, u + 1, u + 2))))
    command = ("compare", "--data", tmp_path / "pairs.csv", "--systems", "popularity,itemknn", "--metrics", "popularity_lift@3 coverage@3",
               "--split", "cold-items:0.2", "--out", tmp_path / "out")  # fmt: skip
    for _ in range(2):
        outcome = done(*command)
        assert "nan" not in outcome.out.lower()
        json.loads((tmp_path / "out" / "leaderboard.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_the_same_system_twice_is_one_row(log: Path, tmp_path: Path) -> None:
    done("compare", "--data", log, "--systems", "ease, ease,popularity,", "--out", tmp_path)
    assert sorted(row["system"] for row in json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"]) == ["ease", "popularity"]


def test_a_transformer_with_settings_and_a_budget(log: Path, tmp_path: Path) -> None:
    small = [word for name in ("dim=8", "layers=1", "heads=1", "max_len=6", "dropout=0.1") for word in ("--set", f"sasrec.{name}")]
    done("compare", "--data", log, "--systems", "sasrec,popularity", *small, "--budget", "20steps", "--out", tmp_path)
    rows = {row["system"]: row for row in json.loads((tmp_path / "leaderboard.json").read_bytes())["rows"]}
    assert rows["sasrec"]["stages"][0]["steps"] == 20
    assert rows["sasrec"]["config"]["max_len"] == 6
    assert rows["sasrec"]["validation"]["ndcg@10"] > 0

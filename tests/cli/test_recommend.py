"""`tastelm recommend`, for one history and for a file of users."""

import json
from pathlib import Path

import polars as pl
import pytest

import tastelm as tl
from cli.running import done


def test_one_history(run: Path) -> None:
    said = done("recommend", run, "--history", "3 4", "-k", 5)
    assert said.err == ""
    rows = [line.split() for line in said.out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row[1] for row in rows] == tl.load(run).recommend(["3", "4"], k=5).ids


def test_json(run: Path) -> None:
    said = done("recommend", run, "--history", "3 4", "-k", 5, "--json")
    found = json.loads(said.out)
    assert [entry["item"] for entry in found["items"]] == tl.load(run).recommend(["3", "4"], k=5).ids
    assert set(found["items"][0]) == {"item", "score", "title"}
    assert found["unknown"] == []


def test_ten_items_without_k(run: Path) -> None:
    assert len(json.loads(done("recommend", run, "--history", "3", "--json").out)["items"]) == 10


def test_unknown_ids_are_named_and_not_fatal(run: Path) -> None:
    said = done("recommend", run, "--history", "3 [bold]zz 4 yy", "--json")
    assert said.err == "Not known to this run, and skipped: [bold]zz, yy.\n"
    assert json.loads(said.out)["unknown"] == ["[bold]zz", "yy"]
    assert json.loads(said.out)["items"] == json.loads(done("recommend", run, "--history", "3 4", "--json").out)["items"]


def test_an_empty_history_gets_an_answer(run: Path) -> None:
    assert len(json.loads(done("recommend", run, "--history", "", "--json").out)["items"]) == 10


def test_excluded_items_are_left_out(run: Path) -> None:
    first, second = (entry["item"] for entry in json.loads(done("recommend", run, "--history", "3", "-k", 2, "--json").out)["items"])
    assert json.loads(done("recommend", run, "--history", "3", "--exclude", first, "--json").out)["items"][0]["item"] == second


def test_an_unknown_user_is_named(run: Path) -> None:
    assert "The user nobody is not known to this run" in done("recommend", run, "--history", "3", "--user", "nobody").err


def test_titles_are_shown_as_they_are(titled: Path, tmp_path: Path) -> None:
    done("fit", "ease", "--data", titled, "--out", tmp_path)
    assert "Film [b]5[/b]" in done("recommend", tmp_path, "--history", "3 4", "-k", 18).out
    found = json.loads(done("recommend", tmp_path, "--history", "3 4", "--json").out)["items"][0]
    assert found["title"] == f"Film [b]{found['item']}[/b]"


def test_titles_of_a_table_beside(log: Path, titled: Path, tmp_path: Path) -> None:
    done("fit", "popularity", "--data", log, "--items", titled / "items.csv", "--out", tmp_path)
    assert "title" in done("recommend", tmp_path, "--history", "3").out


READERS = {".parquet": pl.read_parquet, ".csv": lambda path: pl.read_csv(path, schema_overrides={"item": pl.String}), ".jsonl": pl.read_ndjson}


@pytest.mark.parametrize("ending", READERS)
def test_bulk_writes_each_ending(ending: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,history\nann,3 4\nbob,\ncy,7 zz\n")
    said = done("recommend", run, "--users", tmp_path / "users.csv", "--out", tmp_path / f"recs{ending}", "-k", 4)
    assert "3 users in" in said.out and "users/s" in said.out
    assert "1 events were of items that the run does not know, and were skipped." in said.err
    table = READERS[ending](tmp_path / f"recs{ending}")
    assert table.columns == ["user", "rank", "item", "score"]
    assert table["user"].to_list() == ["ann"] * 4 + ["bob"] * 4 + ["cy"] * 4
    assert table["rank"].to_list() == [1, 2, 3, 4] * 3
    assert table.filter(user="ann")["item"].to_list() == tl.load(run).recommend(["3", "4"], 4).ids


def test_bulk_from_a_log(run: Path, log: Path, tmp_path: Path) -> None:
    said = done("recommend", run, "--users", log, "--out", tmp_path / "deep" / "recs.parquet", "-k", 3)
    assert "40 users in" in said.out and said.err == ""
    assert len(pl.read_parquet(tmp_path / "deep" / "recs.parquet")) == 120


def test_bulk_with_titles(titled: Path, tmp_path: Path) -> None:
    done("fit", "popularity", "--data", titled, "--out", tmp_path / "run")
    done("recommend", tmp_path / "run", "--users", titled, "--out", tmp_path / "recs.csv", "-k", 1)
    assert pl.read_csv(tmp_path / "recs.csv")["title"].str.starts_with("Film [b]").all()

"""Recommendations for a whole file of users."""

import stat
from pathlib import Path

import polars as pl
import pytest

from tastelm.bulk import WRITERS, recommend_file
from tastelm.errors import DataError, OutputError, SettingError
from tastelm.recommender import Recommender
from tastelm.systems.catalogue import system
from tastelm.testing import tastes, train

READERS = {".parquet": pl.read_parquet, ".csv": lambda path: pl.read_csv(path, schema_overrides={"item": pl.String}), ".jsonl": pl.read_ndjson}


@pytest.fixture(scope="module")
def model() -> Recommender:
    return train(system("bpr-mf"), tastes(60), budget="3epochs").recommender


def test_every_ending_has_a_reader_here() -> None:
    assert set(READERS) == set(WRITERS)


@pytest.mark.parametrize("ending", WRITERS)
def test_the_table_holds_what_recommend_says(ending: str, model: Recommender, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,history\nu0,1 2\nnobody,\nu1, 3  unheard 4 \n")
    report = recommend_file(model, tmp_path / "users.csv", tmp_path / f"recs{ending}", k=3)
    table = READERS[ending](tmp_path / f"recs{ending}")
    assert (report.users, report.unknown) == (3, 1)
    assert report.rate == pytest.approx(3 / report.seconds)
    for user, history in (("u0", ["1", "2"]), ("nobody", []), ("u1", ["3", "4"])):
        rows, found = table.filter(user=user), model.recommend(history, 3, user=user)
        assert rows["item"].to_list() == found.ids
        assert rows["rank"].to_list() == [1, 2, 3]
        assert rows["score"].to_list() == pytest.approx([entry.score for entry in found], rel=1e-5)


def test_a_log_is_a_history_for_each_user(model: Recommender, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\nann,2,20\nann,1,10\nbob,3,10\nbob,unheard,20\n")
    report = recommend_file(model, tmp_path / "log.csv", tmp_path / "recs.parquet", k=2)
    table = pl.read_parquet(tmp_path / "recs.parquet")
    assert (report.users, report.unknown) == (2, 1)
    assert table.filter(user="ann")["item"].to_list() == model.recommend(["1", "2"], 2).ids
    assert table.filter(user="bob")["item"].to_list() == model.recommend(["3"], 2).ids


def test_titles_have_a_column(model: Recommender, tmp_path: Path) -> None:
    titled = Recommender(model.system, model.module, model.items, model.users, {"1": 'One, "1"', "2": "Zwei\n2"})
    (tmp_path / "users.csv").write_text("user,history\nann,\n")
    recommend_file(titled, tmp_path / "users.csv", tmp_path / "recs.csv", k=20)
    table = pl.read_csv(tmp_path / "recs.csv", schema_overrides={"item": pl.String})
    assert dict(table.filter(pl.col("title").is_not_null()).select("item", "title").iter_rows()) == titled.titles


def test_a_short_list_ends_with_the_catalogue(model: Recommender, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(f"user,history\nann,{' '.join(model.items.ids[:-1])}\nbob,{' '.join(model.items.ids)}\n")
    recommend_file(model, tmp_path / "users.csv", tmp_path / "recs.parquet", k=5)
    table = pl.read_parquet(tmp_path / "recs.parquet")
    assert table.select("user", "rank", "item").rows() == [("ann", 1, model.items.ids[-1])]


def test_the_file_is_readable_like_any_other(model: Recommender, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,history\nann,1\n")
    recommend_file(model, tmp_path / "users.csv", tmp_path / "recs.csv")
    assert stat.S_IMODE((tmp_path / "recs.csv").stat().st_mode) == stat.S_IMODE((tmp_path / "users.csv").stat().st_mode)


@pytest.mark.parametrize(("content", "target", "error", "message"), [
    ("user,history\nann,1\n", "recs.xlsx", SettingError, r"recs\.xlsx: the ending '\.xlsx' is not known; use \.parquet, \.csv, \.jsonl\."),
    ("user,history\n", "recs.csv", DataError, r"users\.csv: there is a header but no user below it"),
    ("user,history\nann,1\n,2\n", "recs.csv", DataError, r"users\.csv, row 3, column 'user': it is empty\. Name every user\."),
    ("", "recs.csv", DataError, r"users\.csv: the file is empty"),
    ("name,list\nann,1\n", "recs.csv", DataError, r"users\.csv: no column for 'user'"),
    ("user,history\nann,1\n", "users.csv/recs.csv", OutputError, r"recs\.csv: cannot be written"),
    ("user,history\nann,1\n", "folder.csv", OutputError, r"folder\.csv: cannot be written \(Is a directory\)"),
])  # fmt: skip
def test_what_cannot_be_is_refused_and_leaves_nothing(
    content: str, target: str, error: type[Exception], message: str, model: Recommender, tmp_path: Path
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "users.csv").write_text(content)
    with pytest.raises(error, match=message):
        recommend_file(model, tmp_path / "users.csv", tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "users.csv"]

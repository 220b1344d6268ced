"""Everything that can be wrong with a public data set ends the command with 2, one sentence, and nothing half-written."""

import gzip
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from cli.running import tastelm
from data.public.conftest import Server, cache, server  # noqa: F401
from data.public.published import MAKERS, literals, objects, put, tarred, zipped

from bad_input.refusing import files, refused
from tastelm.data.sources.public import PUBLICATIONS, Publication, catalogue
from tastelm.data.sources.public.publication import Published

GOOD = "196\t242\t3\t881250949\n"
REVIEW = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1252800000}
YELP = {"user_id": "u", "business_id": "b", "stars": 3.0, "date": "2018-07-07 22:09:11"}
STEAM = {"username": "a", "product_id": "7", "date": "2017-12-17"}
BEAUTY = "amazon:2018/All_Beauty@{place}"


def of(name: str, content: str | bytes) -> Callable[[Path], object]:
    """Writes one file."""
    return lambda folder: put(folder, name, content)


def also(name: str, *more: tuple[str, str | bytes]) -> Callable[[Path], object]:
    """Writes a whole set, then files over or beside it."""

    def make(folder: Path) -> None:
        MAKERS[name](folder)
        for path, content in more:
            put(folder, path, content)

    return make


def no_rows(folder: Path) -> None:
    """A spreadsheet with its header and nothing below it."""
    pl.DataFrame(schema={"InvoiceNo": pl.String, "StockCode": pl.String}).write_excel(folder / "Online Retail.xlsx")


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def damaged_zip(folder: Path) -> None:
    MAKERS["movielens:100k"](folder / "made")
    path = zipped(folder / "made", folder / "a.zip")
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)


def cut_archive(name: str, packing: Callable[[Path, Path], Path]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        MAKERS["movielens:100k"](folder / "made")
        put(folder, "made/padding.bin", os.urandom(30_000))
        cut(packing(folder / "made", folder / name), 200)

    return make


def attributes(content: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        put(folder, "s.txt", "1 2 3\n2 4\n")
        put(folder, "s_item2attributes.json", content)

    return make


def nothing(folder: Path) -> None:
    """No file at all."""


# What the case is, what lies in the place, what is read, the message.
CASES = [
    # names
    ("unknown version", nothing, "movielens:2m", r"'movielens:2m': there is no version '2m' of movielens; did you mean 'movielens:25m'\?"),
    ("family without a version", nothing, "movielens", r"'movielens': movielens has several versions; known are: movielens:100k, movielens:1m"),
    ("unknown category", nothing, "amazon:2014/Beuty", r"there is no part 'Beuty' in amazon:2014; did you mean 'Beauty'\?"),
    ("no category", nothing, "amazon:2023", r"amazon:2023 needs a part, as in amazon:2023/All_Beauty"),
    ("unknown year", nothing, "amazon:2019/Books", r"there is no version '2019' of amazon; did you mean 'amazon:201\d'\?"),
    ("unknown family", nothing, "movielense:1m", r"'movielense:1m' is neither a file nor a data set .* did you mean 'movielens'\?"),
    ("not in the cache", nothing, "movielens:1m",
     r"movielens:1m is not in the cache \(.*\)\. Get it with: tastelm data get movielens:1m, or name what you have"),
    ("by hand and not in the cache", nothing, "yelp", r"yelp is not in the cache .* Accept Yelp's terms .* tastelm data get yelp --from FILE"),
    ("no place behind the @", nothing, "movielens:1m@", r"'movielens:1m@' names no place"),
    ("a place that is not there", nothing, "movielens:1m@{place}/nowhere", r"nowhere: there is no such file or folder\. Check the path of movielens:1m"),
    # archives and folders
    ("empty folder", nothing, "movielens:100k@{place}", r"'u\.data' of movielens:100k is not there; it holds nothing\. Give the publisher's archive"),
    ("folder of another set", also("yoochoose"), "movielens:100k@{place}",
     r"'u\.data' .* is not there; it holds 'yoochoose-buys\.dat', 'yoochoose-clicks\.dat'"),
    ("archive without the file", lambda folder: zipped(put(folder, "in/readme.txt", "x").parent, folder / "a.zip"), "movielens:100k@{place}/a.zip",
     r"a\.zip: 'u\.data' of movielens:100k is not there; it holds 'readme\.txt'"),
    ("cut zip", cut_archive("a.zip", zipped), "movielens:100k@{place}/a.zip", r"a\.zip: the archive is damaged or cut off \(.*\)\. Fetch it again"),
    ("damaged zip", damaged_zip, "movielens:100k@{place}/a.zip", r"a\.zip: the archive is damaged or cut off"),
    ("cut tar", cut_archive("a.tar.gz", tarred), "movielens:100k@{place}/a.tar.gz", r"a\.tar\.gz: the archive is damaged or cut off"),
    ("cut 7z", of("y.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(9)), "yoochoose@{place}/y.7z", r"y\.7z: the archive is damaged or cut off"),
    ("a page in place of the archive", of("a.zip", "<html>404</html>"), "movielens:100k@{place}/a.zip", r"a\.zip: the archive is damaged or cut off"),
    ("two files of a name", lambda folder: [put(folder, f"{name}/u.data", GOOD) for name in "ab"], "movielens:100k@{place}",
     r"ambiguous: 'a/u\.data', 'b/u\.data' could each be the ratings file"),
    # tables
    ("empty log", of("u.data", ""), "movielens:100k@{place}", r"u\.data: the file is empty"),
    ("rating that is none", of("u.data", f"{GOOD}1\t2\tfive\t881250949\n"), "movielens:100k@{place}", r"u\.data, row 2, column '3': 'five' is not a number"),
    ("time that is none", of("u.data", f"{GOOD}1\t2\t3\tnoon\n"), "movielens:100k@{place}", r"u\.data, row 2, column '4': 'noon' is not a time"),
    ("short row", of("u.data", f"{GOOD}1\t2\n"), "movielens:100k@{place}", r"u\.data, row 2: 2 fields where .* need 4"),
    ("cut last row", of("ratings.dat", "1::1193::5::978300760\n1::661::3"), "movielens:1m@{place}", r"ratings\.dat, row 2: 3 fields where .* need 4"),
    ("short item row", also("movielens:100k", ("ml-100k/u.item", "1|Toy Story\n")), "movielens:100k@{place}",
     r"u\.item, row 1: 2 fields where the published file has 24"),
    ("other header", of("ratings.csv", "user;film\n1;2\n"), "movielens:20m@{place}", r"ratings\.csv: .*(column 'userId'|'userId')"),
    ("films without genres", also("movielens:20m", ("ml-20m/movies.csv", "movieId,title\n2,x\n")), "movielens:20m@{place}",
     r"movies\.csv: the published columns movieId, title, genres are not there, only movieId, title"),
    ("no sheet", of("Online Retail.xlsx", b"PK\x03\x04 nothing"), "online-retail:1@{place}", r"Online Retail\.xlsx: the spreadsheet cannot be read"),
    ("sheet of something else", of("Online Retail.csv", "InvoiceNo,StockCode\n1,2\n"), "online-retail:1@{place}",
     r"the published columns 'CustomerID', .* are not there"),
    ("sheet without rows", no_rows, "online-retail:1@{place}", r"Online Retail\.xlsx: the spreadsheet has no rows"),
    ("products of other columns", also("diginetica", ("products.csv", "itemId;pricelog2\n81766;10\n")), "diginetica@{place}",
     r"products\.csv: the published columns itemId, pricelog2, product\.name\.tokens are not there, only itemId, pricelog2"),
    ("click without a time", of("yoochoose-clicks.dat", "1,never,2,0\n1,2014-04-07T10:51:09.277Z,2,0\n"), "yoochoose@{place}",
     r"clicks\.dat, row 1, column '2': 'never'"),
    ("tags in another encoding", also("lastfm:2k", ("artists.dat", "id\tname\turl\tpictureURL\n51\tMötley\tx\ty\n".encode("latin-1"))), "lastfm:2k@{place}",
     r"artists\.dat: byte \d+ is not utf-8 text"),
    # lines
    ("cut reviews", lambda folder: cut(put(folder, "All_Beauty_5.json.gz", objects(REVIEW) * 99), 12), BEAUTY,
     r"All_Beauty_5\.json\.gz: the gzip file is cut off after"),
    ("damaged reviews", of("All_Beauty_5.json", gzip.compress(b"x" * 999)[:-8] + bytes(8)), BEAUTY, r"All_Beauty_5\.json: the gzip file is damaged after"),
    ("cut line", of("All_Beauty_5.json", objects(REVIEW) + '{"reviewerID": "A'), BEAUTY,
     r"All_Beauty_5\.json, row 2: .* is not one JSON object on a line.*cut off"),
    ("list for a line", of("All_Beauty_5.json", objects(REVIEW) + "[1]\n"), BEAUTY,
     r"row 2: '\[1\]' is not one JSON object on a line as published: it is no object"),
    ("word for a rating", of("All_Beauty_5.json", objects(REVIEW, {**REVIEW, "overall": "five"})), BEAUTY, r"row 2: .*'overall' is 'five', not a number"),
    ("review without a user", of("All_Beauty_5.json", objects(REVIEW, {**REVIEW, "reviewerID": None})), BEAUTY,
     r"row 2, column 'reviewerID': an empty value is not an id"),
    ("empty reviews", of("All_Beauty_5.json", "\n\n"), BEAUTY, r"All_Beauty_5\.json: the file is empty"),
    ("products of other data", lambda place: [put(place, "All_Beauty_5.json", objects(REVIEW)), put(place, "meta_All_Beauty.json", objects({"asin": "Z"}))],
     BEAUTY, r"meta_All_Beauty\.json: none of its 1 items, as 'Z', is in the interactions\. Give the files of one data set"),
    ("businesses of another city", lambda folder: [put(folder, "review.json", objects(YELP)), put(folder, "business.json", objects({"business_id": "c"}))],
     "yelp@{place}", r"business\.json: none of its 1 items, as 'c', is in the interactions"),
    ("code in the place of a constant", of("steam_reviews.json", literals(STEAM) + "{'username': __import__('os').getcwd()}\n"), "steam@{place}",
     r"steam_reviews\.json, row 2: .* is not one Python dictionary on a line as published: malformed node"),
    ("deep constant", of("steam_reviews.json", "{'username': " + "(" * 5000 + "\n"), "steam@{place}",
     r"steam_reviews\.json, row 1: .* is not one Python dictionary"),
    # attributes
    ("attributes of unknown items", attributes('{"77": ["a"], "78": ["b"]}'), "{place}/s.txt",
     r"s: none of the 2 items of the items table, as '77', is in the interactions"),
    ("empty attribute lists", attributes('{"2": [], "3": []}'), "{place}/s.txt", r"s_item2attributes\.json: the attributes of all 2 items are empty lists"),
    ("attribute that is a table", attributes('{"2": [{"a": 1}]}'), "{place}/s.txt",
     r"the attributes of item '2' hold \{'a': 1\}, which is neither a number nor a word"),
    ("attribute that is missing", attributes('{"2": ["a", null]}'), "{place}/s.txt", r"the attributes of item '2' hold None, which is neither"),
    ("attributes that are cut off", attributes('{"2": ["a"'), "{place}/s.txt", r"s_item2attributes\.json: the attributes are no JSON"),
    ("attributes twice in a list", attributes("[1]"), "{place}/s.txt", r"the attributes must be written as"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "source", "message"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_one_clear_sentence(make, source, message, tmp_path, cache) -> None:  # noqa: F811
    make(tmp_path)
    before = files(tmp_path)
    outcome = tastelm("data", "check", source.format(place=tmp_path))
    refused(outcome, message)
    assert len(outcome.err) < 900 and files(tmp_path) == before and files(cache) == {}


def test_the_cases_are_many_and_each_once() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--user", "2"), r"--user 2 does not fit, since the columns of a public data set are known; only 'none' can be said"),
        (("--item", "none"), r"--item none does not fit"),
        (("--time", "date"), r"--time date does not fit"),
    ],
)
def test_columns_of_a_public_set_are_not_chosen(options, message, tmp_path) -> None:
    put(tmp_path, "u.data", GOOD)
    refused(tastelm("data", "check", f"movielens:100k@{tmp_path}", *options), message)


@pytest.fixture
def offered(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:  # noqa: F811
    """Publishes MovieLens 100K on loopback, with what is to be wrong with it."""

    def offer(digest: str | None = None, content: bytes | None = None) -> None:
        MAKERS["movielens:100k"](tmp_path / "made")
        put(tmp_path, "made/padding.bin", os.urandom(1 << 20))
        server.files["ml-100k.zip"] = content or zipped(tmp_path / "made", tmp_path / "ml-100k.zip").read_bytes()
        changed = {**vars(PUBLICATIONS["movielens:100k"]), "files": (Published(server.url("ml-100k.zip"), digest=digest),)}
        monkeypatch.setitem(catalogue.PUBLICATIONS, "movielens:100k", Publication(**changed))

    return offer


def test_a_wrong_checksum(offered, cache) -> None:  # noqa: F811
    offered(digest=f"md5:{'0' * 32}")
    refused(tastelm("data", "get", "movielens:100k", "--yes"), r"wrong checksum: the file that came is not the one published as md5:0+\. It was thrown away")
    assert files(cache) == {}


def test_a_stopped_download(offered, server, cache) -> None:  # noqa: F811
    offered()
    server.cuts = [1 << 18, 0, 0]
    refused(tastelm("data", "get", "movielens:100k", "--yes"), r"the download stopped after 262,144 bytes .* give the same command again to go on")
    refused(tastelm("data", "check", "movielens:100k"), r"movielens:100k is not in the cache")
    server.cuts = []
    assert tastelm("data", "get", "movielens:100k", "--yes").code == 0 and tastelm("data", "check", "movielens:100k").code == 0
    assert sorted(os.listdir(cache / "movielens-100k")) == ["ml-100k.zip", "record.json"]


def test_a_file_that_is_gone_from_the_server(offered, server, cache) -> None:  # noqa: F811
    offered()
    server.status = 404
    refused(tastelm("data", "get", "movielens:100k", "--yes"), r"the server answers 404 \(Not Found\)\. Look at the publisher's page")
    assert files(cache) == {}


def test_a_page_in_place_of_the_archive(offered, cache) -> None:  # noqa: F811
    offered(content=b"<html>log in first</html>")
    refused(tastelm("data", "get", "movielens:100k", "--yes"), r"ml-100k\.zip: the archive is damaged or cut off")
    assert files(cache) == {}


def test_a_record_that_is_damaged(tmp_path, cache) -> None:  # noqa: F811
    MAKERS["movielens:1m"](tmp_path)
    assert tastelm("data", "get", "movielens:1m", "--from", tmp_path, "--yes").code == 0
    for content in ("{", "[]", '{"files": {"a": 1}, "complete": true}'):
        (cache / "movielens-1m/record.json").write_text(content)
        refused(tastelm("data", "check", "movielens:1m"), r"record\.json: the record is damaged\. Delete .*movielens-1m and fetch the set again")
        assert tastelm("data", "list").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("movielens:3m", "--yes"), r"there is no version '3m' of movielens"),
        (("nothing", "--yes"), r"'nothing' is no public data set that is known here"),
        (("yelp", "--yes"), r"yelp cannot be fetched\. Accept Yelp's terms"),
        (("movielens:1m", "--from", "{place}/none", "--yes"), r"none: there is no such file or folder"),
        (("movielens:1m", "--from", "{place}", "--yes"), r"'ratings\.dat' of movielens:1m is not there"),
        (("movielens:1m", "--from", "ftp://x/y", "--yes"), r"--from takes a folder, a file or an http address, not 'ftp://x/y'"),
        (("movielens:1m", "--from", "http://127.0.0.1:9/a.zip", "--yes"), r"the download stopped after 0 bytes \(no connection\)"),
    ],
)
def test_what_cannot_be_got(arguments, message, tmp_path, cache) -> None:  # noqa: F811
    refused(tastelm("data", "get", *(word.format(place=tmp_path) for word in arguments)), message)
    assert files(cache) == {}


def test_a_tar_that_wants_out(tmp_path) -> None:
    put(tmp_path, "u.data", GOOD)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "u.data", "../../u.data")
    refused(tastelm("data", "check", f"movielens:100k@{tmp_path / 'a.tar'}"), r"a\.tar: refused, since its member '\.\./\.\./u\.data' would be written outside")

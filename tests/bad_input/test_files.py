"""Every bad file gets one sentence: which file, which row and column, what stood there, and what to do."""

import gzip
import io
import pickle
import re
import zipfile

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tastelm.data import Dataset
from tastelm.data.sources import read
from tastelm.errors import DataError, SettingError, TasteLMError


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"user": [1.5, 2.0], "item": [1, 2]}).write_parquet(buffer)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.csv", "user,item\na,b\n")
    return buffer.getvalue()


CSV = b"user,item,time\na,x,1\na,y,2\nb,x,3\n"
COLUMN = r"column '{}'"
# What the case is, the name of the file ('/' for a folder), its content, the message; then options of `read`, and the error if it is no DataError.
CASES = [
    # files that are none
    ("missing", "nowhere.csv", None, r"nowhere.csv: there is no such file. Check the path"),
    ("name too long", "x" * 300 + ".csv", None, r"cannot be read \(File name too long\)"),
    ("empty", "a.csv", b"", r"a.csv: the file is empty. It needs at least one row of user and item"),
    ("only blanks", "a.csv", b" \n\t\n", r"a.csv: the file is empty"),
    ("only a byte order mark", "a.csv", b"\xef\xbb\xbf\n", r"a.csv: the file holds nothing but blanks"),
    ("empty gzip", "a.csv.gz", gzip.compress(b""), r"a.csv.gz: the file is empty"),
    ("empty folder", "folder/", None, r"folder: no interactions in this folder, which holds nothing. Looked for interactions, .*Name one file"),
    # files of another kind
    ("binary", "a.csv", b"user,item\na,\x00\x01\n", r"a.csv, line 2: a NUL byte \(offset 12\): the file is binary or damaged. Give a CSV"),
    ("random bytes", "a.csv", bytes(range(128, 256)), r"a.csv, line 1: byte 0x80 \(offset 0\) is not UTF-8 text; .* iconv"),
    ("zip", "a.csv", archive(), r"a.csv: the file is a zip archive or spreadsheet. Unpack it"),
    ("pickle", "a.pkl", pickle.dumps({"user": [1]}), r"a.pkl: the file is a Python pickle, .* is never read. Save the table as Parquet"),
    ("sqlite", "a.db", b"SQLite format 3\x00 ...", r"a.db: the file is an SQLite database. Export"),
    ("numpy", "a.npy", b"\x93NUMPY\x01", r"a.npy: the file is a NumPy array. Save"),
    ("pdf", "a.csv", b"%PDF-1.7", r"a.csv: the file is a PDF document"),
    ("prose", "a.txt", b"Once upon a time\nthere was a file.\n", r"a.txt: no columns are found, since line 1 \('Once upon a time'\)"),
    ("one column", "a.csv", b"user\na\nb\n", r"a.csv: no columns are found, since line 1 \('user'\) holds none of the separators"),
    # encodings
    ("latin-1", "a.csv", "user,item\na,x\nb,Café\n".encode("latin-1"), r"a.csv, line 3: byte 0xE9 \(offset 19\) is not UTF-8 text; .*LATIN1"),
    ("utf-16", "a.csv", "user,item\na,x\n".encode("utf-16"), r"a.csv: the text is UTF-16. Convert it with: iconv"),
    ("utf-16 without mark", "a.csv", "user,item\n".encode("utf-16-le"), r"a.csv, line 1: a NUL byte"),
    # cut off
    ("cut gzip", "a.csv.gz", gzip.compress(CSV * 50)[:-9], r"a.csv.gz: the gzip file is cut off after [\d,]+ unpacked bytes. Fetch it again"),
    ("damaged gzip", "a.csv.gz", gzip.compress(CSV)[:-8] + bytes(8), r"a.csv.gz: the gzip file is damaged after .* Fetch it again"),
    ("gzip head only", "a.csv.gz", b"\x1f\x8b", r"a.csv.gz: the gzip file is cut off after 0 unpacked"),
    ("cut parquet", "a.parquet", parquet()[:-20], r"a.parquet: the Parquet file is damaged or cut off \(.*\). Fetch or write it again"),
    ("parquet head only", "a.parquet", b"PAR1", r"a.parquet: the Parquet file is damaged or cut off"),
    ("cut json lines", "a.jsonl", b'{"user": 1, "item": 2}\n{"user": 1, "it', r"a.jsonl, row 2: .*1 of 2 rows.*cut off: fetch the file again"),
    ("cut json list", "a.json", b'[{"user": 1, "item": 2},', r"a.json: the JSON list cannot be read: .*If the file is cut off"),
    ("python dicts", "a.json", b"{'user': 1, 'item': 2}\n{'user': 1, 'item': 2}\n", r"a.json, row 1: .*\(2 of 2 rows\). Single quotes are Python"),
    ("pretty json", "a.json", b'{\n "user": 1,\n "item": 2\n}\n', r"a.json, row 1: '\{' is not one JSON object on a line"),
    ("json list of lists", "a.json", b'[{"user": 1, "item": 2}, [1, 2]]', r"a.json, entry 2: \[1, 2\] is not an object. Write each row as"),
    ("deep json", "a.json", b'{"user": ' + b"[" * 100_000, r"a.json, row 1: .* is not one JSON object on a line: nested too deeply"),
    ("open quote", "a.csv", b'user,item\na,x\nb,"y\nc,z\n', r"a.csv, row 3: quotes do not fit \(unexpected end of data\). Close every"),
    ("quote inside", "a.csv", b'user,item,t\na,x,1\nb,"y" z,"1,1"\n', r"a.csv, row 3: quotes do not fit .* double each"),
    ("open quote in header", "a.csv", b'"user,item\na,x\n', r"a.csv"),
    # rows
    ("long row", "a.csv", CSV + b"c,x,4,5\n", r"a.csv, row 5: 4 fields where 'user', 'item', 'time' need 3 \(1 of 4 rows\).*--bad-rows skip"),
    ("short row", "a.csv", b"user,item\na,x\nb\n\nc\n", r"a.csv, row 3: 1 field where 'user', 'item' need 2 \(2 of 3 rows\)"),
    ("short row among quotes", "a.csv", b'user,item,x\na,x,"1\n2"\nb,1\n', r"a.csv, row 4: 2 fields where"),
    ("one field too many at the end", "a.csv", b"user,item\na,b\nb,c,", r"a.csv, row 3: 3 fields where"),
    ("header only", "a.csv", b"user,item,time\n", r"a.csv: there is a header but no row"),
    ("all rows skipped", "a.csv", b"user,item\n,x\n,y\n", r"a.csv: no row can be used: 2 of 2 rows dropped: column 'user'", {"bad_rows": "skip"}),
    # columns
    ("no user", "a.csv", b"person,item\na,x\n", r"a.csv: no column for 'user' \(who\) among 'person', 'item'. Name it with --user NAME"),
    ("no item", "a.jsonl", b'{"user": 1, "thing": 2}\n', r"a.jsonl: no column for 'item' \(what\) among 'user', 'thing'. .*--item NAME"),
    ("two users", "a.csv", b"customer,uid,item\na,b,x\n", r"a.csv: ambiguous: 'customer', 'uid' could each be the column 'user'. .*--user NAME"),
    ("two spellings", "a.csv", b"user_id,userId,item\na,b,x\n", r"ambiguous: 'user_id', 'userId' could each .*--user NAME"),
    ("two times", "a.csv", b"user,item,date,createdAt\na,x,1,2\n", r"a.csv: ambiguous: 'date', 'createdAt' could .*'time'.*--time NAME"),
    ("one name twice", "a.csv", b"user,item,user\na,x,b\n", r"a.csv, row 1: two columns are called 'user'. Rename one"),
    ("no such column", "a.csv", CSV, r"a.csv: there is no column 'when' for --time; the columns are 'user', 'item', 'time'", {"columns": {"time": "when"}}),
    ("no such number", "a.csv", CSV, r"a.csv: there is no column '9' for --time", {"columns": {"time": "9"}}),
    ("one column for both", "a.csv", CSV, r"a.csv: column 'item' cannot be both user and item. Name another with --user NAME", {"columns": {"user": "item"}}),
    ("unknown column key", "a.csv", CSV, r"'tmie' is no column of the interactions; did you mean 'time'", {"columns": {"tmie": "time"}}, SettingError),
    ("no header", "a.csv", b"1,2,3\n1,3,4\n", r"a.csv: the file has no header \(row 1 is 1, 2, 3\).*--user 1 --item 2"),
    ("too many columns", "a.csv", b"user,item," + b"c," * 10_001 + b"\n", r"a.csv: the header has 10,004 columns, more than the 10,000"),
    # values
    ("empty user", "a.csv", b"user,item\na,x\n ,y\n", r"a.csv, row 3, column 'user': ' ' is not an id \(1 of 2 rows\). Correct it"),
    ("null item", "a.jsonl", b'{"user": 1, "item": null}\n', r"a.jsonl, row 1, column 'item': an empty value is not an id"),
    ("nan id", "a.csv", b"user,item\nnan,x\n", r"a.csv, row 2, column 'user': 'nan' is not an id"),
    ("fractional id", "a.parquet", parquet(), r"a.parquet, row 1, column 'user': '1.5' is not an id \(1 of 2 rows\)"),
    ("huge id", "a.csv", b"user,item\na," + b"9" * 600 + b"\n", r"a.csv, row 2, column 'item': '9{60}\.\.\.' is not an id"),
    ("nested id", "a.jsonl", b'{"user": {"id": 1}, "item": 2}\n', r"a.jsonl, row 1, column 'user': .* is not an id"),
    ("bad date", "a.csv", b"user,item,date\na,x,2024-01-02\na,y,2024-13-02\n",
     r"a.csv, row 3, column 'date': '2024-13-02' is not a date \(1 of 2 rows\). Correct it, "
     r"choose another column with --time NAME, or drop it with --bad-rows skip\.$"),
    ("bad time", "a.csv", CSV + b"b,y,soon\n", r"a.csv, row 5, column 'time': 'soon' is not a time \(1 of 4 rows\)"),
    ("empty time", "a.csv", CSV + b"b,y,\n", r"a.csv, row 5, column 'time': an empty value is not a time"),
    ("infinite time", "a.csv", CSV + b"b,y,inf\n", r"a.csv, row 5, column 'time': 'inf' is not a time"),
    ("time in two units", "a.csv", b"user,item,time\na,x,1441324800\na,y,1441324800\na,z,1441324800000\n",
     r"row 4, column 'time': '1441324800000' is not a time in seconds since 1970, as most others are"),
    ("day or month", "a.csv", b"user,item,date\na,x,01/02/2024\n", r"a.csv, column 'date': ambiguous dates: '01/02/2024' .*Write the year first"),
    ("nan rating", "a.csv", b"user,item,rating\na,x,5\na,y,nan\n", r"a.csv, row 3, column 'rating': 'nan' is not a number \(1 of 2 rows\).*--rating NAME"),
    ("comma rating", "a.csv", b"user;item;rating\na;x;3,5\n", r"a.csv, row 2, column 'rating': '3,5' is not a number"),
    # sequences
    ("user without items", "s.txt", b"1 2 3\n2\n3 4 5\n", r"s.txt, row 2: '2' has no user or no item \(1 of 3 rows\).*--bad-rows skip"),
    ("user on two lines", "s.txt", b"1 2 3\n2 4\n1 5 6 7\n", r"s.txt, row 3: '1 5 6 7' has a user who has a line already \(1 of 3 rows\)"),
    ("word among numbers", "s.txt", b"1 2 3\n2 x 5 4\n3 7\n", r"s.txt, row 2: '2 x 5 4' has a value that is not a whole number"),
    ("table or sequences", "s.txt", b"1 2 3\n", r"s.txt: every line holds 3 whole numbers between blanks, which may be a table or sequences"),
    ("sequence header only", "s.tsv", b"user_id\titem_ids\n", r"s.tsv: there is a header but no line"),
    ("huge id in a sequence", "s.txt", b"1 2 3\n2 " + b"7" * 600 + b"\n", r"s.txt, row 2: .* has an id of more than 512 letters"),
    # filters
    ("nothing left", "a.csv", CSV, r"a: no interactions are left after the filter 9-core. Loosen it", {"k_core": 9}),
    ("no rating to filter", "a.csv", CSV, r"a has no column 'rating', which min_rating needs; it has user, item, time", {"min_rating": 3}, SettingError),
    ("no such event", "a.csv", b"user,item,event\na,x,view\n", r"a: no interactions are left after the filter event in buy", {"events": ["buy"]}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_one_clear_sentence(tmp_path, case):
    _, name, content, message, *rest = case
    options, error = rest[0] if rest else {}, rest[1] if len(rest) > 1 else DataError
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TasteLMError) as raised:
        read(path, **options)
    assert type(raised.value) is error
    text = str(raised.value)
    assert re.search(message, text), text
    assert "\n" not in text and len(text) < 900
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["ragged.json", '["a"]', '{"1": 2}', "{}", "{"])
def test_attributes_that_cannot_be(tmp_path, name):
    (tmp_path / "s.txt").write_text("1 2 3\n2 4\n")
    (tmp_path / "s_item2attributes.json").write_text(name)
    with pytest.raises(DataError, match=r"s_item2attributes.json: the attributes"):
        read(tmp_path / "s.txt")


@pytest.mark.parametrize("content", [b"user,item\na,x\n", b"user,item,time\na,x,7\nb,y,7\n", b"user,item\na,-1\na,99999999999999999999999999\n"])
def test_small_and_strange_but_usable(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    assert len(read(tmp_path / "a.csv")) == content.count(b"\n") - 1


def read_or_refuse(path, content, **options):
    path.write_bytes(content)
    try:
        assert isinstance(read(path, **options), Dataset)
    except TasteLMError as error:
        assert "\n" not in str(error).strip() and str(error)


anything = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
policy = st.sampled_from(["stop", "skip"])
cell = st.sampled_from(["1", "u", "", "nan", '"', '""', '"a"', "2024-01-02", "01/02/2024", "1e400", "9" * 40, "a b", "1441324800000", "[", "{", "\r", "\x1c"])
header = st.sampled_from(["", "user,item,time,rating\n", "user\titem\n", "user_id\titem_ids\n", "user:token\titem:token\n", "event,session,user,item\n"])


@anything
@given(
    st.one_of(
        st.binary(max_size=99),
        *(st.binary(max_size=40).map(lambda data, head=head: head + data) for head in (b"\x1f\x8b", b"PAR1", b"{", b"[{")),
    ),
    policy,
)
def test_any_bytes(tmp_path, content, bad_rows):
    read_or_refuse(tmp_path / "a.csv", content, bad_rows=bad_rows)


@anything
@given(st.text(max_size=99), policy)
def test_any_text(tmp_path, content, bad_rows):
    read_or_refuse(tmp_path / "a.csv", content.encode(errors="surrogatepass"), bad_rows=bad_rows)


@anything
@given(
    header,
    st.lists(st.lists(cell, min_size=1, max_size=4), max_size=6),
    st.sampled_from([",", "\t", ";", "|", "::", " "]),
    policy,
    st.booleans(),
)
def test_any_table(tmp_path, head, table, separator, bad_rows, by_number):
    columns = {"user": "1", "item": "2"} if by_number else None
    read_or_refuse(tmp_path / "a.csv", (head + "\n".join(separator.join(row) for row in table)).encode(), bad_rows=bad_rows, columns=columns)


@anything
@given(st.text(alphabet="0123 \t\n", max_size=60), policy)
def test_any_numbers_between_blanks(tmp_path, content, bad_rows):
    read_or_refuse(tmp_path / "a.txt", content.encode(), bad_rows=bad_rows)

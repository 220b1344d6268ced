import csv
import gzip
import io
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sources import content, read
from tastelm.data.sources.delimited import read_delimited
from tastelm.errors import DataError, SettingError

from .conftest import counts, rows

EXPECTED = [("u1", "i1", 10.0, 5.0), ("u1", "i2", 20.0, 3.5), ("u2", "i1", 5.0, 1.0)]
LINES = [["userId", "movieId", "rating", "timestamp"], ["u1", "i1", "5", "10"], ["u2", "i1", "1", "5"], ["u1", "i2", "3.5", "20"]]


def text(separator, lines=LINES):
    return "\n".join(separator.join(line) for line in lines) + "\n"


@pytest.mark.parametrize("separator", [",", "\t", ";", "|", "::"])
def test_separators(write, separator):
    dataset = read(write("clicks.csv", text(separator)))
    assert rows(dataset) == EXPECTED and dataset.order == "time" and dataset.name == "clicks"
    assert dataset.notes[0] == "user from 'userId', item from 'movieId', time from 'timestamp', rating from 'rating'"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: gzip.compress(data),
        lambda data: gzip.compress(data[:40]) + gzip.compress(data[40:]),
        lambda data: gzip.compress(data) + b"\0\0",
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"\n \n" + data.replace(b"\n", b"\n\n") + b"\n\n",
        lambda data: data.replace(b",", b" , "),
        lambda data: data.replace(b"u1", b'"u1"'),
        lambda data: data.rstrip(),
    ],
    ids=["gzip", "two gzip members", "padded gzip", "bom", "crlf", "cr", "blank lines", "blanks", "quotes", "no end"],
)
def test_the_same_table_in_other_clothes(write, change):
    assert rows(read(write("clicks.csv", change(text(",").encode())))) == EXPECTED


def test_gzip_by_content_and_plain_under_a_gz_name(write):
    assert rows(read(write("clicks.csv.gz", text(",")))) == EXPECTED
    assert read(write("more.csv.gz", gzip.compress(text(",").encode()))).name == "more"


def test_json_lines_and_lists(write):
    records = [dict(zip(LINES[0], line, strict=True)) for line in LINES[1:]]
    typed = [{**record, "rating": float(record["rating"]), "timestamp": int(record["timestamp"])} for record in records]
    for some in (records, typed):
        assert rows(read(write("a.jsonl", "\n\n".join(map(json.dumps, some))))) == EXPECTED
        assert rows(read(write("a.json", json.dumps(some)))) == EXPECTED


def test_json_ids_of_mixed_types_and_a_late_column(write):
    lines = [
        '{"user": 1, "item": "a", "rating": NaN, "z": true}',
        '{"user": "x", "item": 2, "late": {"k": 1}}',
        '{"user": 3, "item": null}',
    ]
    with pytest.raises(DataError, match=r"a.jsonl, row 3, column 'item': an empty value is not an id \(1 of 3 rows\)"):
        read(write("a.jsonl", "\n".join(lines)))
    dataset = read(write("a.jsonl", "\n".join(lines)), bad_rows="skip", columns={"rating": "none"})
    assert rows(dataset) == [("1", "a"), ("x", "2")]


def test_json_bad_lines_can_be_skipped(write):
    path = write("a.jsonl", '{"user": 1, "item": 2}\n[1]\n{"user": 1.0, "item": 3}\n\n{"user"')
    dataset = read(path, bad_rows="skip")
    assert rows(dataset) == [("1", "2"), ("1", "3")]
    assert "2 rows that are no JSON object dropped" in dataset.notes


def test_json_values_of_all_kinds_keep_their_meaning(write):
    first = '{"user": 12345678901234567890123, "item": true, "time": 1, "x": [1]}\n'
    dataset = read(
        write("a.jsonl", first + '{"user": 2, "item": "b", "time": 2.5, "x": {"y": 2}, "rating": 1.0}\n{oops}'),
        bad_rows="skip",
        columns={"rating": "none"},
    )
    assert rows(dataset) == [("12345678901234567890123", "true", 1.0), ("2", "b", 2.5)]


def test_parquet_with_number_columns(write, tmp_path):
    frame = pl.DataFrame({"user": [1, 2], "item": [1.0, 3.0], "ts": [1441324800000, 1441324801000], "rating": [1, 2]})
    for name, options in (("a.parquet", {}), ("b.parquet", {"compression": "brotli"})):
        frame.write_parquet(tmp_path / name, **options)
        dataset = read(tmp_path / name)
        assert rows(dataset) == [("1", "1", 1441324800.0, 1.0), ("2", "3", 1441324801.0, 2.0)]
        assert "times read as milliseconds since 1970" in dataset.notes


@pytest.mark.parametrize("name", ["u.data", "ratings.dat", "x.csv"])
def test_movielens_without_header_is_known_by_its_numbers(write, name):
    separator = "::" if name == "ratings.dat" else "\t"
    dataset = read(write(name, separator.join(["196", "242", "3", "881250949"]) + "\n" + separator.join(["186", "302", "3", "891717742"]) + "\n"))
    assert rows(dataset)[1] == ("196", "242", 881250949.0, 3.0)
    assert dataset.notes[0].startswith("no header, but numbers as in MovieLens: user from '1'")


def test_columns_by_number_and_by_name(write):
    path = write("a.csv", "x1,y1,9\nx2,y2,8\n")
    assert rows(read(path, columns={"user": "2", "item": "1"})) == [("y1", "x1"), ("y2", "x2")]
    assert read(path, columns={"user": "2", "item": "1", "time": "3"}).order == "time"
    headed = write("b.csv", "who,What Thing,n\na,b,1\n")
    assert rows(read(headed, columns={"user": "who", "item": "what_thing"})) == [("a", "b")]
    assert rows(read(headed, columns={"user": "1", "item": "2", "rating": "n"})) == [("a", "b", 1.0)]
    assert rows(read(write("c.txt", "1 2 3\n4 5 6\n"), columns={"user": "1", "item": "3"})) == [("1", "3"), ("4", "6")]
    assert rows(read(write("d.csv", "a,b\nc,d\n"), columns={"user": "1", "item": "2"})) == [("a", "b"), ("c", "d")]


def test_a_column_can_be_left_out(write):
    path = write("a.csv", "user,item,time\na,b,yesterday\n")
    with pytest.raises(DataError, match="'yesterday' is not a date"):
        read(path)
    assert read(path, columns={"time": "none"}).order == "none"


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("user,uid,item", {"user": "user"}),
        ("uid,user_id,item", {"user": "user_id"}),
        ("user,item,reviewTime,unixReviewTime", {"time": "unixReviewTime"}),
        ("user,item,action,event_type,sid,stars", {"event": "event_type", "session": "sid", "rating": "stars"}),
        ("User-ID,Item ID,Time Stamp", {"user": "User-ID", "item": "Item ID", "time": "Time Stamp"}),
    ],
)
def test_the_best_name_is_taken(write, header, columns):
    note = read(write("a.csv", header + "\n" + ",".join(["1"] * len(header.split(","))) + "\n")).notes[0]
    for key, name in columns.items():
        assert f"{key} from '{name}'" in note


def test_what_was_ignored_is_said(write):
    assert read(write("a.csv", "user,item,colour,\na,b,red,\n")).notes[0].endswith("; ignored: 'colour', 'column 4'")


def test_ids_are_text(write):
    dataset = read(write("a.csv", "user,item\n007, b c \n-1,1e5\n1.0,99999999999999999999999\n"))
    assert rows(dataset) == [("-1", "1e5"), ("007", "b c"), ("1.0", "99999999999999999999999")]
    dataset = read(write("b.csv", "user,item\n7.0,1\n8.0,2\n"))
    assert rows(dataset) == [("7", "1"), ("8", "2")] and "written as numbers with a point" in dataset.notes[1]


def test_rows_that_are_skipped_are_counted(write):
    path = write("a.csv", "user,item,rating\na,b,1\na\n,c,2\na,d,nan\na,e,5,6\n\nb,b,2\n")
    dataset = read(path, bad_rows="skip")
    assert rows(dataset) == [("a", "b", 1.0), ("b", "b", 2.0)]
    assert dataset.notes[1:] == (
        "2 rows of another length dropped",
        "1 of 4 rows dropped: column 'user' holds what is not an id",
        "1 of 4 rows dropped: column 'rating' holds what is not a number",
    )


def test_row_numbers_are_those_of_an_editor(write):
    path = write("a.csv", '\nuser,item,text,rating\na,b,"two\nlines",1\n\na,c,"x",two\n')
    with pytest.raises(DataError, match=r"a.csv, row 6, column 'rating': 'two' is not a number"):
        read(path)
    with pytest.raises(DataError, match=r"b.jsonl, row 3, column 'user'"):
        read(write("b.jsonl", '{"user": 1, "item": 1}\n\n{"user": 1.5, "item": 1}'))


def test_stray_quotes_in_a_tab_table_are_letters(write):
    assert rows(read(write("a.tsv", 'user\titem\na\t12" vinyl\n"b" c\td\n'))) == [('"b" c', "d"), ("a", '12" vinyl')]


def test_duplicates_by_default(write):
    timed = write("a.csv", "user,item,time\na,b,1\na,b,1\na,b,2\n")
    assert len(read(timed)) == 2 and len(read(timed, duplicates="keep")) == 3
    assert "exact duplicates: 1 of 3 interactions dropped" in read(timed).notes
    assert len(read(write("b.csv", "user,item\na,b\na,b\n"))) == 2


def test_filters_compose(write):
    path = write("a.csv", "user,item,event,rating\na,b,buy,1\na,c,view,5\nb,b,buy,5\nb,c,buy,5\n")
    assert rows(read(path, events="buy", min_rating=2)) == [("b", "b", 5.0, "buy"), ("b", "c", 5.0, "buy")]
    assert len(read(path, k_core=2)) == 4
    assert read(path, name="shop").name == "shop"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bad_rows": "ignore"}, "bad_rows takes stop, skip, not 'ignore'"),
        ({"duplicates": "drop"}, "duplicates takes keep, exact, first, last, not 'drop'"),
        ({"columns": {"usr": "a"}}, "'usr' is no column of the interactions; did you mean 'user'"),
        ({"k_core": -1}, "k_core takes a whole number from 0, not -1"),
        ({"min_rating": "high"}, "min_rating takes a number, not 'high'"),
        ({"min_rating": 3}, "a has no column 'rating', which min_rating needs"),
    ],
)
def test_options_that_cannot_be(write, options, message):
    with pytest.raises(SettingError, match=message):
        read(write("a.csv", "user,item\na,b\n"), **options)


@pytest.mark.parametrize("source", [3, None, "", "  ", "a\0b", [1]])
def test_sources_that_cannot_be(source):
    with pytest.raises(SettingError, match="source takes a path, a name or a frame"):
        read(source)


def test_a_gzip_bomb_is_refused(write, monkeypatch):
    monkeypatch.setattr(content, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="unpacks to more than 1,000 bytes"):
        read(write("a.csv.gz", gzip.compress(b"user,item\n" + b"a,b\n" * 1000)))


cells = st.text(alphabet=st.sampled_from('ab",;\n 1|\t\u00e9'), max_size=5)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read_back(written, separator):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
    writer.writerow(["user", "item"])
    writer.writerows(written)
    table = read_delimited(buffer.getvalue().encode(), "a.csv", separator, columns={}, bad_rows="stop")
    assert [tuple(cell or "" for cell in row) for row in table.frame.rows()] == written


def test_long_files_are_sampled_at_line_ends(write):
    lines = [f"u{number},i{number},{'x' * 90}" for number in range(5000)]
    assert len(read(write("a.csv", "user,item,text\n" + "\n".join(lines)))) == 5000


def test_amazon_reviews(real):
    fashion = read(real("amazon_reviews/AMAZON_FASHION_5.json"))
    # 3,176 reviews, of which 108 repeat user, item, time and rating of another.
    assert counts(fashion) == (406, 31, 3068)
    assert len(read(real("amazon_reviews/AMAZON_FASHION_5.json"), duplicates="keep")) == 3176
    assert "time from 'unixReviewTime'" in fashion.notes[0]
    beauty = read(real("amazon_reviews/All_Beauty_5.json.gz"), duplicates="keep")
    assert counts(beauty) == (991, 85, 5269) and beauty.name == "All_Beauty_5"


def test_what_was_written_and_how_often(write):
    """Texts of any length, empty too; a copy is a copy whatever was written; `none` leaves the column out."""
    text = "word " * 300
    path = write("a.csv", f"user,item,time,weight,review,summary\na,x,1,2.5,{text},fine\na,x,1,2.5,other,\nb,x,3,1,,\n")
    dataset = read(path)
    assert dataset.interactions.columns == ["user", "item", "time", "weight", "review", "summary"]
    assert dataset.interactions["weight"].to_list() == [2.5, 1.0] and len(read(path, duplicates="keep")) == 3
    assert dataset.interactions["review"].to_list()[1] in (None, "")
    assert read(path, columns={"review": "none", "summary": "none"}).interactions.columns == ["user", "item", "time", "weight"]
    nested = write("b.jsonl", '{"user": 1, "item": 2, "review": {"text": "good"}}\n')
    assert "good" in read(nested).interactions["review"][0]
    with pytest.raises(DataError, match=r"a.csv, row 2, column 'weight': 'much' is not a number .* choose another column with --weight NAME"):
        read(write("a.csv", "user,item,weight\na,x,much\n"))


def test_tables_of_other_data_are_refused(write):
    path = write("a.csv", "user,item\na,x\nb,y\n")
    with pytest.raises(DataError, match=r"a: none of the 2 items of the items table, as '1', is in the interactions, which have items as 'x'\. Give the items"):
        read(path, items=write("items.csv", "item,title\n1,One\n2,Two\n"))
    with pytest.raises(DataError, match="none of the 1 users of the users table"):
        read(path, users=pl.DataFrame({"user": ["z"]}))
    assert read(path, items=write("items.csv", "item,title\n1,One\nx,Ex\n")).titles() == {"1": "One", "x": "Ex"}

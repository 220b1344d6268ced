import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sources import read
from tastelm.data.sources.sequences import read_sequences
from tastelm.errors import DataError

from .conftest import counts, rows

S3REC = "1 1 2 3\n2 4 1\n\n3 5 5 2 1\n"


def test_lines_of_a_user_and_items(write):
    dataset = read(write("Beauty.txt", S3REC))
    assert rows(dataset) == [("1", "1"), ("1", "2"), ("1", "3"), ("2", "4"), ("2", "1"), ("3", "5"), ("3", "5"), ("3", "2"), ("3", "1")]
    assert dataset.order == "file" and dataset.name == "Beauty" and dataset.items is None
    assert "lines of whole numbers of different lengths" in dataset.notes[0]


def test_attributes_beside_the_file(write):
    path = write("Beauty.txt", S3REC)
    write("Beauty_item2attributes.json", json.dumps({"1": [7, 8], "2": []}))
    dataset = read(path)
    assert dataset.items.rows() == [("1", ["7", "8"]), ("2", [])]
    assert "2 items from Beauty_item2attributes.json: attributes" in dataset.notes
    assert read(path, items=path.with_name("Beauty_item2attributes.json")).fingerprint == dataset.fingerprint


def test_header_and_items_table_beside_the_file(write):
    path = write("sequences.tsv", "user_id\titem_ids\na b\tx y x\nc\tz\n")
    write("items.tsv", 'item_id\ttitle\nx\tAn "X"\ny\tThe Y\n')
    dataset = read(path)
    assert rows(dataset) == [("a b", "x"), ("a b", "y"), ("a b", "x"), ("c", "z")]
    assert dataset.titles() == {"x": 'An "X"', "y": "The Y"}
    assert read(path.parent).fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    "content",
    ["user,items\na,x y\nb,z\n", 'user,items\n"a","x,y"\n"b","z"\n', "user\tsequence\na\tx, y\nb\tz\n", "user;history\na;x y\nb;z\n"],
)
def test_other_headers(write, content):
    assert rows(read(write("s.csv", content))) == [("a", "x"), ("a", "y"), ("b", "z")]


def test_a_tab_behind_the_user(write):
    assert rows(read(write("s.txt", "1\t5 6\n2\t7\n"))) == [("1", "5"), ("1", "6"), ("2", "7")]


@pytest.mark.parametrize("content", ["1\t5\n1\t6\n2\t5\n", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n"])
def test_a_table_is_no_file_of_sequences(write, content):
    path = write("u.data", content)
    dataset = read(path, columns={"user": "1", "item": "2"})
    assert dataset.order == "none" and len(dataset) == content.count("\n")


def test_columns_by_number_make_a_table_of_numbers_between_blanks(write):
    path = write("a.txt", "1 2 5\n2 2 4\n")
    with pytest.raises(DataError, match=r"a.txt: every line holds 3 whole numbers between blanks, which may be a table or sequences"):
        read(path)
    assert rows(read(path, columns={"user": "1", "item": "2", "rating": "3"})) == [("1", "2", 5.0), ("2", "2", 4.0)]


def test_bad_lines_are_skipped_and_counted(write):
    path = write("s.txt", "1 1 2 3\n2\n3 4 x 5\n1 2\n4 5 6\n")
    dataset = read(path, bad_rows="skip")
    assert dataset.interactions["user"].unique(maintain_order=True).to_list() == ["1", "4"]
    assert dataset.notes[1] == "3 of 5 lines dropped: a user who has a line already; a value that is not a whole number; no user or no item"


@given(st.dictionaries(st.integers(0, 99), st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=9))
def test_what_is_written_is_read(histories):
    text = "user_id\titem_ids\n" + "\n".join(f"{user}\t{' '.join(map(str, items))}" for user, items in histories.items())
    parts = read_sequences(text.encode(), "s.tsv", "s", bad_rows="stop")
    assert parts.interactions.rows() == [(str(user), str(item)) for user, items in histories.items() for item in items]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Beauty", (22_363, 12_101, 198_502)), ("Sports_and_Outdoors", (35_598, 18_357, 296_337)), ("Yelp", (30_431, 20_033, 316_354))],
)
def test_s3rec_release(real, name, expected):
    dataset = read(real(f"s3rec/{name}.txt"))
    assert counts(dataset) == expected and dataset.order == "file"
    assert dataset.items.columns == ["item", "attributes"] and len(dataset.items) == expected[1]


def test_games(real):
    dataset = read(real("games"))
    assert counts(dataset) == (50_546, 16_859, 440_264) and dataset.name == "games"
    assert len(dataset.titles()) == 16_859


def test_items_without_attributes_are_noted(write):
    path = write("s.txt", "1 2 3\n2 4\n")
    write("s_item2attributes.json", '{"2": [7, "red"], "3": []}')
    dataset = read(path)
    assert dataset.items.rows() == [("2", ["7", "red"]), ("3", [])]
    assert "1 of 2 items have no attribute" in dataset.notes

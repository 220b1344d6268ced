"""Files of one line a user: `user item item ...`, the oldest item first. The file is the order."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from tastelm.data.schema import INTERACTIONS, normal
from tastelm.data.sources.content import as_text, content
from tastelm.data.sources.delimited import first_rows, sample_lines, sniff
from tastelm.data.sources.jsonlines import loads
from tastelm.data.sources.table import BadRows, Parts, short
from tastelm.data.sources.values import LONGEST_ID
from tastelm.errors import DataError

# How the second column of a header calls the items of a user.
ITEMS_NAMES = ("itemids", "items", "itemsequence", "sequence", "history", "itemidlist", "itemlist")
_NUMBERS = re.compile(r"^\s*-?\d+(?:[ \t]+-?\d+(?: +-?\d+)*)?\s*$")


def has_sequence_header(text: bytes) -> bool:
    """Whether the first line says `user<TAB>items`, in one of their spellings."""
    separator = sniff(text)
    row = first_rows(text, separator)[0] if separator else []
    return len(row) == 2 and INTERACTIONS["user"].standing(row[0]) is not None and normal(row[1]) in ITEMS_NAMES


def looks_like_sequences(text: bytes, where: str) -> bool:
    """Whether the lines are whole numbers between blanks, of different lengths: a table would have as many in each.

    Raises DataError if they are whole numbers between blanks, all as many, which may be either.
    """
    numbers = [line for line in sample_lines(text) if _NUMBERS.match(line)]
    if 2 * len(numbers) <= len(sample_lines(text)) or not any(" " in line.strip() for line in numbers):
        return False
    width = len(numbers[0].split())
    if any(len(line.split()) != width for line in text.decode().split("\n") if line.strip()):
        return True
    raise DataError(
        f"{where}: every line holds {width} whole numbers between blanks, which may be a table or sequences of one length. "
        "For a table name the columns by number, as --user 1 --item 2; for sequences "
        "put the line user_id<TAB>item_ids on top and a tab behind each user."
    )


def read_sequences(text: bytes, where: str, name: str, *, bad_rows: BadRows) -> Parts:
    """One interaction for each item of each line. Raises DataError on a line without items or a user with two lines."""
    headed = has_sequence_header(text)
    lines = pl.DataFrame({"line": pl.Series(text.decode().split("\n"), dtype=pl.String).str.strip_chars()}).with_row_index("row", offset=1)
    lines = lines.filter(pl.col("line") != "")[int(headed) :]
    if len(lines) == 0:
        raise DataError(f"{where}: there is a header but no line of a user and items. Add one line for each user.")
    separator = (sniff(text) if headed else None) or "\t"
    line = pl.col("line") if headed else pl.col("line").str.replace(r"\s+", separator)
    halves = lines.with_columns(line.str.replace_all('"', "").str.splitn(separator, 2).struct.rename_fields(["user", "items"]).alias("halves")).unnest("halves")
    parts = halves.with_columns(pl.col("user").str.strip_chars(), pl.col("items").str.replace_all(r"[,\s]+", " ").str.strip_chars())
    lengths = pl.col("items").str.split(" ").list.eval(pl.element().str.len_chars()).list.max()
    faults = {
        "no user or no item": pl.col("items").fill_null("").eq("") | pl.col("user").eq(""),
        "a value that is not a whole number": pl.lit(not headed) & ~pl.col("line").str.contains(r"^-?\d+(\s+-?\d+)*$"),
        "a user who has a line already": ~pl.col("user").is_first_distinct(),
        f"an id of more than {LONGEST_ID} letters": pl.max_horizontal(pl.col("user").str.len_chars(), lengths) > LONGEST_ID,
    }
    parts = parts.with_columns(fault=pl.coalesce(*(pl.when(wrong).then(pl.lit(words)) for words, wrong in faults.items())))
    bad, good = parts.filter(pl.col("fault").is_not_null()), parts.filter(pl.col("fault").is_null())
    if len(bad) and (bad_rows == "stop" or len(good) == 0):
        first = bad.row(0, named=True)
        raise DataError(
            f"{where}, row {first['row']}: '{short(first['line'])}' has {first['fault']} ({len(bad)} of {len(parts)} rows). "
            "Each line is a user and the items, oldest first. Correct it or drop it with --bad-rows skip."
        )
    how = "their header" if headed else "lines of whole numbers of different lengths"
    notes = [f"sequences, known by {how}: a user and the items, oldest first; the order of the file is the order in time"]
    if len(bad):
        notes.append(f"{len(bad):,} of {len(parts):,} lines dropped: {'; '.join(bad['fault'].unique().sort())}")
    return Parts(name, good.select("user", item=pl.col("items").str.split(" ")).explode("item"), order="file", notes=tuple(notes))


def beside(path: Path) -> Path:
    """Where S3-Rec's release keeps the attributes of the items of a sequence file."""
    return path.with_name(f"{stem(path)}_item2attributes.json")


def stem(path: Path) -> str:
    """The name without endings: `clicks.csv.gz` is clicks."""
    name = path.name.removesuffix(".gz")
    return name.rsplit(".", 1)[0] or name


def read_attributes(path: Path) -> pl.DataFrame:
    """An items table from `{"item": [attribute, ...]}`: `item` and the list `attributes`, both text."""
    text = as_text(content(path), path.name)
    try:
        found = loads(text)
    except ValueError as error:
        raise DataError(f"{path.name}: the attributes are no JSON: {error}. Fetch the file again.") from error
    if not isinstance(found, dict) or not found or not all(isinstance(value, list) for value in found.values()):
        raise DataError(f'{path.name}: the attributes must be written as {{"item": [attribute, ...]}}. Correct the file or move it away.')
    for item, value in found.items():
        odd = [attribute for attribute in value if isinstance(attribute, bool) or not isinstance(attribute, str | int)]
        if odd:
            raise DataError(f"{path.name}: the attributes of item '{short(item)}' hold {short(odd[0])}, which is neither a number nor a word. Correct it.")
    if not any(found.values()):
        raise DataError(f"{path.name}: the attributes of all {len(found):,} items are empty lists. Fetch the file again, or move it away to go without.")
    attributes = [[str(attribute) for attribute in value] for value in found.values()]
    return pl.DataFrame({"item": [item.strip() for item in found], "attributes": pl.Series(attributes, dtype=pl.List(pl.String))})

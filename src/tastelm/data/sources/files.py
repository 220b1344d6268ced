"""One file to the parts of a Dataset: a table of interactions, a file of sequences, or RecBole's atomic files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from tastelm.data.sources.content import PARQUET, as_text, content
from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.jsonlines import looks_like_json
from tastelm.data.sources.known import read_known
from tastelm.data.sources.sequences import beside, has_sequence_header, looks_like_sequences, read_attributes, read_sequences, stem
from tastelm.data.sources.table import BadRows, Parts
from tastelm.data.sources.tables import read_table, to_table
from tastelm.errors import DataError

ENDINGS = ("csv", "tsv", "txt", "dat", "data", "parquet", "jsonl", "ndjson", "json")


def read_file(path: Path, *, columns: Mapping[str, str], bad_rows: BadRows) -> Parts:
    """The interactions of a file, with what is known of its items and users where the format keeps that beside it."""
    data = content(path)
    if not data.startswith(PARQUET):
        text = as_text(data, path.name)
        if not looks_like_json(text) and not columns and (has_sequence_header(text) or looks_like_sequences(text, path.name)):
            return _with_items(read_sequences(text, path.name, stem(path), bad_rows=bad_rows), path, bad_rows)
    parts = read_interactions(to_table(data, path.name, columns=columns, bad_rows=bad_rows), stem(path), columns=columns, bad_rows=bad_rows)
    if path.suffix == ".inter":
        for key in ("item", "user"):
            if path.with_suffix(f".{key}").exists():
                parts = with_known(parts, key, path.with_suffix(f".{key}"), bad_rows)
    return parts


def with_known(parts: Parts, key: str, path: Path, bad_rows: BadRows) -> Parts:
    """The parts with an items or users table read from a file."""
    if key == "item" and path.name.endswith("_item2attributes.json"):
        table = read_attributes(path)
        empty = table.filter(pl.col("attributes").list.len() == 0).height
        return _noted(parts, key, table, (f"{empty:,} of {len(table):,} items have no attribute",) if empty else (), path)
    table, notes = read_known(read_table(path, bad_rows=bad_rows), key, bad_rows=bad_rows)
    return _noted(parts, key, table, notes, path)


def tables_called(folder: Path, name: str) -> list[Path]:
    """The table files of a folder whose name without endings is `name`."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and stem(path).lower() == name and path.name.removesuffix(".gz").rsplit(".", 1)[-1].lower() in ENDINGS
    )


def only(paths: list[Path]) -> Path:
    """The one path. Raises DataError if there are several."""
    if len(paths) > 1:
        raise DataError(f"{paths[0].parent}: ambiguous: {', '.join(path.name for path in paths)} hold the same table. Keep one of them.")
    return paths[0]


def _with_items(parts: Parts, path: Path, bad_rows: BadRows) -> Parts:
    if beside(path).exists():
        return with_known(parts, "item", beside(path), bad_rows)
    if stem(path).lower() == "sequences" and (found := tables_called(path.parent, "items")):
        return with_known(parts, "item", only(found), bad_rows)
    return parts


def _noted(parts: Parts, key: str, table: pl.DataFrame, notes: tuple[str, ...], path: Path) -> Parts:
    more = (f"{len(table):,} {key}s from {path.name}: {', '.join(name for name in table.columns if name != key) or 'ids only'}", *notes)
    known = replace(parts, items=table) if key == "item" else replace(parts, users=table)
    return replace(known, notes=(*parts.notes, *more))

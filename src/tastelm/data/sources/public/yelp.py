"""The Yelp Open Dataset, which Yelp gives to whoever accepts its terms: reviews, businesses, and users with their friends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.public.lines import Lines
from tastelm.data.sources.public.publication import Files, Need, Publication
from tastelm.data.sources.public.rows import known, met
from tastelm.data.sources.table import Parts, Table

REVIEW = {"user": "user_id", "item": "business_id", "time": "date", "rating": "stars", "review": "text"}
BUSINESS = {"item": ("business_id", pl.String), "title": ("name", pl.String), "city": ("city", pl.String), "state": ("state", pl.String),
            "stars": ("stars", pl.Float64), "review_count": ("review_count", pl.Float64), "categories": ("categories", pl.String)}  # fmt: skip
USER = {"user": ("user_id", pl.String), "review_count": ("review_count", pl.Float64), "fans": ("fans", pl.Float64),
        "yelping_since": ("yelping_since", pl.String), "elite": ("elite", pl.String), "friends": ("friends", pl.String)}  # fmt: skip


def read(files: Files) -> Parts:
    """One JSON object a line in each file; categories, years of elite and friends are lists between commas."""
    columns = {name: key for name, key in REVIEW.items() if name not in files.without}
    path = files["reviews"]
    lines = Lines(path, {key: pl.Float64 if name == "rating" else pl.String for name, key in columns.items()}, bad_rows=files.bad_rows)
    nothing = dict.fromkeys(("event", "session", "weight", "summary"), "none")
    log = read_interactions(Table(pl.concat(list(lines)), path.name), path.name, columns={**nothing, **columns}, bad_rows=files.bad_rows)
    items, users, notes = None, None, (*log.notes[1:], *lines.notes())
    if found := files.get("items"):
        items, more = _known("item", found, BUSINESS, ("categories",), log.interactions, files)
        notes += more
    if found := files.get("users"):
        users, more = _known("user", found, USER, ("elite", "friends"), log.interactions, files)
        notes += more
    return Parts(path.name, log.interactions, items, users, notes=notes)


def _known(
    key: str, path: Path, columns: Mapping[str, tuple[str, Any]], lists: tuple[str, ...], interactions: pl.DataFrame, files: Files
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A table of those who are in the reviews."""
    lines = Lines(path, dict(columns.values()), bad_rows=files.bad_rows)
    ids = interactions.select(pl.col(key).unique())
    pieces, rows, first = [], 0, None
    for frame in lines:
        frame = frame.rename({name: ours for ours, (name, _) in columns.items()})
        rows += len(frame)
        first = frame.head(1) if first is None and len(frame) else first
        pieces.append(frame.join(ids, on=key, how="semi", maintain_order="left"))
    table = pl.concat(pieces)
    if not len(table) and first is not None:
        met(first, key, interactions, path.name)
    split = [
        pl.col(name).fill_null("").replace("None", "").str.split(",").list.eval(pl.element().str.strip_chars().filter(pl.element() != "")).alias(name)
        for name in lists
    ]
    found, notes = known(key, table.with_columns(split).to_dict(), path.name)
    left = (f"{rows - len(table):,} of {rows:,} rows of {path.name} left out: they have no review",) if rows > len(table) else ()
    return found, (*notes, *left, *lines.notes())


PUBLICATIONS = (
    Publication(
        name="yelp",
        title="Yelp Open Dataset: reviews with stars, times and texts; names, places and categories of the businesses; users and their friends",
        page="https://business.yelp.com/data/resources/open-dataset/",
        licence="Yelp Dataset Terms of Use: for academic and personal, non-commercial use, no redistribution; you accept them at Yelp before downloading.",
        needs=(
            Need("reviews", ("yelp_academic_dataset_review.json", "review.json")),
            Need("items", ("yelp_academic_dataset_business.json", "business.json"), True),
            Need("users", ("yelp_academic_dataset_user.json", "user.json"), True),
        ),
        parse=read,
        by_hand="Accept Yelp's terms and download the JSON archive at https://business.yelp.com/data/resources/open-dataset/.",
        telltale=("yelp_academic_dataset_review.json", "yelp_academic_dataset_business.json"),
    ),
)

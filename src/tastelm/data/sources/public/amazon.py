"""Amazon reviews as Julian McAuley's group publishes them, 2014, 2018 and 2023: ratings with times, the reviews, and what the products are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.public.lines import Lines, is_literal
from tastelm.data.sources.public.publication import Files, Need, Publication, Published
from tastelm.data.sources.public.rows import known, met, numbers
from tastelm.data.sources.table import Parts, Table

PARTS_2014 = (
    "Amazon_Instant_Video", "Apps_for_Android", "Automotive", "Baby", "Beauty", "Books", "CDs_and_Vinyl", "Cell_Phones_and_Accessories",
    "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Grocery_and_Gourmet_Food", "Health_and_Personal_Care", "Home_and_Kitchen", "Kindle_Store",
    "Movies_and_TV", "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden", "Pet_Supplies", "Sports_and_Outdoors", "Tools_and_Home_Improvement",
    "Toys_and_Games", "Video_Games",
)  # fmt: skip
PARTS_2018 = (
    "AMAZON_FASHION", "All_Beauty", "Appliances", "Arts_Crafts_and_Sewing", "Automotive", "Books", "CDs_and_Vinyl", "Cell_Phones_and_Accessories",
    "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Gift_Cards", "Grocery_and_Gourmet_Food", "Home_and_Kitchen", "Industrial_and_Scientific",
    "Kindle_Store", "Luxury_Beauty", "Magazine_Subscriptions", "Movies_and_TV", "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden",
    "Pet_Supplies", "Prime_Pantry", "Software", "Sports_and_Outdoors", "Tools_and_Home_Improvement", "Toys_and_Games", "Video_Games",
)  # fmt: skip
PARTS_2023 = (
    "All_Beauty", "Amazon_Fashion", "Appliances", "Arts_Crafts_and_Sewing", "Automotive", "Baby_Products", "Beauty_and_Personal_Care", "Books",
    "CDs_and_Vinyl", "Cell_Phones_and_Accessories", "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics", "Gift_Cards", "Grocery_and_Gourmet_Food",
    "Handmade_Products", "Health_and_Household", "Health_and_Personal_Care", "Home_and_Kitchen", "Industrial_and_Scientific", "Kindle_Store",
    "Magazine_Subscriptions", "Movies_and_TV", "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden", "Pet_Supplies", "Software",
    "Sports_and_Outdoors", "Subscription_Boxes", "Tools_and_Home_Improvement", "Toys_and_Games", "Video_Games", "Unknown",
)  # fmt: skip
# Schema name -> key of the review, in 2014 and 2018, and in 2023, whose products are told by their parent: the variants in colour and size are one.
REVIEW = {"user": "reviewerID", "item": "asin", "time": "unixReviewTime", "rating": "overall", "review": "reviewText", "summary": "summary"}
REVIEW_2023 = {"user": "user_id", "item": "parent_asin", "time": "timestamp", "rating": "rating", "review": "text", "summary": "title"}
_TEXT, _LIST = pl.String, pl.List(pl.String)
# Column of ours -> key of the metadata and its type.
META_2014 = {"item": ("asin", _TEXT), "title": ("title", _TEXT), "brand": ("brand", _TEXT), "price": ("price", _TEXT),
             "categories": ("categories", pl.List(_LIST)), "description": ("description", _TEXT)}  # fmt: skip
META_2018 = {"item": ("asin", _TEXT), "title": ("title", _TEXT), "brand": ("brand", _TEXT), "price": ("price", _TEXT),
             "categories": ("category", _LIST), "description": ("description", _LIST)}  # fmt: skip
META_2023 = {"item": ("parent_asin", _TEXT), "title": ("title", _TEXT), "brand": ("store", _TEXT), "price": ("price", _TEXT),
             "categories": ("categories", _LIST), "description": ("description", _LIST)}  # fmt: skip


def reader(review: Mapping[str, str], meta: Mapping[str, tuple[str, Any]]) -> Callable[[Files], Parts]:
    """The parser of one year's format."""

    def read(files: Files) -> Parts:
        log = _reviews(files, {name: key for name, key in review.items() if name not in files.without})
        path = files.get("items")
        if path is None:
            return log
        items, notes = _products(path, meta, log.interactions, files)
        return Parts(log.name, log.interactions, items, notes=(*log.notes, *notes))

    return read


def _reviews(files: Files, columns: Mapping[str, str]) -> Parts:
    path = files["reviews"]
    schema = {key: pl.Float64 if name in ("time", "rating") else pl.String for name, key in columns.items()}
    lines = Lines(path, schema, bad_rows=files.bad_rows, literal=is_literal(path))
    table = Table(pl.concat(list(lines)), path.name)
    parts = read_interactions(table, path.name, columns={**dict.fromkeys(("event", "session", "weight"), "none"), **columns}, bad_rows=files.bad_rows)
    return Parts(parts.name, parts.interactions, notes=(*parts.notes[1:], *lines.notes()))


def _products(path: Path, meta: Mapping[str, tuple[str, Any]], interactions: pl.DataFrame, files: Files) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """What the metadata say of the products that are reviewed; the rest of the file, often most of it, is let go block by block."""
    lines = Lines(path, dict(meta.values()), bad_rows=files.bad_rows, literal=is_literal(path))
    reviewed = interactions.select(pl.col("item").unique())
    pieces, rows, first = [], 0, None
    for frame in lines:
        frame = frame.rename({key: name for name, (key, _) in meta.items()})
        rows += len(frame)
        first = frame.head(1) if first is None and len(frame) else first
        pieces.append(frame.join(reviewed, on="item", how="semi", maintain_order="left"))
    table = pl.concat(pieces)
    if not len(table) and first is not None:
        met(first, "item", interactions, path.name)
    if isinstance(table["categories"].dtype.inner, pl.List):  # type: ignore[attr-defined]
        table = table.with_columns(pl.col("categories").list.eval(pl.element().explode()))
    # The paths of a product begin alike; each of its categories counts once.
    categories = table["categories"].list.eval(pl.element().str.strip_chars()).list.drop_nulls().list.unique(maintain_order=True)
    description = table["description"] if table["description"].dtype == pl.String else table["description"].list.join(" ")
    table = table.with_columns(numbers(table["price"]).alias("price"), categories.alias("categories").fill_null([]), description.alias("description"))
    items, notes = known("item", table.to_dict(), path.name)
    left = (f"{rows - len(table):,} of {rows:,} rows of {path.name} left out: nobody reviewed them",) if rows > len(table) else ()
    return items, (*notes, *left, *lines.notes())


def _set(year: str, part: str, review: str, meta: str, names: tuple[str, ...], parse: Callable[[Files], Parts], *, core: str, page: str) -> Publication:
    reviews, products = (Published(url.format(part=part)) for url in (review, meta))
    return Publication(
        name=f"amazon:{year}/{part}",
        title=f"Amazon reviews {year}, {part.replace('_', ' ')}{core}: ratings, times, review texts; titles, brands, prices and categories of the products",
        page=page,
        licence="No licence is stated; the publisher gives the reviews for research and asks to cite its papers. The texts are their writers'.",
        needs=(
            Need("reviews", tuple(name.format(part=part) for name in names)),
            Need("items", tuple(f"meta_{part}.{ending}" for ending in ("json", "jsonl")), True),
        ),
        parse=parse,
        files=(reviews, products),
    )


_SNAP = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles"
_LAB = "https://mcauleylab.ucsd.edu/public_datasets/data"
PUBLICATIONS = (
    *(_set("2014", part, f"{_SNAP}/reviews_{{part}}_5.json.gz", f"{_SNAP}/meta_{{part}}.json.gz", ("reviews_{part}_5.json", "reviews_{part}.json"),
           reader(REVIEW, META_2014), core=" (5-core)", page="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html") for part in PARTS_2014),
    *(_set("2018", part, f"{_LAB}/amazon_v2/categoryFilesSmall/{{part}}_5.json.gz", f"{_LAB}/amazon_v2/metaFiles2/meta_{{part}}.json.gz",
           ("{part}_5.json", "{part}.json"), reader(REVIEW, META_2018), core=" (5-core)",
           page="https://nijianmo.github.io/amazon/index.html") for part in PARTS_2018),
    *(_set("2023", part, f"{_LAB}/amazon_2023/raw/review_categories/{{part}}.jsonl.gz", f"{_LAB}/amazon_2023/raw/meta_categories/meta_{{part}}.jsonl.gz",
           ("{part}.jsonl",), reader(REVIEW_2023, META_2023), core="", page="https://amazon-reviews-2023.github.io/") for part in PARTS_2023),
)  # fmt: skip

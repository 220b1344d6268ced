"""Diginetica, the data of the CIKM Cup 2016: what the visitors of a shop looked at and bought, session by session."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tastelm.data.sources.public.publication import Files, Need, Publication
from tastelm.data.sources.public.rows import known, numbers, read_log
from tastelm.data.sources.table import Parts
from tastelm.data.sources.tables import read_table
from tastelm.errors import DataError

# `weight` carries the milliseconds until they are added to the day.
COLUMNS = {"user": "sessionId", "session": "sessionId", "item": "itemId", "time": "eventdate", "weight": "timeframe"}


def read(files: Files) -> Parts:
    """`train-item-views.csv` and the tables beside it, between semicolons. Few visitors are known, so the session is the user too.

    A view has a day and the milliseconds since its session began; the two together are its time.
    """
    parts: list[pl.DataFrame] = []
    notes: tuple[str, ...] = ()
    for need, event in (("views", "view"), ("purchases", "buy")):
        if path := files.get(need):
            log = read_log(path, COLUMNS, separator=";", event=event, bad_rows=files.bad_rows)
            parts.append(log.interactions.with_columns(pl.col("time") + pl.col("weight") / 1000).drop("weight"))
            notes += log.notes
    items = None
    for need, columns in (("products", ("pricelog2", "product.name.tokens")), ("categories", ("categoryId",))):
        if path := files.get(need):
            table = _published(path, ("itemId", *columns), files)
            found, more = known("item", {"item": table["itemId"], **_described(table)}, path.name)
            items, notes = found if items is None else items.join(found, on="item", how="full", coalesce=True), notes + more
    return Parts(files["views"].name, pl.concat(parts), items, notes=notes)


def _published(path: Path, columns: tuple[str, ...], files: Files) -> pl.DataFrame:
    table = read_table(path, columns={"item": "itemId"}, bad_rows=files.bad_rows).frame
    if not set(columns) <= set(table.columns):
        raise DataError(f"{path.name}: the published columns {', '.join(columns)} are not there, only {', '.join(table.columns)}. Give the file as published.")
    return table


def _described(table: pl.DataFrame) -> dict[str, pl.Series]:
    """Price (its logarithm to base 2) and name (the numbers of its words) of the products, or their category."""
    if "categoryId" in table.columns:
        return {"category": table["categoryId"]}
    tokens = table["product.name.tokens"].fill_null("").str.split(",").list.eval(pl.element().filter(pl.element() != ""))
    return {"price_log2": numbers(table["pricelog2"]), "name_tokens": tokens}


PUBLICATIONS = (
    Publication(
        name="diginetica",
        title="Diginetica (CIKM Cup 2016): views and purchases of products in the sessions of a shop; category, price and name tokens of the products",
        page="https://competitions.codalab.org/competitions/11161",
        licence="Given for the CIKM Cup 2016 track 2 and for research; no licence is stated beyond the rules of the competition.",
        needs=(
            Need("views", ("train-item-views.csv",)),
            Need("purchases", ("train-purchases.csv",), True),
            Need("products", ("products.csv",), True),
            Need("categories", ("product-categories.csv",), True),
        ),
        parse=read,
        by_hand="Download dataset-train-diginetica.zip from the competition's page, https://competitions.codalab.org/competitions/11161.",
        telltale=("train-item-views.csv",),
    ),
)

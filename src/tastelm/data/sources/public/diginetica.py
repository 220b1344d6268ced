"""Diginetica, the data of the CIKM Cup 2016: what the visitors of a shop looked at and bought, session by session."""

from __future__ import annotations

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
    parts, notes = [], ()
    for need, event in (("views", "view"), ("purchases", "buy")):
        if path := files.get(need):
            log = read_log(path, COLUMNS, separator=";", event=event, bad_rows=files.bad_rows)
            since = log.interactions["weight"]
            parts.append(log.interactions.with_columns((pl.col("time") + since / 1000).alias("time")).drop("weight"))
            notes += log.notes
    items = None
    for need, columns in (("products", ("pricelog2", "product.name.tokens")), ("categories", ("categoryId",))):
        if path := files.get(need):
            table = read_table(path, columns={"item": "itemId"}, bad_rows=files.bad_rows).frame
            if not {"itemId", *columns} <= set(table.columns):
                raise DataError(
                    f"{path.name}: the published columns itemId, {', '.join(columns)} are not there, only {', '.join(table.columns)}. Give the file as published."
                )
            values = {"category": table["categoryId"]} if need == "categories" else {
                "price_log2": numbers(table["pricelog2"]), "name_tokens": table["product.name.tokens"].fill_null("").str.split(",").list.eval(pl.element().filter(pl.element() != "")),
            }  # fmt: skip
            found, more = known("item", {"item": table["itemId"], **values}, path.name)
            items, notes = found if items is None else items.join(found, on="item", how="full", coalesce=True), notes + more
    return Parts(files["views"].name, pl.concat(parts), items, notes=notes)


PUBLICATIONS = (
    Publication(
        name="diginetica",
        title="Diginetica (CIKM Cup 2016): 1,235,380 views of products in 310,324 sessions, 2016; purchases; category, price and name tokens of the products",
        page="https://competitions.codalab.org/competitions/11161",
        licence="Given for the CIKM Cup 2016 track 2 and for research; no licence is stated beyond the rules of the competition.",
        needs=(
            Need("views", ("train-item-views.csv",)),
            Need("purchases", ("train-purchases.csv",), True),
            Need("products", ("products.csv",), True),
            Need("categories", ("product-categories.csv",), True),
        ),
        parse=read,
        by_hand="Download dataset-train-diginetica.zip from the competition's page, https://competitions.codalab.org/competitions/11161 (an account is needed).",
        telltale=("train-item-views.csv",),
    ),
)

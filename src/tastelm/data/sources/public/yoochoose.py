"""YooChoose, the data of the RecSys Challenge 2015: clicks and purchases in the sessions of a European shop."""

from __future__ import annotations

import polars as pl

from tastelm.data.sources.public.publication import Files, Need, Publication, Published
from tastelm.data.sources.public.rows import known, read_log
from tastelm.data.sources.table import Parts

COLUMNS = {"session": "1", "time": "2", "item": "3"}


def read(files: Files) -> Parts:
    """`session,time,item,category` and `session,time,item,price,quantity` without header. Nobody is known beyond a session: it is the user too."""
    columns = {**COLUMNS, "user": "1"}
    clicks = read_log(files["clicks"], columns, separator=",", width=4, event="click", bad_rows=files.bad_rows)
    parts, notes = [clicks.interactions], clicks.notes
    if path := files.get("buys"):
        buys = read_log(path, columns, separator=",", width=5, event="buy", bad_rows=files.bad_rows)
        parts, notes = [*parts, buys.interactions], notes + buys.notes
    category = pl.scan_csv(files["clicks"], has_header=False, new_columns=["session", "time", "item", "category"], infer_schema_length=0)
    # `S` is a special offer and 0 no category; the one that is met most often is the product's own.
    counted = (
        category.filter(~pl.col("category").is_in(["S", "0"]))
        .group_by("item", "category")
        .len()
        .sort("item", "len", "category", descending=[False, True, False])
    )
    first = counted.unique("item", keep="first", maintain_order=True).collect(engine="streaming")
    items, more = known("item", {"item": first["item"], "category": first["category"]}, files["clicks"].name)
    return Parts(files["clicks"].name, pl.concat(parts), items if len(items) else None, notes=(*notes, *(more if len(items) else ())))


PUBLICATIONS = (
    Publication(
        name="yoochoose",
        title="YooChoose (RecSys Challenge 2015): 33,003,944 clicks on 52,739 products in 9,249,729 sessions, 2014; purchases; one category a product",
        page="https://www.kaggle.com/datasets/chadgostopp/recsys-challenge-2015",
        licence="Creative Commons BY-NC-ND 4.0, as the README in the archive says: no commercial use, no redistribution of changed versions.",
        needs=(Need("clicks", ("yoochoose-clicks.dat",)), Need("buys", ("yoochoose-buys.dat",), True)),
        parse=read,
        files=(Published("https://s3-eu-west-1.amazonaws.com/yc-rdata/yoochoose-data.7z"),),
        telltale=("yoochoose-clicks.dat",),
    ),
)

"""Online Retail (UCI, Chen 2015 and 2019): the invoices of a British shop of gifts, as a spreadsheet or saved as CSV."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.public.publication import Files, Need, Publication, Published
from tastelm.data.sources.public.rows import known, numbers
from tastelm.data.sources.table import POLARS_ERRORS, Parts, Table, quoted, short
from tastelm.data.sources.tables import read_table
from tastelm.errors import DataError, MissingExtra

# Column of ours -> what the first and the second set call it.
COLUMNS = {
    "user": ("CustomerID", "Customer ID"), "item": ("StockCode",), "time": ("InvoiceDate",), "session": ("InvoiceNo", "Invoice"),
    "weight": ("Quantity",), "title": ("Description",), "price": ("UnitPrice", "Price"), "country": ("Country",),
}  # fmt: skip


def read(files: Files) -> Parts:
    """A row a line of an invoice. Left out, and noted: rows without a customer, and cancelled invoices, whose number begins with C."""
    path = files["invoices"]
    table = _sheets(path) if path.suffix.lower() == ".xlsx" else read_table(path, columns={"item": "StockCode"}, bad_rows=files.bad_rows).frame
    names = {ours: next((name for name in theirs if name in table.columns), None) for ours, theirs in COLUMNS.items()}
    if missing := [theirs[0] for ours, theirs in COLUMNS.items() if names[ours] is None]:
        raise DataError(f"{path.name}: the published columns {quoted(missing)} are not there, only {quoted(table.columns)}. Give the file as it was published.")
    table = table.select(pl.col(name).alias(ours) for ours, name in names.items() if name).with_row_index("row")
    cancelled = pl.col("session").cast(pl.String).str.strip_chars().str.to_uppercase().str.starts_with("C")
    nobody = pl.col("user").is_null() | (pl.col("user").cast(pl.String).str.strip_chars() == "")
    kept = table.filter(~nobody & ~cancelled & (pl.col("weight").cast(pl.Float64, strict=False).fill_null(1) > 0))
    notes = (
        f"{table.select(nobody.sum()).item():,} of {len(table):,} rows dropped: no customer",
        f"{table.filter(~nobody & cancelled).height:,} rows dropped: cancelled",
    )
    rows = kept["row"]
    columns = {key: key for key in ("user", "item", "time", "session", "weight")}
    source = Table(kept.with_columns(_as_text("user"), _as_text("session")), path.name, numbering=lambda: [row + 2 for row in rows.to_list()])
    none = dict.fromkeys(("rating", "event", "review", "summary"), "none")
    log = read_interactions(source, path.name, columns={**none, **columns}, bad_rows=files.bad_rows)
    price = numbers(kept["price"].cast(pl.String))
    items, more = _first("item", {"item": kept["item"].cast(pl.String), "title": kept["title"].cast(pl.String).str.strip_chars(), "price": price}, path.name)
    users, also = _first("user", {"user": source.frame["user"], "country": kept["country"].cast(pl.String)}, path.name)
    return Parts(path.name, log.interactions, items, users, notes=(*notes, *log.notes[1:], "weight: how many were bought", more, also))


def _first(key: str, columns: dict[str, pl.Series], where: str) -> tuple[pl.DataFrame, str]:
    """What the first line of each says of it; that it stands in many lines is how invoices are."""
    found, notes = known(key, columns, where)
    return found, notes[0]


def _as_text(name: str) -> pl.Expr:
    """Numbers that the spreadsheet keeps with a point are ids without one."""
    return pl.col(name).cast(pl.String).str.strip_chars().str.strip_suffix(".0").alias(name)


def _sheets(path: Path) -> pl.DataFrame:
    """All sheets, one below the other. Raises DataError if it is no spreadsheet."""
    try:
        import fastexcel
    except ImportError as error:
        raise MissingExtra("fastexcel", "datasets", f"Reading {path.name}") from error
    try:
        sheets = pl.read_excel(path, sheet_id=0, engine="calamine", infer_schema_length=0)
    except (fastexcel.FastExcelError, *POLARS_ERRORS, ValueError, OSError) as error:
        raise DataError(
            f"{path.name}: the spreadsheet cannot be read ({short(' '.join(str(error).split()), 120)}). Fetch it again, or save it as CSV."
        ) from error
    frames = [frame.select(pl.all().cast(pl.String)) for frame in sheets.values() if len(frame)]
    if not frames:
        raise DataError(f"{path.name}: the spreadsheet has no rows. Fetch it again.")
    return pl.concat(frames, how="diagonal")


def _set(name: str, title: str, address: str, names: tuple[str, ...], size: int | None = None) -> Publication:
    return Publication(
        name=name,
        title=title,
        page=f"https://archive.ics.uci.edu/dataset/{address}",
        licence="Creative Commons Attribution 4.0 (CC BY 4.0); cite Chen, UCI Machine Learning Repository.",
        needs=(Need("invoices", names),),
        parse=read,
        files=(Published(f"https://archive.ics.uci.edu/static/public/{address}.zip", size),),
        telltale=names[:1],
    )


PUBLICATIONS = (
    _set("online-retail:1", "Online Retail: 541,909 lines of invoices of a British shop, 2010-2011; titles, prices, quantities, countries", "352/online+retail",
         ("Online Retail.xlsx", "OnlineRetail.csv", "Online Retail.csv", "online_retail.csv")),
    _set("online-retail:2", "Online Retail II: 1,067,371 lines of invoices of a British shop, 2009-2011; titles, prices, quantities, countries",
         "502/online+retail+ii", ("online_retail_II.xlsx", "online_retail_II.csv")),
)  # fmt: skip

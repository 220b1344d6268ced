"""HotelRec: 50 million reviews of hotels from TripAdvisor, a JSON object a line."""

from __future__ import annotations

import polars as pl

from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.public.lines import Lines
from tastelm.data.sources.public.publication import Files, Need, Publication
from tastelm.data.sources.public.rows import known
from tastelm.data.sources.table import Parts, Table

REVIEW = {"user": "author", "item": "hotel_url", "time": "date", "rating": "rating", "review": "text", "summary": "title"}
# Hotel_Review-g194775-d1121769-Reviews-Hotel_Baltic-Giulianova_Province_of_Teramo_Abruzzo.html: the town, the hotel, their names.
ADDRESS = r"^.*-g\d+-d(\d+)-Reviews-([^-]+)-(.+?)(?:\.html)?$"


def read(files: Files) -> Parts:
    """One JSON object a line. A hotel goes by the number in its address, which tells its name and place too; an address of another form stays whole."""
    columns = {name: key for name, key in REVIEW.items() if name not in files.without}
    path = files["reviews"]
    lines = Lines(path, {key: pl.Float64 if name == "rating" else pl.String for name, key in columns.items()}, bad_rows=files.bad_rows)
    frame = pl.concat(list(lines)).with_columns(pl.col("hotel_url").str.extract(ADDRESS, 1).fill_null(pl.col("hotel_url")).alias("hotel"), address="hotel_url")
    nothing = dict.fromkeys(("event", "session", "weight", "review", "summary"), "none")
    log = read_interactions(Table(frame, path.name), path.name, columns={**nothing, **columns, "item": "hotel"}, bad_rows=files.bad_rows)
    told = [pl.col("address").str.extract(ADDRESS, group).str.replace_all("_", " ").alias(name) for name, group in (("title", 2), ("place", 3))]
    hotels = frame.select(pl.col("hotel").alias("item"), *told).filter(pl.col("title").is_not_null())
    items, notes = known("item", hotels.to_dict(), path.name) if len(hotels) else (None, ())
    return Parts(path.name, log.interactions, items, notes=(*log.notes[1:], *lines.notes(), *notes))


PUBLICATIONS = (
    Publication(
        name="tripadvisor",
        title="HotelRec: 50 million hotel reviews from TripAdvisor with ratings, times, headlines and texts; names and places of the hotels",
        page="https://github.com/Diego999/HotelRec",
        licence="Its page states none; the reviews are their writers', and TripAdvisor's terms of use hold for them.",
        needs=(Need("reviews", ("HotelRec.txt", "HotelRec.json", "hotelrec.json")),),
        parse=read,
        by_hand="Its authors say at https://github.com/Diego999/HotelRec how to get it (Antognini and Faltings 2020).",
        telltale=("HotelRec.txt",),
    ),
)

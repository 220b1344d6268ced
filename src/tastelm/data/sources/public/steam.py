"""Steam reviews as Kang and McAuley (2018) collected them: who reviewed which game when, hours played, texts; genres, tags and prices of the games."""

from __future__ import annotations

import polars as pl

from tastelm.data.sources.interactions import read_interactions
from tastelm.data.sources.public.lines import Lines
from tastelm.data.sources.public.publication import Files, Need, Publication, Published
from tastelm.data.sources.public.rows import known, met, numbers
from tastelm.data.sources.table import Parts, Table

REVIEW = {"user": "username", "item": "product_id", "time": "date", "review": "text"}
GAME = {"item": "id", "title": "app_name", "developer": "developer", "publisher": "publisher", "price": "price", "released": "release_date"}
LISTS = ("genres", "tags", "specs")


def read(files: Files) -> Parts:
    """A Python dictionary a line in both files. A user is known by a name; reviews have a day and no clock."""
    columns = {name: key for name, key in REVIEW.items() if name not in files.without}
    path = files["reviews"]
    hours = {} if "weight" in files.without else {"hours": pl.Float64}
    lines = Lines(path, dict.fromkeys(columns.values(), pl.String) | hours, bad_rows=files.bad_rows, literal=True)
    frame = pl.concat(list(lines))
    if hours:
        # Who does not say how long the game was played is taken to have just begun.
        frame, columns = frame.with_columns(pl.col("hours").fill_null(0.0)), {**columns, "weight": "hours"}
    nothing = dict.fromkeys(("event", "session", "rating", "summary"), "none")
    log = read_interactions(Table(frame, path.name), path.name, columns={**nothing, **columns}, bad_rows=files.bad_rows)
    notes = (*log.notes[1:], *lines.notes(), *(("weight: hours played, 0 where they are not told",) if hours else ()))
    items = None
    if found := files.get("items"):
        games = Lines(found, dict.fromkeys(GAME.values(), pl.String) | dict.fromkeys(LISTS, pl.List(pl.String)), bad_rows=files.bad_rows, literal=True)
        table = pl.concat(list(games)).rename({key: name for name, key in GAME.items()})
        # Games that cost nothing have a word in place of the price.
        free = table["price"].str.to_lowercase().str.contains("free").fill_null(False)
        price = pl.select(pl.when(free).then(0.0).otherwise(numbers(table["price"]))).to_series()
        lists = [pl.col(name).fill_null([]) for name in LISTS]
        items, more = known("item", table.with_columns(price.alias("price"), *lists).to_dict(), found.name)
        items, notes = met(items, "item", log.interactions, found.name), (*notes, *more, *games.notes())
    return Parts(path.name, log.interactions, items, notes=notes)


PUBLICATIONS = (
    Publication(
        name="steam",
        title="Steam: 7,793,069 reviews of 15,474 games by 2,567,538 users, 2010-2018; hours played, texts; genres, tags and prices of the games",
        page="https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
        licence="No licence is stated; the publisher gives the reviews for research and asks to cite Kang and McAuley 2018. The texts are their writers'.",
        needs=(Need("reviews", ("steam_reviews.json", "steam_new.json")), Need("items", ("steam_games.json",), True)),
        parse=read,
        files=(
            Published("https://cseweb.ucsd.edu/~wckang/steam_reviews.json.gz"),
            Published("https://cseweb.ucsd.edu/~wckang/steam_games.json.gz"),
        ),
        telltale=("steam_reviews.json.gz", "steam_games.json.gz"),
    ),
)

"""Last.fm: how often people played artists (HetRec 2011's 2K and Celma's 360K users), and what a thousand of them played when (1K)."""

from __future__ import annotations

import polars as pl

from tastelm.data.sources.public.publication import Files, Need, Publication, Published
from tastelm.data.sources.public.rows import known, numbers, read_log, read_rows
from tastelm.data.sources.table import Parts

PROFILE = ("user", "gender", "age", "country", "registered")


def read_2k(files: Files) -> Parts:
    """`user_artists.dat` with how often each artist was played, no times; names of the artists and friends of the users between tabs."""
    log = read_log(files["plays"], {"user": "userID", "item": "artistID", "weight": "weight"}, separator="\t", bad_rows=files.bad_rows)
    items, users, notes = None, None, (*log.notes, "weight: how often the artist was played")
    if path := files.get("artists"):
        rows = read_rows(path, "\t", 4)[1:]
        items, more = known("item", {"item": [row[0] for row in rows], "title": [row[1] for row in rows]}, path.name)
        notes += more
    if items is not None and (path := files.get("tagged")) and (names := files.get("tags")):
        tags = {row[0]: row[1] for row in read_rows(names, "\t", 2, encoding="latin-1")[1:]}
        rows = read_rows(path, "\t", 6)[1:]
        given = pl.DataFrame(
            {"item": [row[1] for row in rows], "tags": [tags.get(row[2], row[2]) for row in rows]}, schema={"item": pl.String, "tags": pl.String}
        )
        items = items.join(given.group_by("item", maintain_order=True).agg(pl.col("tags").unique().sort()), on="item", how="left", maintain_order="left")
        items, notes = items.with_columns(pl.col("tags").fill_null([])), (*notes, f"tags of the artists from {path.name}")
    if path := files.get("friends"):
        rows = read_rows(path, "\t", 2)[1:]
        pairs = pl.DataFrame({"user": [row[0] for row in rows], "friends": [row[1].strip() for row in rows]}, schema={"user": pl.String, "friends": pl.String})
        friends = pairs.group_by("user", maintain_order=True).agg("friends")
        users, more = known("user", friends.to_dict(), path.name)
        notes += more
    return Parts(log.name, log.interactions, items, users, notes=notes)


def read_360k(files: Files) -> Parts:
    """`usersha1-artmbid-artname-plays.tsv` without header or times. An artist without a MusicBrainz id goes by the name."""
    path = files["plays"]
    log = read_log(path, {"user": "1", "item": "3", "weight": "4"}, separator="\t", width=4, bad_rows=files.bad_rows)
    return _profiled(files, Parts(log.name, log.interactions, _named(log.interactions), notes=(*log.notes, "weight: how often the artist was played")))


def read_1k(files: Files) -> Parts:
    """`userid-timestamp-artid-artname-traid-traname.tsv` without header: every play of a thousand users. The artists are the items."""
    log = read_log(files["plays"], {"user": "1", "time": "2", "item": "4"}, separator="\t", width=6, bad_rows=files.bad_rows)
    return _profiled(files, Parts(log.name, log.interactions, _named(log.interactions), notes=log.notes))


def _named(interactions: pl.DataFrame) -> pl.DataFrame:
    """Artists are told by their names, which are their titles too."""
    return interactions.select(pl.col("item").unique().sort()).with_columns(pl.col("item").alias("title"))


def _profiled(files: Files, parts: Parts) -> Parts:
    path = files.get("profiles")
    if path is None:
        return parts
    rows = read_rows(path, "\t", 5)
    rows = rows[1:] if rows and rows[0][0].startswith("#") else rows
    columns = {name: [row[place].strip() or None for row in rows] for place, name in enumerate(PROFILE)}
    users, notes = known("user", {**columns, "age": numbers(columns["age"])}, path.name)
    return Parts(parts.name, parts.interactions, parts.items, users, notes=(*parts.notes, *notes))


_CELMA = "With permission of Last.fm for non-commercial use only; commercial use needs Last.fm's consent; cite Celma 2010."
PUBLICATIONS = (
    Publication(
        name="lastfm:2k",
        title="Last.fm 2K (HetRec 2011): 92,834 pairs of 1,892 users and 17,632 artists with play counts, no times; tags, friends",
        page="https://grouplens.org/datasets/hetrec-2011/",
        licence="For non-commercial use, as the README in the archive says; cite Cantador, Brusilovsky and Kuflik 2011 and Last.fm.",
        needs=(
            Need("plays", ("user_artists.dat",)),
            Need("artists", ("artists.dat",), True),
            Need("tags", ("tags.dat",), True),
            Need("tagged", ("user_taggedartists.dat",), True),
            Need("friends", ("user_friends.dat",), True),
        ),
        parse=read_2k,
        files=(Published("https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip"),),
        telltale=("user_artists.dat", "artists.dat"),
    ),
    Publication(
        name="lastfm:360k",
        title="Last.fm 360K: 17,559,530 pairs of 359,347 users and their artists with play counts, no times; gender, age and country of the users",
        page="https://zenodo.org/records/6090214",
        licence=_CELMA,
        needs=(Need("plays", ("usersha1-artmbid-artname-plays.tsv",)), Need("profiles", ("usersha1-profile.tsv",), True)),
        parse=read_360k,
        files=(Published("https://zenodo.org/records/6090214/files/lastfm-dataset-360K.tar.gz", 569_202_935, "md5:635e6ed3fc873aa4ba33aba0ebce02b1"),),
        telltale=("usersha1-artmbid-artname-plays.tsv",),
    ),
    Publication(
        name="lastfm:1k",
        title="Last.fm 1K: 19,150,868 plays of 992 users with their times, the artists as items; gender, age and country of the users",
        page="https://zenodo.org/records/6090214",
        licence=_CELMA,
        needs=(Need("plays", ("userid-timestamp-artid-artname-traid-traname.tsv",)), Need("profiles", ("userid-profile.tsv",), True)),
        parse=read_1k,
        files=(Published("https://zenodo.org/records/6090214/files/lastfm-dataset-1K.tar.gz", digest="md5:a79a6808f54f73354789a9fb02cb1e41"),),
        telltale=("userid-timestamp-artid-artname-traid-traname.tsv",),
    ),
)

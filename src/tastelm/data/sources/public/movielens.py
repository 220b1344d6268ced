"""MovieLens (GroupLens): ratings of films with times, titles, genres, and in the older sets who the users are."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tastelm.data.sources.public.publication import Files, Need, Publication, Published
from tastelm.data.sources.public.rows import known, read_log, read_rows
from tastelm.data.sources.table import Parts
from tastelm.data.sources.tables import read_table
from tastelm.errors import DataError

GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
NUMBERED = {"user": "1", "item": "2", "rating": "3", "time": "4"}
USERS = ("user", "age", "gender", "occupation", "zip_code")
# What the occupations of MovieLens 1M are called in its README, by their number.
OCCUPATIONS = (
    "other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service", "doctor/health care",
    "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer", "retired", "sales/marketing", "scientist",
    "self-employed", "technician/engineer", "tradesman/craftsman", "unemployed", "writer",
)  # fmt: skip


def read_100k(files: Files) -> Parts:
    """`u.data` user, item, rating, seconds between tabs; `u.item` and `u.user` between bars, in Latin-1, the genres as 19 flags."""
    log = read_log(files["ratings"], NUMBERED, separator="\t", width=4, bad_rows=files.bad_rows)
    items, users, notes = None, None, log.notes
    if path := files.get("items"):
        rows = read_rows(path, "|", 24, encoding="latin-1")
        genres = [[name for name, flag in zip(GENRES_100K, row[5:], strict=True) if flag.strip() == "1"] for row in rows]
        release = pl.Series([row[2] for row in rows]).str.to_date("%d-%b-%Y", strict=False)
        titles = pl.Series([row[1] for row in rows])
        items, more = known("item", {"item": [row[0] for row in rows], **_titles(titles), "released": release, "genres": genres}, path.name)
        notes += more
    if path := files.get("users"):
        rows = read_rows(path, "|", 5, encoding="latin-1")
        users, more = known("user", {name: [row[place] for row in rows] for place, name in enumerate(USERS)}, path.name)
        users, notes = users.with_columns(pl.col("age").cast(pl.Int64, strict=False)), notes + more
    return Parts(log.name, log.interactions, items, users, notes=notes)


def read_colons(files: Files) -> Parts:
    """`ratings.dat`, `movies.dat` and `users.dat` of 1M and 10M, the fields between two colons, the titles of 1M in Latin-1."""
    log = read_log(files["ratings"], NUMBERED, separator="::", width=4, bad_rows=files.bad_rows)
    items, users, notes = None, None, log.notes
    if path := files.get("items"):
        try:
            rows = read_rows(path, "::", 3)
        except DataError:
            rows = read_rows(path, "::", 3, encoding="latin-1")
        titles = _titles(pl.Series([row[1] for row in rows]))
        items, more = known("item", {"item": [row[0] for row in rows], **titles, "genres": _genres([row[2] for row in rows])}, path.name)
        notes += more
    if path := files.get("users"):
        rows = read_rows(path, "::", 5, encoding="latin-1")
        jobs = [OCCUPATIONS[int(row[3])] if row[3].isdecimal() and int(row[3]) < len(OCCUPATIONS) else row[3] for row in rows]
        ages = pl.Series([row[2] for row in rows]).cast(pl.Int64, strict=False)
        columns: dict[str, pl.Series | Sequence[object]] = {
            "user": [row[0] for row in rows],
            "age": ages,
            "gender": [row[1] for row in rows],
            "occupation": jobs,
            "zip_code": [row[4] for row in rows],
        }
        users, more = known("user", columns, path.name)
        notes += more
    return Parts(log.name, log.interactions, items, users, notes=notes)


def read_commas(files: Files) -> Parts:
    """`ratings.csv` and `movies.csv` of 20M and later, with a header."""
    columns = {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}
    log = read_log(files["ratings"], columns, separator=",", bad_rows=files.bad_rows)
    items, notes = None, log.notes
    if path := files.get("items"):
        table = read_table(path, columns={"item": "movieId"}, bad_rows=files.bad_rows).frame
        if not {"movieId", "title", "genres"} <= set(table.columns):
            raise DataError(
                f"{path.name}: the published columns movieId, title, genres are not there, only {', '.join(table.columns)}. Give the file as published."
            )
        items, more = known("item", {"item": table["movieId"], **_titles(table["title"]), "genres": _genres(table["genres"].to_list())}, path.name)
        notes += more
    return Parts(log.name, log.interactions, items, notes=notes)


def _titles(titles: pl.Series) -> dict[str, pl.Series]:
    """`Toy Story (1995)` as it is written, and its year."""
    return {"title": titles, "year": titles.str.extract(r"\((\d{4})\)\s*$").cast(pl.Int64)}


def _genres(values: list[str]) -> list[list[str]]:
    return [[] if not value or value.startswith("(no genres") else value.strip().split("|") for value in values]


def _set(version: str, title: str, size: int, md5: str, needs: tuple[Need, ...], telltale: tuple[str, ...]) -> Publication:
    parse = {".data": read_100k, ".dat": read_colons, ".csv": read_commas}[needs[0].names[0][needs[0].names[0].rindex(".") :]]
    return Publication(
        name=f"movielens:{version}",
        title=f"MovieLens {title}",
        page=f"https://grouplens.org/datasets/movielens/{version}/",
        licence="GroupLens: for research; no commercial use without its permission, no claim of its endorsement; cite Harper and Konstan 2015. "
        "The README in the archive holds the terms.",
        needs=needs,
        parse=parse,
        files=(Published(f"https://files.grouplens.org/datasets/movielens/ml-{version}.zip", size, f"md5:{md5}"),),
        telltale=telltale,
    )


_BARS = (Need("ratings", ("u.data",)), Need("items", ("u.item",), True), Need("users", ("u.user",), True))
_COLONS = (Need("ratings", ("ratings.dat",)), Need("items", ("movies.dat",), True), Need("users", ("users.dat",), True))
_COMMAS = (Need("ratings", ("ratings.csv",)), Need("items", ("movies.csv",), True))

# The digests are those of the .md5 files beside the archives.
PUBLICATIONS = (
    _set("100k", "100K: 100,000 ratings of 1,682 films by 943 users, 1997-1998; genres, who the users are", 4_924_029,
         "0e33842e24a9c977be4e0107933c0723", _BARS, ("u.data", "u.item")),
    _set("1m", "1M: 1,000,209 ratings of about 3,900 films by 6,040 users, 2000; genres, who the users are", 5_917_549,
         "c4d9eecfca2ab87c1945afe126590906", _COLONS, ("ratings.dat", "movies.dat", "users.dat")),
    _set("10m", "10M: 10,000,054 ratings of 10,681 films by 71,567 users, 1995-2009; genres", 65_566_137,
         "ce571fd55effeba0271552578f2648bd", _COLONS, ("ml-10M100K/ratings.dat", "ml-10M100K/movies.dat")),
    _set("20m", "20M: 20,000,263 ratings of 27,278 films by 138,493 users, 1995-2015; genres", 198_702_078,
         "cd245b17a1ae2cc31bb14903e1204af3", _COMMAS, ("ml-20m/ratings.csv", "ml-20m/movies.csv")),
    _set("25m", "25M: 25,000,095 ratings of 62,423 films by 162,541 users, 1995-2019; genres", 261_978_986,
         "6b51fb2759a8657d3bfcbfc42b592ada", _COMMAS, ("ml-25m/ratings.csv", "ml-25m/movies.csv")),
)  # fmt: skip

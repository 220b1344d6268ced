"""The one table of public data sets, and finding one by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tastelm.data.sources.public import amazon, diginetica, lastfm, movielens, online_retail, steam, tripadvisor, yelp, yoochoose
from tastelm.data.sources.public.cache import checked, folder_of, is_cached
from tastelm.data.sources.public.places import holds, located, names_in
from tastelm.data.sources.public.publication import Files, Publication
from tastelm.data.sources.table import BadRows, Parts, short
from tastelm.errors import DataError, SettingError, nearest

FAMILIES = (movielens, amazon, yelp, tripadvisor, online_retail, yoochoose, diginetica, steam, lastfm)
PUBLICATIONS: dict[str, Publication] = {publication.name: publication for family in FAMILIES for publication in family.PUBLICATIONS}
_NAME = re.compile(r"^([a-z][a-z-]*)(:[^@]*)?(?:@(.*))?$", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """`movielens:1m@/path` taken apart: the name of the set, and where the user has it, if that was said."""

    name: str
    place: str | None


def asked(source: str) -> Asked | None:
    """What a source asks for, or None if its first word is no family of public data sets."""
    found = _NAME.match(source)
    if found is None or found[1] not in families():
        return None
    return Asked(f"{found[1]}{found[2] or ''}", found[3])


def families() -> list[str]:
    """The words before the colon."""
    return list(dict.fromkeys(name.partition(":")[0] for name in PUBLICATIONS))


def find(name: str) -> Publication:
    """The set of a name. Raises DataError, naming what is known, for a family, a version or a part of it that is not."""
    if name in PUBLICATIONS:
        return PUBLICATIONS[name]
    word, colon, _ = name.partition(":")
    if word not in families():
        raise DataError(f"'{short(name)}' is no public data set that is known here; {nearest(word, families())} `tastelm data list` shows all.")
    known = [entry for entry in PUBLICATIONS if entry.partition(":")[0] == word]
    version, slash, part = name.partition("/")
    versions = list(dict.fromkeys(entry.partition("/")[0] for entry in known))
    if version in versions and any("/" in entry for entry in known):
        parts = [entry.partition("/")[2] for entry in known if entry.startswith(f"{version}/")]
        wrong = f"there is no part '{short(part)}' in {version}" if slash and part else f"{version} needs a part, as in {version}/{parts[0]}"
        raise DataError(f"'{short(name)}': {wrong}; {nearest(part or 'All_Beauty', parts)}")
    what = f"there is no version '{short(version.partition(':')[2])}' of {word}" if colon else f"{word} has several versions"
    raise DataError(f"'{short(name)}': {what}; {nearest(version, versions) if colon else 'known are: ' + ', '.join(versions) + '.'}")


def read_public(request: Asked, *, bad_rows: BadRows = "stop", without: frozenset[str] = frozenset()) -> Parts:
    """The tables of a public set, from where the user has it or from the cache; nothing is ever fetched here.

    Raises DataError if it is in neither place, is not what was fetched, or cannot be read.
    """
    publication = find(request.name)
    if request.place is not None and not request.place.strip():
        raise SettingError(f"'{publication.name}@' names no place; write the path of a folder, an archive or a file behind the @.")
    return parse(publication, checked(publication) if request.place is None else Path(request.place).expanduser(), bad_rows=bad_rows, without=without)


def parse(publication: Publication, place: Path, *, bad_rows: BadRows = "stop", without: frozenset[str] = frozenset()) -> Parts:
    """The tables of a set that lies in a folder, an archive or a file."""
    with located(publication, place) as paths:
        parts = publication.parse(Files(paths, bad_rows, without))
    kept = parts.interactions.drop(*(name for name in without if name in parts.interactions.columns))
    name = publication.name.replace(":", "-").replace("/", "-")
    return Parts(name, kept, parts.items, parts.users, parts.order, (f"the published format of {publication.name}", *parts.notes))


def recognised(place: Path) -> Publication | None:
    """The set that a folder or an archive holds, told by the names of its files; None for any other."""
    names = names_in(place)
    return next((publication for publication in PUBLICATIONS.values() if holds(publication, names)), None)


def listing() -> Iterator[dict[str, Any]]:
    """Every set as plain values: name, title, bytes to fetch, licence, page, and whether it is in the cache."""
    for publication in PUBLICATIONS.values():
        cached = is_cached(publication)
        yield {
            "name": publication.name,
            "title": publication.title,
            "bytes": publication.size,
            "fetched": "by command" if publication.files else "by hand",
            "licence": publication.licence,
            "page": publication.page,
            "cached": cached,
            "folder": str(folder_of(publication)) if cached else None,
        }

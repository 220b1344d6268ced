"""The folder that fetched data sets are kept in, and the record beside each: where it came from, and what it must still be."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tastelm.data.sources.public.publication import Publication
from tastelm.errors import DataError, SettingError
from tastelm.files import write_json

RECORD = "record.json"
VARIABLE = "TASTELM_CACHE"


@dataclass(frozen=True)
class Kept:
    """A file in the cache: sha256 of what was fetched, its size in bytes, where it came from, and the publisher's digest, if there is one."""

    sha256: str
    size: int
    source: str
    published: str | None = None


def cache() -> Path:
    """The folder of all that is fetched: `TASTELM_CACHE`, or the user's cache directory of this system."""
    if named := os.environ.get(VARIABLE, "").strip():
        folder = Path(named).expanduser()
        if folder.exists() and not folder.is_dir():
            raise SettingError(f"{VARIABLE} is {folder}, which is a file; it takes a folder.")
        return folder
    import pooch

    return Path(pooch.os_cache("tastelm"))


def folder_of(publication: Publication) -> Path:
    """The folder of one set in the cache, whether it is there or not."""
    return cache() / publication.name.replace(":", "-").replace("/", "-")


def is_cached(publication: Publication) -> bool:
    """Whether the set was fetched and its files are still there, as long as they were."""
    folder = folder_of(publication)
    try:
        kept, complete = record(folder)
    except DataError:
        return False
    return complete and all((folder / name).is_file() and (folder / name).stat().st_size == entry.size for name, entry in kept.items())


def record(folder: Path) -> tuple[dict[str, Kept], bool]:
    """File name -> what is known of it, empty where nothing was fetched, and whether these are all. Raises DataError if the record is damaged."""
    path = folder / RECORD
    if not path.exists():
        return {}, False
    try:
        found = json.loads(path.read_bytes())
        return {str(name): Kept(**entry) for name, entry in found["files"].items()}, found["complete"] is True
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: the record is damaged. Delete {folder} and fetch the set again.") from error


def write_record(folder: Path, publication: Publication, kept: dict[str, Kept], *, complete: bool) -> None:
    """Keep what was fetched, with the licence it came under, and whether it is all of the set."""
    files = {name: asdict(entry) for name, entry in kept.items()}
    write_json(folder / RECORD, {"name": publication.name, "page": publication.page, "licence": publication.licence, "complete": complete, "files": files})


def checked(publication: Publication) -> Path:
    """The folder of a cached set, every file the same as when it was fetched. Raises DataError if it is not cached or has changed."""
    folder = folder_of(publication)
    kept, complete = record(folder)
    if kept and not complete:
        raise DataError(f"{publication.name} is in the cache in part ({', '.join(kept)}). Go on with: tastelm data get {publication.name}")
    if not kept:
        raise DataError(f"{publication.name} is not in the cache ({folder}). {how_to_get(publication)}")
    for name, entry in kept.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path}: the file is gone from the cache. Fetch it again with: tastelm data get {publication.name}")
        if path.stat().st_size != entry.size or digest(path) != entry.sha256:
            raise DataError(f"{path}: the file is not what was fetched (wrong checksum). Delete it and run: tastelm data get {publication.name}")
    return folder


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file in hex digits."""
    import pooch

    return str(pooch.file_hash(str(path), alg=algorithm))


def how_to_get(publication: Publication) -> str:
    """The command that fetches a set, or what to do where it cannot be fetched, and how to read what is there already."""
    there = f"or name what you have: --data {publication.name}@/path/to/the/folder/or/archive"
    if publication.files:
        return f"Get it with: tastelm data get {publication.name}, {there}"
    return f"{publication.by_hand} Then: tastelm data get {publication.name} --from FILE, {there}"

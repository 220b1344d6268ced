"""Getting a public data set into the cache: from its publisher, from another address, or from files that are there already.

Nothing here runs unless the user asks for it; reading a data set never fetches one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tastelm.data.sources.public.cache import Kept, digest, folder_of, how_to_get, is_cached, record, write_record
from tastelm.data.sources.public.catalogue import find
from tastelm.data.sources.public.download import Progress, download, size_of
from tastelm.data.sources.public.lines import blocks
from tastelm.data.sources.public.places import located, sizes
from tastelm.data.sources.public.publication import Publication, Published, file_name
from tastelm.errors import DataError, OutputError, SettingError
from tastelm.files import replacing


@dataclass(frozen=True)
class Plan:
    """What getting a set means, before anything is done.

    publication  the set, with the files that will be fetched
    place        a file or folder to copy from, or None to fetch from the network
    size         bytes to fetch or copy, None where nobody tells
    folder       where it will lie
    present      whether it lies there already
    """

    publication: Publication
    place: Path | None
    size: int | None
    folder: Path
    present: bool


def plan(name: str, source: str | Path | None = None) -> Plan:
    """How a set would be fetched, `source` being a folder, a file or an address in place of the publisher's.

    The server is asked for the size where the publisher's page does not tell it. Raises DataError for a name that is not known, for a
    place where nothing lies, and for a set that its publisher gives out by hand; SettingError for an address that is none.
    """
    publication = find(name)
    folder, present = folder_of(publication), is_cached(publication)
    if source is None or str(source).startswith(("http://", "https://")):
        publication = publication if source is None else _elsewhere(publication, str(source))
        if not publication.files:
            raise DataError(f"{publication.name} cannot be fetched. {how_to_get(publication)}")
        size = None if present else publication.size or _asked(publication)
        return Plan(publication, None, size, folder, present and source is None)
    if "://" in str(source):
        raise SettingError(f"--from takes a folder, a file or an http address, not '{source}'.")
    place = Path(source).expanduser()
    with located(publication, place) as paths:
        size = place.stat().st_size if place.is_file() else sizes(paths)
    return Plan(publication, place, size, folder, False)


def carry_out(wanted: Plan, progress: Progress | None = None) -> Path:
    """Fetch or copy, look the files over, and write the record. Returns the folder.

    Raises DataError for a download that stopped (its part is kept), a wrong checksum, or files that are damaged or not this data set
    (they are thrown away); OutputError where there is no room.
    """
    publication, folder = wanted.publication, wanted.folder
    if wanted.present:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}). Set TASTELM_CACHE to another folder.") from error
    if wanted.place is not None:
        kept = _copied(publication, wanted.place, folder)
    else:
        kept = {}
        there, _ = record(folder)
        for file in publication.files:
            path = folder / file.name
            if not (file.name in there and there[file.name].source == file.url and path.is_file() and digest(path) == there[file.name].sha256):
                with _thrown_away(path):
                    path = download(file, folder, progress)
                    _look_over(publication, path, alone=len(publication.files) == 1)
            kept[file.name] = Kept(digest(path), path.stat().st_size, file.url, file.digest)
            # Each file is recorded when it is whole, so that a set of several goes on with the next.
            write_record(folder, publication, kept, complete=False)
    write_record(folder, publication, kept, complete=True)
    return folder


def get(name: str, source: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch a set and return its folder; at once if it is there. The licence is in `plan(name).publication.licence`."""
    return carry_out(plan(name, source), progress)


def _elsewhere(publication: Publication, address: str) -> Publication:
    """The set with its files at another address: that of a folder with all of them, or of the one file."""
    if len(publication.files) > 1 or (publication.files and address.endswith("/")):
        files = tuple(replace(file, url=f"{address.rstrip('/')}/{file.url.rsplit('/', 1)[-1]}") for file in publication.files)
    elif not file_name(address):
        raise SettingError(f"--from: the address {address} names no file; give the address of the archive of {publication.name}.")
    else:
        files = (Published(address, digest=publication.files[0].digest if publication.files else None),)
    return replace(publication, files=files)


def _asked(publication: Publication) -> int | None:
    found = [file.size or size_of(file.url) for file in publication.files]
    return sum(size for size in found if size is not None) if None not in found else None


def _copied(publication: Publication, place: Path, folder: Path) -> dict[str, Kept]:
    """The user's files in the cache, each put in place whole."""
    published = {file.name: file.digest for file in publication.files}
    kept = {}
    with located(publication, place) as paths:
        for path in [place] if place.is_file() and place not in paths.values() else paths.values():
            expected = published.get(path.name)
            if expected and digest(path, expected.partition(":")[0]) != expected.partition(":")[2]:
                raise DataError(f"{path}: wrong checksum: the file is not the one published as {expected}. Fetch it again from {publication.page}.")
            target = folder / path.name
            if path.resolve() != target.resolve():
                with replacing(target) as aside:
                    shutil.copyfile(path, aside)
            _look_over(publication, target, alone=False)
            kept[path.name] = Kept(digest(target), target.stat().st_size, str(path), expected)
    return kept


def _look_over(publication: Publication, path: Path, *, alone: bool) -> None:
    """Read through what came: an archive is unpacked once, a gzip file once. Raises DataError if it is damaged or something else."""
    if alone:
        with located(publication, path):
            return
    if path.name.endswith(".gz") and not path.name.endswith(".tar.gz"):
        for _ in blocks(path):
            pass


@contextmanager
def _thrown_away(path: Path) -> Iterator[None]:
    """A file that came whole and cannot be used is not kept: the next try must not find it."""
    try:
        yield
    except DataError:
        path.unlink(missing_ok=True)
        raise

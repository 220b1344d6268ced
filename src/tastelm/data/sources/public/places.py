"""Where the files of a public data set are: a folder, an archive (also one within another), or the one file itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tastelm.data.sources.public.archives import ENDINGS, is_archive, members, unpack
from tastelm.data.sources.public.publication import Need, Publication
from tastelm.data.sources.table import quoted
from tastelm.errors import DataError, OutputError

# How deep a folder is looked through, and how many files of it: what a user names by mistake may be a whole disk.
DEPTH, MOST_FILES = 3, 20_000
# An archive in an archive in an archive, as Yelp packs it, and no further.
NESTED = 2


@contextmanager
def located(publication: Publication, place: Path) -> Iterator[dict[str, Path]]:
    """Key of a need -> its file. What is packed is unpacked into a temporary folder that vanishes when the block ends.

    Raises DataError if nothing is there, if a file is missing, or if an archive is damaged or refused.
    """
    if not os.path.lexists(place):
        raise DataError(f"{place}: there is no such file or folder. Check the path of {publication.name}.")
    with tempfile.TemporaryDirectory(prefix="tastelm-") as folder:
        try:
            paths = _find(publication, place, Path(folder), NESTED)
        except OutputError:
            raise
        except OSError as error:
            raise DataError(f"{place}: cannot be read ({error.strerror or error}). Check the path and its permissions.") from error
        yield paths


def found_in(publication: Publication, folder: Path) -> dict[str, Path]:
    """Key of a need -> the file in a folder that is called so; the ones nearest to the top. Raises DataError where two are equally near."""
    found = {}
    files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for need in publication.needs:
        if name := _member(need, files, folder):
            found[need.key] = files[name]
    return found


def holds(publication: Publication, names: Iterable[str]) -> bool:
    """Whether paths of files end in all that this set is known by."""
    known = [f"/{name}" for name in names]
    return bool(publication.telltale) and all(any(name.endswith(f"/{end}") for name in known) for end in publication.telltale)


def names_in(place: Path) -> list[str]:
    """The paths in a folder (one level, with its own name in front) or in an archive; none for any other file."""
    try:
        if os.path.isdir(place):
            return [f"{place.resolve().name}/{path.name}" for path in place.iterdir() if path.is_file()]
        return members(place) if os.path.isfile(place) and is_archive(place) else []
    except PermissionError:  # whoever reads the place says so
        return []


def _find(publication: Publication, place: Path, aside: Path, nested: int) -> dict[str, Path]:
    if place.is_dir():
        found = found_in(publication, place)
        if publication.needs[0].key in found:
            return found
        packed = [path for path in sorted(place.iterdir()) if path.is_file() and path.name.lower().endswith(ENDINGS)]
        for path in packed:
            if _held(publication, path):
                return _unpacked(publication, path, aside, nested)
        raise _missing(publication, place, sorted(path.name for path in place.iterdir() if not path.name.startswith(".")))
    first = publication.needs[0]
    if _called(first, place.name) or not is_archive(place):
        # The user says that this file is the set, whatever it is called; what belongs to it lies beside it under its own name.
        return found_in(publication, place.parent) | {first.key: place} if _called(first, place.name) else {first.key: place}
    return _unpacked(publication, place, aside, nested)


def _held(publication: Publication, path: Path) -> bool:
    """Whether an archive holds the set, or another archive that may."""
    names = members(path)
    return any(_called(publication.needs[0], PurePosixPath(name).name) or name.lower().endswith(ENDINGS) for name in names)


def _unpacked(publication: Publication, path: Path, aside: Path, nested: int) -> dict[str, Path]:
    names = members(path)
    chosen = {need.key: name for need in publication.needs if (name := _member(need, names, path))}
    if publication.needs[0].key in chosen:
        targets = {key: aside / key / PurePosixPath(name).name for key, name in chosen.items()}
        for target in targets.values():
            target.parent.mkdir()
        unpack(path, {name: targets[key] for key, name in chosen.items()})
        return targets
    inner = [name for name in names if name.lower().endswith(ENDINGS)]
    if nested and inner:
        target = aside / f"packed-{nested}" / PurePosixPath(inner[0]).name
        target.parent.mkdir()
        unpack(path, {inner[0]: target})
        return _unpacked(publication, target, aside, nested - 1)
    raise _missing(publication, path, names)


def _member(need: Need, names: Iterable[str], where: Path) -> str | None:
    """The path of the file of a need: the one that stands alone on the highest level."""
    fitting = sorted((name.count("/"), name) for name in names if _called(need, PurePosixPath(name).name))
    if not fitting:
        return None
    level = [name for depth, name in fitting if depth == fitting[0][0]]
    if len(level) > 1:
        raise DataError(f"{where}: ambiguous: {quoted(level)} could each be the {need.key} file. Keep one of them, or name a folder that holds one.")
    return level[0]


def _called(need: Need, name: str) -> bool:
    return name.lower().removesuffix(".gz") in {known.lower().removesuffix(".gz") for known in need.names}


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = [] if len(Path(root).relative_to(folder).parts) >= DEPTH else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                raise DataError(f"{folder}: more than {MOST_FILES:,} files are in this folder. Name the folder that holds the data set alone.")
            if not name.startswith(".") and not name.endswith(".part"):
                yield Path(root) / name


def _missing(publication: Publication, place: Path, names: list[str]) -> DataError:
    needed = " or ".join(f"'{name}'" for name in publication.needs[0].names)
    return DataError(
        f"{place}: {needed} of {publication.name} is not there; it holds {quoted(names, 5) or 'nothing'}. "
        "Give the publisher's archive or the folder it unpacks to."
    )


def sizes(paths: Mapping[str, Path]) -> int:
    """Bytes of files together."""
    return sum(path.stat().st_size for path in paths.values())

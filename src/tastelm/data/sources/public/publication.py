"""What the library knows of a public data set: who publishes it, under which terms, which files it takes, and who parses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tastelm.data.sources.table import BadRows, Parts


@dataclass(frozen=True)
class Published:
    """A file that the publisher offers.

    url     where it lies
    size    bytes, where the publisher tells them
    digest  `md5:...` or `sha256:...` as the publisher prints it; None where none is printed. Then the digest of the first download
            is kept beside the file, and checked whenever it is read
    """

    url: str
    size: int | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """What the file is called in the cache."""
        return file_name(self.url)


@dataclass(frozen=True)
class Need:
    """A file that the parser reads: by which name it asks for it, and what publishers and users call the file (also with .gz)."""

    key: str
    names: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class Files:
    """What a parser is given.

    paths     key of a need -> the file, unpacked from its archive
    bad_rows  what becomes of rows that cannot be read
    without   columns of the interactions that are not wanted, and need not be read
    """

    paths: Mapping[str, Path]
    bad_rows: BadRows = "stop"
    without: frozenset[str] = frozenset()

    def __getitem__(self, key: str) -> Path:
        return self.paths[key]

    def get(self, key: str) -> Path | None:
        """The file of an optional need, or None."""
        return self.paths.get(key)


@dataclass(frozen=True)
class Publication:
    """A public data set.

    name      as the user writes it: `movielens:1m`, `amazon:2018/All_Beauty`
    title     one line that says what it holds, with the publisher's counts
    page      where the publisher tells of it
    licence   its terms in a sentence, shown before anything is fetched
    needs     what the parser reads; the first is never optional
    parse     the files to the tables
    files     what can be fetched; none where the publisher wants to be asked first
    by_hand   what to do where nothing can be fetched
    telltale  ends of paths by which a folder or archive is known to hold this set; none where others look alike
    """

    name: str
    title: str
    page: str
    licence: str
    needs: tuple[Need, ...]
    parse: Callable[[Files], Parts]
    files: tuple[Published, ...] = ()
    by_hand: str = ""
    telltale: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int | None:
        """Bytes to fetch, or None where the publisher does not tell."""
        sizes = [file.size for file in self.files]
        return sum(size for size in sizes if size) if sizes and all(sizes) else None


def file_name(url: str) -> str:
    """The last part of the path of an address."""
    return unquote(urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1]

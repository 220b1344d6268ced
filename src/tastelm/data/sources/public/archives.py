"""Archives (zip, tar in any packing, 7z): what is in them, and single members taken out to a place of our choosing.

No member decides where it lands; an archive that tries to is refused whole.
"""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tastelm.data.sources.content import MOST_BYTES
from tastelm.data.sources.table import short
from tastelm.errors import DataError, MissingExtra, OutputError

SEVEN = b"7z\xbc\xaf\x27\x1c"
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z")
# Whatever the unpackers raise when bytes are missing or wrong.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError)


def is_archive(path: Path) -> bool:
    """Whether the content is an archive, whatever the name; a spreadsheet is a zip file to look at, but no archive to us."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(SEVEN):
        return True
    if head.startswith(b"PK\x03\x04"):
        return path.suffix.lower() != ".xlsx"
    return path.name.lower().endswith(ENDINGS) or (path.stat().st_size >= 512 and not path.name.lower().endswith(".gz") and tarfile.is_tarfile(path))


def members(path: Path) -> list[str]:
    """The files in an archive. Raises DataError if it is damaged, or if a member would land outside of the folder it is unpacked to."""
    with _reading(path):
        if _kind(path) == "7z":
            with _seven(path) as seven:
                names = [entry.filename for entry in seven.list() if not entry.is_directory]
        elif _kind(path) == "zip":
            with zipfile.ZipFile(path) as archive:
                names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        else:
            with tarfile.open(path) as tar:
                entries = [entry for entry in tar if not entry.isdir()]
                names = [entry.name for entry in entries]
                if odd := next((entry for entry in entries if not entry.isfile()), None):
                    raise DataError(
                        f"{path.name}: refused, since its member '{short(odd.name)}' is a link or a device, no file. Fetch it again from its publisher."
                    )
    for name in names:
        if _escapes(name):
            raise DataError(
                f"{path.name}: refused, since its member '{short(name)}' would be written outside of its folder. Fetch it again from its publisher."
            )
    return [name for name in names if not _is_shadow(name)]


def unpack(path: Path, wanted: Mapping[str, Path]) -> None:
    """Write members of an archive, name -> file to make. Raises DataError if the archive is damaged, OutputError if there is no room."""
    with _reading(path):
        if _kind(path) == "7z":
            _unpack_seven(path, wanted)
        elif _kind(path) == "zip":
            with zipfile.ZipFile(path) as archive:
                for name, target in wanted.items():
                    with archive.open(name) as member:
                        _copy(member, target, path.name)
        else:
            with tarfile.open(path) as tar:
                for entry in tar:  # in the order of the archive: a packed tar can only be read forwards
                    if entry.name in wanted and entry.isfile() and (source := tar.extractfile(entry)) is not None:
                        _copy(source, wanted[entry.name], path.name)


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    return "7z" if head.startswith(SEVEN) else "zip" if head.startswith(b"PK") or path.suffix.lower() == ".zip" else "tar"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, OutputError, MissingExtra):
        raise
    except _DAMAGE as error:
        reason = short(str(error) or type(error).__name__, 120).rstrip(".")
        raise DataError(f"{path.name}: the archive is damaged or cut off ({reason}). Fetch it again.") from error
    except RuntimeError as error:  # a zip file with a password
        raise DataError(f"{path.name}: the archive cannot be opened ({short(error, 120)}). Unpack it and give the folder.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}). Check the path and its permissions.") from error


def _seven(path: Path) -> Any:
    """The open archive; what py7zr finds wrong becomes a ValueError, so that its errors need not be known elsewhere."""
    try:
        import py7zr
    except ImportError as error:
        raise MissingExtra("py7zr", "datasets", f"Unpacking {path.name}") from error
    try:
        return py7zr.SevenZipFile(path)
    except (py7zr.exceptions.ArchiveError, TypeError, OSError) as error:
        raise ValueError(str(error) or "not a whole 7z archive") from error


def _unpack_seven(path: Path, wanted: Mapping[str, Path]) -> None:
    import py7zr

    aside = next(iter(wanted.values())).parent / ".unpacked"
    with _seven(path) as seven:
        size = sum(entry.uncompressed for entry in seven.list() if entry.filename in wanted)
        _check_room(size, aside.parent, path.name)
        try:
            seven.extract(path=aside, targets=list(wanted))
        except (py7zr.exceptions.ArchiveError, OSError) as error:
            raise ValueError(str(error)) from error
    for name, target in wanted.items():
        (aside / name).replace(target)
    shutil.rmtree(aside)


def _copy(source: IO[bytes], target: Path, where: str) -> None:
    size = 0
    with target.open("wb") as file:
        while piece := source.read(1 << 22):
            size += len(piece)
            if size > MOST_BYTES:
                raise DataError(f"{where}: a member unpacks to more than {MOST_BYTES:,} bytes. Unpack it yourself and give the folder.")
            try:
                file.write(piece)
            except OSError as error:
                raise _no_room(target.parent, where, error.strerror or str(error)) from error


def _check_room(size: int, folder: Path, where: str) -> None:
    free = shutil.disk_usage(folder).free
    if size > min(free, MOST_BYTES):
        raise _no_room(folder, where, f"{size:,} bytes are needed and {free:,} are free")


def _no_room(folder: Path, where: str, reason: str) -> OutputError:
    return OutputError(f"{where}: cannot be unpacked in {folder} ({reason}). Make room there, or set TMPDIR to a folder with more.")


def _escapes(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0] if path.parts else True


def _is_shadow(name: str) -> bool:
    """What macOS adds to archives: `__MACOSX/._u.data` is no data."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith("._")

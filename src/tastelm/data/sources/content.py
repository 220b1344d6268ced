"""The bytes of a file: found, unpacked and, where they are text, known to be UTF-8. Everything else is refused in one sentence."""

from __future__ import annotations

import zlib
from pathlib import Path

from tastelm.errors import DataError

# A file that unpacks to more is refused before it fills the memory.
MOST_BYTES = 64 << 30
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
_REFUSED = {
    b"PK\x03\x04": "a zip archive or spreadsheet. Unpack it, or save the sheet as CSV",
    b"BZh": "packed with bzip2. Unpack it with bunzip2",
    b"\xfd7zXZ\x00": "packed with xz. Unpack it with unxz",
    b"\x28\xb5\x2f\xfd": "packed with zstd. Unpack it with unzstd",
    b"SQLite format 3\x00": "an SQLite database. Export the table as CSV",
    b"\x89HDF": "an HDF5 file. Save the table as Parquet",
    b"\x93NUMPY": "a NumPy array. Save the table as CSV or Parquet",
    b"%PDF": "a PDF document. Save the table as CSV",
} | {
    bytes([0x80, version]): "a Python pickle, which can run any code when it is opened and is never read. Save the table as Parquet" for version in (2, 3, 4, 5)
}


def content(path: Path) -> bytes:
    """All bytes of a file, unpacked if it is gzip by content, whatever its name. Raises DataError if there is none to read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file. Check the path.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}). Check the path and its permissions.") from error
    if data.startswith(GZIP):
        data = _unpacked(data, path.name)
    if not data.strip():
        raise DataError(f"{path.name}: the file is empty. It needs at least one row of user and item.")
    for magic, cure in _REFUSED.items():
        if data.startswith(magic):
            raise DataError(f"{path.name}: the file is {cure}.")
    return data


def _unpacked(data: bytes, where: str) -> bytes:
    pieces, size = [], 0
    while data:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            while data and not unpacker.eof:
                pieces.append(unpacker.decompress(data, 1 << 26))
                data = unpacker.unconsumed_tail
                size += len(pieces[-1])
                if size > MOST_BYTES:
                    raise DataError(f"{where}: the gzip file unpacks to more than {MOST_BYTES:,} bytes. Divide it, or unpack and read a part.")
        except zlib.error as error:
            raise DataError(f"{where}: the gzip file is damaged after {size:,} unpacked bytes ({error}). Fetch it again.") from error
        if not unpacker.eof:
            raise DataError(f"{where}: the gzip file is cut off after {size:,} unpacked bytes. Fetch it again.")
        # What follows one gzip member is another one, or padding.
        data = unpacker.unused_data if unpacker.unused_data.startswith(GZIP) else b""
    return b"".join(pieces)


def as_text(data: bytes, where: str) -> bytes:
    """The same text as UTF-8 bytes without a byte order mark, every line ended by a line feed. Raises DataError if it is no such text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{where}: the text is UTF-16. Convert it with: iconv -f UTF-16 -t UTF-8 {where} > utf8-{where}")
    data = data.removeprefix(b"\xef\xbb\xbf")
    place = data.find(b"\0")
    if place >= 0:
        raise DataError(
            f"{where}, line {_line(data, place)}: a NUL byte (offset {place:,}): the file is binary or damaged. Give a CSV, TSV, JSON lines or Parquet file."
        )
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}, line {_line(data, error.start)}: byte 0x{data[error.start]:02X} (offset {error.start:,}) is not UTF-8 text; "
                "the file is in another encoding or binary. "
                f"If it is Latin-1, convert it with: iconv -f LATIN1 -t UTF-8 {where} > utf8-{where}"
            ) from error
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        data = data.replace(b"\r", b" " if b"\n" in data else b"\n")
    if not data.strip():
        raise DataError(f"{where}: the file holds nothing but blanks. It needs at least one row of user and item.")
    return data


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1

"""One file from the network, through pooch: checked against its digest, put in place whole, and gone on with where it was cut off.

pooch checks and moves; it does not resume, so it is given a downloader of ours, which writes to a `.part` beside the file and asks for the rest.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tastelm.data.sources.public.publication import Published
from tastelm.errors import DataError, OutputError

if TYPE_CHECKING:
    import requests

# Called with the bytes that are there and the bytes there will be, if the server tells.
Progress = Callable[[int, int | None], None]
# Seconds to wait for a connection and for the next bytes; how often a cut connection is taken up again before giving up.
WAIT, AGAIN = (20, 60), 3
PIECE = 1 << 18


class Resuming:
    """A downloader for pooch: `downloader(url, output_file, pooch)`.

    part      what has arrived so far; it stays when the download stops, whatever stops it, and goes when the file is whole
    progress  is told how far it is
    """

    def __init__(self, part: Path, progress: Progress | None = None) -> None:
        self.part, self.progress = part, progress
        self._tag_file = part.with_name(f"{part.name}.json")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Fetch `url` to `output_file`. Raises DataError if the server refuses or goes silent, OutputError if there is no room."""
        import requests

        for attempt in range(AGAIN):
            before = self._size()
            try:
                self._fetch(url)
                break
            except requests.exceptions.RequestException as error:
                moved = self._size() > before
                if attempt == AGAIN - 1 or not moved:
                    raise self._stopped(url, error) from error
        try:
            shutil.move(self.part, output_file)
            self._tag_file.unlink(missing_ok=True)
        except OSError as error:
            raise _refused(Path(output_file), error) from error

    def _fetch(self, url: str) -> None:
        import requests

        have, headers = self._size(), {"Accept-Encoding": "identity", "User-Agent": "tastelm"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if tag := self._tag(url):
                headers["If-Range"] = tag
        with requests.get(url, headers=headers, stream=True, timeout=WAIT) as answer:
            if answer.status_code == 416 and _total(answer) == have:
                return  # all of it had arrived, and only the move was missing
            if answer.status_code == 416:
                self.part.unlink()
                self._fetch(url)
                return
            if answer.status_code not in (200, 206):
                raise DataError(
                    f"{url}: the server answers {answer.status_code} ({answer.reason}). "
                    "Look at the publisher's page whether the file has moved, and give its new place with --from URL."
                )
            if answer.status_code == 206 and _begin(answer) != have:
                raise requests.exceptions.ConnectionError(f"asked for the bytes from {have}, and got those from {_begin(answer)}")
            # A server that sends the whole, because it knows no ranges or the file has changed, is taken at its word.
            self._append(answer, url, have if answer.status_code == 206 else 0)

    def _append(self, answer: requests.Response, url: str, have: int) -> None:
        import requests

        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        try:
            self._keep_tag(url, answer)
            if total is not None and total - have > (free := shutil.disk_usage(self.part.parent).free):
                raise OutputError(f"{self.part.parent}: {total - have:,} bytes are still to come and {free:,} are free. Make room there, or set TASTELM_CACHE.")
            with self.part.open("r+b" if have else "wb") as file:
                file.seek(have)
                file.truncate()
                for piece in answer.iter_content(PIECE):
                    file.write(piece)
                    have += len(piece)
                    if self.progress:
                        self.progress(have, total)
                file.flush()
                os.fsync(file.fileno())
        except (OutputError, requests.exceptions.RequestException):
            raise
        except OSError as error:
            raise _refused(self.part, error) from error
        if total is not None and have != total:
            raise requests.exceptions.ConnectionError(f"{have} of {total} bytes came")

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _tag(self, url: str) -> str | None:
        """What the server called this version of the file; without it, a changed file shows in its checksum only."""
        try:
            kept = json.loads(self._tag_file.read_bytes())
        except (OSError, ValueError):
            return None
        return kept.get("tag") if isinstance(kept, dict) and kept.get("url") == url else None

    def _keep_tag(self, url: str, answer: requests.Response) -> None:
        tag = answer.headers.get("ETag", "")
        strong = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
        self._tag_file.write_text(json.dumps({"url": url, "tag": strong}))

    def _stopped(self, url: str, error: Exception) -> DataError:
        reason = "no answer in time" if "timed out" in str(error) else "no connection" if not self._size() else "the connection was cut"
        return DataError(
            f"{url}: the download stopped after {self._size():,} bytes ({reason}). "
            f"{'They are kept: give' if self._size() else 'Check the network and give'} the same command again{' to go on' if self._size() else ''}."
        )


def download(file: Published, folder: Path, progress: Progress | None = None) -> Path:
    """The file in `folder`, whole and with the publisher's digest, if it prints one. Raises DataError and OutputError; a part is kept."""
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    path = folder / file.name
    downloader = Resuming(folder / f"{file.name}.part", progress)
    try:
        # Whoever calls has looked at what is there; pooch would take a file without a published digest for the one that is wanted.
        path.unlink(missing_ok=True)
        pooch.retrieve(file.url, known_hash=file.digest, fname=file.name, path=folder, downloader=downloader)
    except (DataError, OutputError):
        raise
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise DataError(
            f"{file.url}: wrong checksum: the file that came is not the one published as {file.digest}. It was thrown away; try again later."
        ) from error
    except OSError as error:
        raise _refused(path, error) from error
    return path


def size_of(url: str) -> int | None:
    """How many bytes the server says the file has; None if it does not say, or does not answer."""
    import requests

    try:
        answer = requests.head(url, headers={"Accept-Encoding": "identity", "User-Agent": "tastelm"}, allow_redirects=True, timeout=WAIT)
    except requests.exceptions.RequestException:
        return None
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.ok and length.isdecimal() else None


def _begin(answer: requests.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _total(answer: requests.Response) -> int | None:
    found = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written ({error.strerror or error}). Make room there, or set TASTELM_CACHE to another folder; what came is kept.")

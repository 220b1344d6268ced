"""Writing files so that a reader finds the old content or the new, never half of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tastelm.errors import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_bytes(path: Path, content: bytes) -> None:
    """Write aside, sync, rename. Raises OutputError, and leaves nothing behind, if the place cannot be written or is full."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file beside `path` to write to; it takes the place of `path` when the block ends, and vanishes if that fails.

    Raises OutputError for whatever the system refuses, within the block too.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OutputError:
        raise
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Take a file away, if it is there. Raises OutputError if that cannot be done."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(path, error) from error


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` for plain values, as `to_json` spells them."""
    write_text(path, to_json(content) + "\n")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """`write_bytes` for an array, as .npy without pickle."""
    import numpy as np

    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def to_json(content: Any) -> str:
    """Plain values as JSON that a person can read. Not-a-number is written as null, which every reader of JSON knows."""
    return json.dumps(_without_nan(content), indent=2, ensure_ascii=False)


def _refusal(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written ({error.strerror or error}). Choose another place, or make room there.")


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not abs(content) < float("inf") else content


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

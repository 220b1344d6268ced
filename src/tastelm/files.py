"""Writing files so that a reader finds the old content or the new, never half of it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tastelm.errors import OutputError


def write_bytes(path: Path, content: bytes) -> None:
    """Write aside, sync, rename. Raises OutputError, and leaves nothing behind, if the place cannot be written or is full."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}). Choose another place, or make room there.") from error


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` for plain values, readable by a person. Not-a-number is written as null, which every reader of JSON knows."""
    write_text(path, json.dumps(_without_nan(content), indent=2, ensure_ascii=False) + "\n")


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

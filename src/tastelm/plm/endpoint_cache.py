"""Answers on disk, one file for each request: what was paid for once is not asked again, whenever and however a run ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tastelm.files import write_json
from tastelm.plm.endpoint_meter import Answer

# Of an answer, with their types; whether it was cached is no property of its own.
KEPT: Mapping[str, type] = {
    "text": str,
    "prompt_tokens": int,
    "completion_tokens": int,
    "seconds": float,
    "finish_reason": str,
    "estimated": bool,
}


def digest(address: str, body: Mapping[str, Any], sample: int) -> str:
    """SHA-256 in hex over where a request goes, all that it says, and which of several samples it is."""
    return _sha256({"address": address, "body": body, "sample": sample})


class Cache:
    """A folder of answers, `ab/abcdef...json`, by the digests of their requests. Neither prompts nor the key stand in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, request: str) -> Path:
        return self.folder / request[:2] / f"{request}.json"

    def read(self, request: str) -> Answer | None:
        """The answer to the request of this digest; None if there is none, or its file is damaged and must be asked anew."""
        try:
            stored = json.loads(self.place(request).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(stored, dict) or stored.pop("check", None) != _sha256({"request": request, "answer": stored}):
            return None
        if stored.keys() != KEPT.keys() or any(type(stored[name]) is not kind for name, kind in KEPT.items()):
            return None
        return Answer(**stored, cached=True)

    def write(self, request: str, answer: Answer) -> None:
        """Keep an answer. Raises OutputError if the folder cannot be written."""
        content = asdict(replace(answer, seconds=float(answer.seconds)))
        content.pop("cached")
        write_json(self.place(request), {**content, "check": _sha256({"request": request, "answer": content})})


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

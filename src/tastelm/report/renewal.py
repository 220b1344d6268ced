"""`report.json` made anew from the data, where the one in the folder is missing or damaged."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from tastelm.data.dataset import Dataset
from tastelm.data.split import Part, split
from tastelm.errors import DataError
from tastelm.evaluation import protocol
from tastelm.evidence import RECORD, Evidence
from tastelm.files import write_json
from tastelm.metrics import Metric, parse_metrics
from tastelm.report.record import Made, read_board


def renew(folder: Path, data: Dataset) -> None:
    """Write `report.json` of the comparison in `folder` from the data that was compared.

    Which command made it, and with which versions, the data cannot tell: that is kept if the old file still tells it.
    Raises RunError if there is no leaderboard, DataError if `data` is not what was compared.
    """
    board = read_board(folder)
    asked = board.evaluation
    if data.fingerprint != board.data.fingerprint:
        raise DataError(
            f"{data.name} ({data.fingerprint}) is not what was compared in {folder}: {board.data.name} ({board.data.fingerprint}). "
            "Give the same data, read with the same options."
        )
    question = protocol(
        split(data, asked.split, seed=asked.split_seed), part=Part[asked.part.upper()], ranking=asked.ranking, metrics=parse_metrics(" ".join(asked.metrics)),
        seen="mask" if asked.seen_items == "set aside" else "keep", seed=asked.split_seed,
    )  # fmt: skip
    old, evidence = _old(folder / RECORD), Evidence(question)
    rows = [row.model_dump() for row in board.rows if row.error is None]
    fresh = evidence.record(old.asked or {row.system: row.key for row in board.rows}, old.command)
    # The versions at hand are not those that trained.
    made = old.made.model_dump() if old.made else None
    write_json(folder / RECORD, fresh | {"made": made, "probes": evidence.probes(rows, Metric.parse(asked.main))})


class _Old(BaseModel):
    """What the data cannot tell."""

    command: str | None = None
    asked: dict[str, str] | None = None
    made: Made | None = None


def _old(path: Path) -> _Old:
    """What can still be read of a file, or nothing."""
    try:
        return _Old.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return _Old()

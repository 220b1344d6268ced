"""The values of the single users behind a result, stored beside its row: what paired intervals are made of."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tastelm.files import write_bytes
from tastelm.metrics import Metric

# Hit rate and NDCG are what papers tell, and a file of few distinct values packs well.
TOLD = ("hr", "ndcg")
# What reading a damaged file may raise.
DAMAGED = (OSError, ValueError, EOFError, BadZipFile)


def kept(per_case: Mapping[str, NDArray[np.float64]], main: Metric) -> dict[str, NDArray[np.float64]]:
    """What is stored of the values of an evaluation: those of its main metric, and of every hit rate and NDCG."""
    return {name: values for name, values in per_case.items() if name == str(main) or Metric.parse(name).name in TOLD}


def write_values(row: Path, values: Mapping[str, NDArray[np.float64]]) -> None:
    """Store them beside the row, as ROW.npz; where there are none, none of an earlier row stay there. Raises OutputError."""
    place = row.with_suffix(".npz")
    if not values:
        place.unlink(missing_ok=True)
        return
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(values))
    write_bytes(place, buffer.getvalue())


def read_values(row: Path) -> dict[str, NDArray[np.float64]]:
    """Metric -> values, as they were stored beside the row; empty where none were. Raises one of DAMAGED for a damaged file."""
    place = row.with_suffix(".npz")
    if not place.is_file():
        return {}
    with np.load(place, allow_pickle=False) as stored:
        return {name: np.asarray(stored[name], dtype=np.float64) for name in stored.files}

"""A folder to the parts of a Dataset: `interactions`, `items` and `users` tables, a file of sequences, or RecBole's atomic files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tastelm.data.sources.files import ENDINGS, only, read_file, tables_called, with_known
from tastelm.data.sources.table import BadRows, Parts, quoted
from tastelm.errors import DataError

# By which names the tables are found, best first; the second ones are MovieLens's.
INTERACTIONS_NAMES, ITEMS_NAMES, USERS_NAMES = ("interactions", "ratings"), ("items", "movies"), ("users",)


def read_folder(folder: Path, *, columns: Mapping[str, str], bad_rows: BadRows) -> Parts:
    """The tables of a folder. Raises DataError, saying what was looked for, if there are none."""
    name = folder.resolve().name
    atomic = sorted(folder.glob("*.inter"))
    main = _first(folder, (*INTERACTIONS_NAMES, "sequences")) or (only(atomic) if atomic else None)
    if main is None:
        there = sorted(path.name for path in folder.iterdir())
        raise DataError(
            f"{folder}: no interactions in this folder, which holds {quoted(there, 5) or 'nothing'}. "
            "Looked for interactions, ratings or sequences "
            f"(.{', .'.join(ENDINGS)}, also .gz) and *.inter. Name one file, or rename it to interactions.csv or whatever its ending is."
        )
    parts = replace(read_file(main, columns=columns, bad_rows=bad_rows), name=name)
    for key, names, known in (("item", ITEMS_NAMES, parts.items), ("user", USERS_NAMES, parts.users)):
        if known is None and (path := _first(folder, names)):
            parts = with_known(parts, key, path, bad_rows)
    return parts


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((only(found) for name in names if (found := tables_called(folder, name))), None)

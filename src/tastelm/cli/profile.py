"""`tastelm profile`: what the user of a history is likely to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastelm
from tastelm.cli import show
from tastelm.cli.screen import err, out
from tastelm.files import to_json


def profile(
    run: Annotated[Path, typer.Argument(help="A run folder, of a system that was trained with --set profile=...")],
    history: Annotated[str, typer.Option("--history", help="Item ids, oldest first, with spaces between.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Tell what the user of a history is likely to be: each attribute that the run was trained for, with probabilities.

    Example: `tastelm profile runs/peterrec --history "id1 id2"`

    Such a run comes of `tastelm fit peterrec --set profile=gender,age:4 --split cold-users:0.2`, on data with a users table.
    """
    found = tastelm.load(run).profile(history.split())
    if found.unknown:
        err.print(f"Not known to this run, and skipped: {', '.join(found.unknown)}.", soft_wrap=True, markup=False)
    if as_json:
        print(to_json({"profile": found, "unknown": list(found.unknown)}))
    else:
        out.print(show.profile(found))

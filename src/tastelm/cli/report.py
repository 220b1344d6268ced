"""`tastelm report`: the page of a comparison, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastelm
from tastelm.cli.options import SOURCE, DataOptions, with_options
from tastelm.cli.screen import out


@with_options(DataOptions)
def report(
    reading: DataOptions,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a comparison.")],
    data: Annotated[str | None, typer.Option("--data", help=f"What was compared, if report.json is missing or damaged. {SOURCE}", show_default=False)] = None,
    page: Annotated[Path | None, typer.Option("--out", help="The file to write; by default report.html in DIR.", show_default=False)] = None,
) -> None:
    """Write the page of a finished comparison again, from what its folder holds. Nothing is trained.

    Example: `tastelm report runs/mine`
    """
    place = tastelm.write_report(folder, data=None if data is None else reading.read(data), out=page)
    out.print(f"Written to {place}.", soft_wrap=True, markup=False)

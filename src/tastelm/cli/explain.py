"""`tastelm explain`: why a user would like an item."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tastelm.cli.options import AskedBy, asked_run
from tastelm.cli.screen import err, out
from tastelm.files import to_json

# What is printed where a run ends its sentence before the first word.
NOTHING = "(nothing was written; train it longer, or ask about another item)"


def explain(
    run: Annotated[Path, typer.Argument(help="A run folder, of a system that gives reasons, as pepler.")],
    item: Annotated[str, typer.Option("--item", help="Id of the item.")],
    user: Annotated[str | None, typer.Option("--user", help="Id of the user; without one the answer is a stranger's.", show_default=False)] = None,
    about: Annotated[str | None, typer.Option("--about", help="A feature to speak of, as zipper, where the run can be told.", show_default=False)] = None,
    settings: AskedBy = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Tell why a user would like an item, or would not, and which rating goes with it where the run predicts ratings.

    Example: `tastelm explain runs/pepler --user u1 --item i7`

    Such a run comes of `tastelm fit pepler --split random:0.8,0.1`, on data with reviews. What it says is learnt from what others wrote: it is
    no fact about the item.
    """
    found = asked_run(run, settings).explain(item, user=user, about=about)
    if as_json:
        print(to_json(asdict(found)))
        return
    if found.stranger and user is not None:
        err.print(f"{user} is not known to this run: this is what it would tell a stranger.", soft_wrap=True, markup=False)
    out.print(f"{found.title or found.item}: {found.text.strip() or NOTHING}", soft_wrap=True, markup=False, highlight=False)
    if found.rating is not None:
        out.print(f"Expected rating: {found.rating:.1f}", markup=False, highlight=False)

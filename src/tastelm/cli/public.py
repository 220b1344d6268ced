"""`tastelm data get` and `tastelm data list`: public data sets, fetched only when this is asked for and agreed to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tastelm.cli.screen import err, out
from tastelm.errors import SettingError
from tastelm.files import to_json

if TYPE_CHECKING:
    from tastelm.data.sources.public import Plan


def add_to(app: typer.Typer) -> None:
    """Register the commands under `tastelm data`."""
    app.command("get")(get)
    app.command("list")(list_sets)


def get(
    name: Annotated[str, typer.Argument(help="A name from `tastelm data list`, as movielens:1m or amazon:2018/All_Beauty.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Instead of the publisher: a folder, an archive, or an http address.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; you have read the licence.")] = False,
) -> None:
    """Get a public data set into the cache, after showing its licence, its size and where it will lie.

    Example: `tastelm data get movielens:1m`

    A download that stopped goes on when the same command is given again.
    """
    from tastelm.data.sources.public import carry_out, plan

    wanted = plan(name, source)
    if wanted.present:
        out.print(f"{wanted.publication.name} is in the cache already: {wanted.folder}", soft_wrap=True, markup=False)
        return
    err.print(_told(wanted))
    if not yes:
        try:
            agreed = typer.confirm("Go on?", err=True)
        except typer.Abort:  # nobody is there to answer
            agreed = False
        if not sys.stdin.isatty():  # where nobody typed, nobody ended the line
            err.print()
        if not agreed:
            raise SettingError(f"{wanted.publication.name}: nothing was fetched, since it was not agreed to. Answer y, or give --yes.")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(wanted.publication.name, total=wanted.size)
        folder = carry_out(wanted, lambda have, total: bar.update(task, completed=have, total=total))
    out.print(f"{wanted.publication.name} lies in {folder}. Try: tastelm data check {wanted.publication.name}", soft_wrap=True, markup=False)


def list_sets(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """The public data sets that are known by name: their size, their licence, and whether they are in the cache.

    Example: `tastelm data list`
    """
    from tastelm.data.sources.public import listing

    sets = list(listing())
    if as_json:
        print(to_json(sets))
    else:
        out.print(_table(sets))


def _told(wanted: Plan) -> Table:
    """What a person must know before agreeing."""
    publication = wanted.publication
    addresses = ", ".join(file.url for file in publication.files)
    digests = ", ".join(dict.fromkeys(file.digest or "none published; that of this download is kept and checked from now on" for file in publication.files))
    facts = Table.grid(padding=(0, 2))
    for label, text in (
        ("data set", publication.title),
        ("licence", publication.licence),
        ("page", publication.page),
        ("from", str(wanted.place or addresses)),
        ("size", _size(wanted.size)),
        ("to", str(wanted.folder)),
        ("checksum", digests if wanted.place is None else "that of these files is kept and checked from now on"),
    ):
        facts.add_row(f"[bold]{label}[/bold]", Text(text, overflow="fold"))
    return facts


def _table(sets: list[dict[str, Any]]) -> Table:
    """A line for each set; those that are alike but for their part (`amazon:2018/...`) share one."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("name", "what", "size", "cached", "licence"):
        table.add_column(column, no_wrap=column in ("name", "size"), overflow="fold")
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in sets:
        groups.setdefault(entry["name"].partition("/")[0], []).append(entry)
    for version, entries in groups.items():
        first, cached = entries[0], [entry["name"].partition("/")[2] or "yes" for entry in entries if entry["cached"]]
        several = len(entries) > 1
        name = f"{version}/PART" if several else first["name"]
        what = (
            f"{first['title']}. PART is one of {len(entries)}: {', '.join(entry['name'].partition('/')[2] for entry in entries)}" if several else first["title"]
        )
        size = "by hand" if first["fetched"] == "by hand" else _size(first["bytes"])
        table.add_row(name, Text(what), size, ", ".join(cached) or "no", Text(first["licence"]))
    return table


def _size(count: int | None) -> str:
    return "not told" if count is None else decimal(count)

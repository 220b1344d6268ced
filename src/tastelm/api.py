"""The verbs of the library, in the words of the command line. Handed on by `import tastelm`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tastelm.comparison import Comparison, Listener, parse_settings, parse_systems
from tastelm.comparison import compare as run_comparison
from tastelm.data.dataset import Dataset
from tastelm.data.sessions import GAP, LONGEST, Keep
from tastelm.data.sessions import sessions as cut_sessions
from tastelm.data.sources import read
from tastelm.data.split import split as split_data
from tastelm.data.windows import rolling as roll
from tastelm.encoders import Encoder
from tastelm.errors import SettingError
from tastelm.jobs import Job, run_job
from tastelm.judging import judge_run
from tastelm.leaderboard import Leaderboard
from tastelm.metrics import parse_metrics
from tastelm.over_time import Mode, OverTime, Rolling
from tastelm.over_time import compare_over_time as run_over_time
from tastelm.prompts import ShownPrompt
from tastelm.prompts import show_prompt as find_prompt
from tastelm.recommender import Recommender
from tastelm.report import renew, write
from tastelm.report.transfer import write_transfer
from tastelm.runs import load
from tastelm.settings import describe
from tastelm.settings_file import settings_by_system
from tastelm.systems.base import System
from tastelm.systems.catalogue import names
from tastelm.systems.catalogue import system as find_system
from tastelm.tasks.asked import USUAL_SPLIT, is_task
from tastelm.tasks.asked import question as make_question
from tastelm.train.progress import Watch
from tastelm.transfer import ARMS, SHARES, Curve, Transfer
from tastelm.transfer import Listener as TransferListener
from tastelm.transfer import transfer as run_transfer
from tastelm.tuning import Effort, Study, Tuning
from tastelm.tuning import Listener as TrialListener
from tastelm.tuning import tune as run_tuning


def fit(
    system: str | System[Any], data: Dataset | str | Path, *, set: Mapping[str, Any] | None = None, budget: str | None = None, seed: int = 0,
    all: bool = False, split: str = USUAL_SPLIT, split_seed: int = 0, protocol: str | None = None, config: str | Path | None = None,
    encoder: str | Path | Recommender | None = None, out: str | Path | None = None, watch: Watch | None = None,
) -> Recommender:  # fmt: skip
    """Train a system and return what recommends.

    system    a name from `tastelm systems`, or a System of one's own
    data      a Dataset, or what `tastelm.read` takes
    set       settings over the defaults, as {"dropout": 0.3}
    budget    longest training: "90s", "10m", "2000steps", "8epochs"
    all       train on everything, for production, instead of `split`
    protocol  "liked": train and judge by which of five items was liked, in the place of a split; by default a system is judged as suits it
    config    file of settings, as the best.toml of `tune`; what `set` says counts more
    encoder   a run of the same system on other items, as films for books: begin with its encoder and its settings, and run the last stage alone
    out       run folder; the same call again loads it, or goes on with what was interrupted

    Raises DataError, SettingError, OutputError, RunError.
    """
    if all and (split != USUAL_SPLIT or protocol is not None):
        raise SettingError(f"--all trains on everything, so it takes no {'--split' if protocol is None else '--protocol'}.")
    if protocol is not None and not is_task(protocol):
        raise SettingError(f"protocol: fit judges a system as suits it, or by liked; '{protocol}' is for compare and evaluate. Leave it out.")
    dataset = data if isinstance(data, Dataset) else read(data)
    source = load(encoder) if isinstance(encoder, str | Path) else encoder
    begun = {} if source is None or source.name != system else vars(source.system.config)
    made = system if isinstance(system, System) else find_system(system).create(begun | _settings_of_one(system, set, config))
    if made is system and (set or config):
        raise SettingError(f"set: {made.card.name} comes with its settings; give them where it is made, or give its name.")
    question = None if protocol is None else make_question(dataset, protocol, split=split, split_seed=split_seed)
    parts = split_data(dataset, "all" if all else split, seed=split_seed) if question is None else question.split
    job = Job(made, parts, budget, seed, question, None if source is None else Encoder.of(source))
    return run_job(job, None if out is None else Path(out), watch=watch)


def compare(
    data: Dataset | str | Path, systems: str | Sequence[str] | None = None, *, set: Mapping[str, Any] | None = None,
    config: Sequence[str | Path] = (), budget: str | None = None, tune: str | int | None = None, trial_budget: str | None = None,
    protocol: str = "full", seen: str = "auto", metrics: str | None = None, cases: int | None = None, split: str = "leave-one-out",
    split_seed: int = 0, seed: int = 0, out: str | Path, listener: Listener | None = None, command: str | None = None,
) -> Leaderboard:  # fmt: skip
    """Train several systems on one data set and judge them under one protocol.

    systems       names, as a list or "a,b,c"; by default those that `config` speaks of
    set           settings by system, as {"sasrec.dropout": 0.3}
    config        files of settings, one a system, as the best.toml of `tune`; what `set` says counts more
    tune          choose the other settings of each system on the validation part, by so many trials (20) or in so much time ("30m")
    trial_budget  longest training of a trial; by default `budget`, and a tenth of the time
    protocol      "full", a sampled ranking as "uniform-99", or "liked": which of five did a user like? See `tastelm.tasks.liked`
    cases         how many test questions are asked, drawn at random, the same of every system; by default all
    out           folder for leaderboard.json, leaderboard.md, report.html, the rows and the run folders; finished rows are used again
    command       what the report shows as the way to repeat this; by default this call

    Raises DataError, SettingError, OutputError before anything is trained; later a system that fails is a row with its error.
    """
    chosen = None if systems is None else parse_systems(systems if isinstance(systems, str) else ",".join(systems))
    if chosen is None and not config:
        raise SettingError("Missing option '--systems': name what to compare, as in --systems popularity,sasrec, or give files of settings with --config.")
    files = settings_by_system(config, chosen)
    chosen = chosen or [*files]
    given = parse_settings(set or {}, chosen)
    settings = {name: {**files.get(name, {}), **given.get(name, {})} for name in chosen}
    effort = None if tune is None else Effort.parse(str(tune), trial_budget, training=budget)
    if effort is None and trial_budget is not None:
        raise SettingError("--trial-budget limits the trials of --tune; give --tune 20 too, or leave it out.")
    dataset = data if isinstance(data, Dataset) else read(data)
    question = make_question(dataset, protocol, split=split, split_seed=split_seed, seen=seen, metrics=metrics, cases=cases)
    said = command or _call(
        "tl.compare", str(data) if isinstance(data, str | Path) else f"<the Dataset {dataset.name}, {dataset.fingerprint}>", chosen, set=dict(set or {}),
        budget=budget, protocol=protocol, seen=seen, metrics=metrics, cases=cases, split=split, split_seed=split_seed, seed=seed, out=str(out),
        config=[str(path) for path in config], tune=tune, trial_budget=trial_budget,
    )  # fmt: skip
    board = run_comparison(Comparison(question, chosen, settings, budget, seed, said, effort), Path(out), listener=listener)
    if board.rows:  # there are none where all was a dry run
        write(Path(out))
    return board


def compare_over_time(
    data: Dataset | str | Path, systems: str | Sequence[str], *, windows: int = 6, every: str | None = None, least: int = 2, gap: str = GAP,
    longest: int = LONGEST, keep: Keep = "first", mode: Mode = "incremental", set: Mapping[str, Any] | None = None, budget: str | None = None,
    seeds: Sequence[int] = (0,), metrics: str = "hr@20 ndcg@20", split_seed: int = 0, out: str | Path, listener: Listener | None = None,
) -> OverTime:  # fmt: skip
    """Cut a log into sessions, train several systems before each window of time, and average over the windows what they score in it.

    data           a log with times, each user's events in one sequence, or sessions as users
    windows        how many are judged: the last ones
    every, least   length of a window as "1d" or "month", and the sessions it needs: see `tastelm.data.windows.rolling`
    gap, longest, keep  what a session is: see `tastelm.data.sessions.sessions`
    mode           "incremental": go on from the weights of the window before with what has come since; "cold": train anew
    set            settings by system, as {"sasrec.dropout": 0.3}; nothing is tuned
    budget         for the training before each window
    metrics        with a value for each session; all items are ranked, those of the session too
    split_seed     decides ties in time, and which half of a window is for validation and which for the test
    out            folder for over_time.json, over_time.md and the results; finished ones are used again, unfinished ones gone on with

    Raises DataError, SettingError, OutputError before anything is trained; later a system that fails is a row with its error.
    """
    chosen = parse_systems(systems if isinstance(systems, str) else ",".join(systems))
    settings = parse_settings(set or {}, chosen)
    made = {name: find_system(name).create(settings.get(name, {})) for name in chosen}
    wanted = parse_metrics(metrics)
    dataset = data if isinstance(data, Dataset) else read(data)
    cut = cut_sessions(dataset, gap=gap, longest=longest, keep=keep, seed=split_seed)
    question = Rolling(roll(cut, windows, every=every, least=least, seed=split_seed), made, tuple(wanted), budget, mode, tuple(seeds))
    return run_over_time(question, Path(out), listener=listener)


def write_report(folder: str | Path, *, data: Dataset | str | Path | None = None, out: str | Path | None = None) -> Path:
    """Write `report.html` of a comparison again from what its folder holds, and return where it stands.

    data  what was compared, to make the description of the data anew where `report.json` is missing or damaged
    out   another place for the page

    Raises RunError if the comparison is not finished or its files are damaged, DataError for other data, OutputError.
    """
    place = Path(folder)
    if data is not None:
        renew(place, data if isinstance(data, Dataset) else read(data))
    return write(place, None if out is None else Path(out))


def _call(verb: str, *arguments: Any, **options: Any) -> str:
    """A call in Python as text, without the options that say nothing."""
    usual = inspect.signature(compare).parameters
    words = [repr(argument) for argument in arguments]
    return f"{verb}({', '.join(words + [f'{name}={value!r}' for name, value in options.items() if value and value != usual[name].default])})"


def tune(
    system: str | System[Any], data: Dataset | str | Path, *, trials: int | None = None, budget: str | None = None, trial_budget: str | None = None,
    metric: str = "ndcg@10", set: Mapping[str, Any] | None = None, config: str | Path | None = None, seed: int = 0, split: str = "leave-one-out",
    split_seed: int = 0, out: str | Path | None = None, listener: TrialListener | None = None,
) -> Study:  # fmt: skip
    """Search for the settings of a system that do best on the validation part; the test part is never looked at.

    system        a name from `tastelm systems`, or a System of one's own: what it was made with, other than its defaults, is fixed
    trials        how many trainings; the first has the defaults
    budget        time for all of them, as "1h"; at least one of the two must be given
    trial_budget  longest training of one trial, as "2m" or "2000steps"; by default its share of the budget
    set, config   settings that are fixed and not searched
    out           folder for study.json and best.toml; the same call again goes on with what stands there, and with more trials too

    Returns the trials, with `.best` (settings for `fit`), `.value`, `.trials`. Raises DataError, SettingError, OutputError, RunError, MissingExtra.
    """
    effort = Effort(trials, budget, trial_budget)
    if isinstance(system, System):
        kind, fixed = type(system), {name: value for name, value in vars(system.config).items() if value != getattr(type(system).Config(), name)}
        if set or config:
            raise SettingError(f"set: {system.card.name} comes with its settings; give them where it is made, or give its name.")
    else:
        kind, fixed = find_system(system), _settings_of_one(system, set, config)
    dataset = data if isinstance(data, Dataset) else read(data)
    tuning = Tuning(kind, fixed, split_data(dataset, split, seed=split_seed), effort, metric, seed)
    return run_tuning(tuning, None if out is None else Path(out), listener=listener)


def transfer_curve(
    system: str | System[Any], data: Dataset | str | Path, *, set: Mapping[str, Any] | None = None, config: str | Path | None = None,
    shares: Sequence[float] = SHARES, arms: Sequence[str] = ARMS, seeds: Sequence[int] = (0, 1, 2), budget: str | None = None,
    source: float = 0.5, split_seed: int = 0, out: str | Path | None = None, listener: TransferListener | None = None, command: str | None = None,
) -> Curve:  # fmt: skip
    """Whether pre-training helps: pre-train on some users, tune on growing shares of the others, and hold that against training from scratch.

    system  a name from `tastelm systems`, or a System of one's own, that has a pre-training stage
    shares  of the target users, rising; each holds the users of the ones before, and all target users are asked at every share
    arms    `scratch`: the share alone; `pre-trained`: the source, then the share; `joint`: both at once, without pre-training; `zero-shot`: no tuning
    budget  longest training of a point, pre-training included, as "2m" or "2000steps"
    source  share of the users that is pre-trained on
    out     folder for transfer.json, transfer.md, transfer.svg and the points; the same call again uses finished points again

    Returns the curve, with `.lines` and `.differences`. Raises DataError, SettingError, OutputError, RunError.
    """
    if isinstance(system, System) and (set or config):
        raise SettingError(f"set: {system.card.name} comes with its settings; give them where it is made, or give its name.")
    made = system if isinstance(system, System) else find_system(system).create(_settings_of_one(system, set, config))
    dataset = data if isinstance(data, Dataset) else read(data)
    plan = Transfer(made, split_data(dataset, seed=split_seed), tuple(shares), tuple(arms), tuple(seeds), budget, source)
    place = None if out is None else Path(out)
    curve = run_transfer(plan, place, listener=listener, command=command)
    if place is not None:
        write_transfer(curve, place)
    return curve


def _settings_of_one(system: str, given: Mapping[str, Any] | None, config: str | Path | None) -> dict[str, Any]:
    """The settings in a file, and over them those given."""
    files = settings_by_system([config] if config else [], [system])
    return {**files.get(system, {}), **parse_settings(given or {}, [system]).get(system, {})}


def evaluate(
    run: str | Path | Recommender, data: Dataset | str | Path, *, protocol: str | None = None, seen: str = "auto", metrics: str | None = None,
    cases: int | None = None, judge: str | None = None, mauve: str | None = None, set: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Judge a run on the test part of `data`, split as the run was.

    protocol  as `compare` takes it; by default all items are ranked, and a run that was fitted under a task is asked that again
    cases     ask so many of its questions, drawn at random, and not all
    judge     a model of natural language inference, folder:PATH or hub:NAME: of a run that gives reasons, how many are borne out by what others said
    mauve     an encoder of texts, folder:PATH, package:NAME or hub:NAME: of such a run, how alike its reasons as a whole are to those of people
    set       how the run is asked, as {"ask": "2-13"} of p5: see `Recommender.asked_by`

    Returns `metrics`, `ci95`, `seconds`, `protocol`, and `remarks`: sentences on what limits the result; of a run that tells them also
    `profile`, what held out users are; `explanation`, reasons; `rating`, ratings where no reasons are given; `summary`, reviews in a line.
    Where the run knows no item of the data nothing is ranked: see `tastelm.newcomers` for what is told of one that can be asked about new items.
    Raises RunError, SettingError, and DataError, also for another run that knows no item of the data.
    """
    model = run if isinstance(run, Recommender) else load(run)
    model = model.asked_by(set) if set else model
    dataset = data if isinstance(data, Dataset) else read(data)
    return judge_run(model, dataset, protocol=protocol, seen=seen, metrics=metrics, cases=cases, judge=judge, mauve=mauve)


def show_prompt(
    system: str | System[Any], data: Dataset | str | Path, user: str, *, set: Mapping[str, Any] | None = None, split: str = USUAL_SPLIT, split_seed: int = 0,
    protocol: str = "full", candidate: str | None = None,
) -> ShownPrompt:  # fmt: skip
    """What a system gives its language model to read for the test question of a user, and what it would train. Nothing is trained.

    candidate  the item that is asked about, of a system that asks about one at a time; by default that which came next
    """
    made = system if isinstance(system, System) else find_system(system).create(set)
    question = make_question(data if isinstance(data, Dataset) else read(data), protocol, split=split, split_seed=split_seed)
    return find_prompt(made, question, user, candidate=candidate)


def taxonomy() -> list[dict[str, str]]:
    """The card of every system as text, in the order of the survey's Table 1's columns."""
    return [find_system(name).card.row() for name in names()]


def settings_of(system: str) -> list[dict[str, Any]]:
    """Every setting of a system: name, kind, default, meaning, source, and where `tune` searches. Raises SettingError."""
    return [asdict(line) for line in describe(find_system(system).Config)]

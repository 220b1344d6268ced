"""What a comparison's folder holds for its report, read and checked. The page is made of this alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tastelm.errors import RunError
from tastelm.evidence import FORMAT, RECORD
from tastelm.report.values import Amount, Count, Number, Pair, Part, Share
from tastelm.train.parts import PART

BOARD = "leaderboard.json"
File = TypeVar("File", bound=BaseModel)


class Seconds(Part):
    """fit and evaluate, in seconds."""

    fit: Amount
    evaluate: Amount


class Look(Part):
    """A line of a training's history: what was trained until then, the mean loss, those of its objectives as `loss/NAME`, and the validation metric
    by its name."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Number]

    step: Amount
    seconds: Amount
    loss: Number

    @property
    def scores(self) -> dict[str, float]:
        """Metric -> value."""
        return {name: value for name, value in self.__pydantic_extra__.items() if not name.startswith(PART)}

    @property
    def parts(self) -> dict[str, float]:
        """Objective -> its loss, before its weight."""
        return {name.removeprefix(PART): value for name, value in self.__pydantic_extra__.items() if name.startswith(PART)}


class Stage(Part):
    """How a stage of training went."""

    name: str
    steps: Count
    epochs: Amount
    seconds: Amount
    best: float | None
    best_step: int
    ended: str
    history: list[Look]

    @property
    def parts(self) -> dict[str, float]:
        """Objective -> its loss at the last look."""
        return self.history[-1].parts if self.history else {}


class Mean(Part):
    """A mean and its 95 % interval."""

    value: Number
    low: Number
    high: Number


class Entry(Part):
    """An item: its id, and its title where one is known."""

    item: str
    title: str | None

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return self.title or self.item


class Kept(Part):
    """What is kept of a system beside its scores, see `tastelm.evidence`."""

    groups: dict[str, list[Mean]]
    tiers: list[Share]
    lists: list[list[Entry]]


class Row(Part):
    """A system: its scores, or the error it failed with; cost: tokens, seconds and money of 1,000 questions, where it asks a language model."""

    system: str
    key: str
    seed: int
    version: str
    config: dict[str, Any]
    error: str | None = None
    metrics: dict[str, Number] = Field(default_factory=dict)
    ci95: dict[str, Pair] = Field(default_factory=dict)
    seconds: Seconds | None = None
    peak_mib: Amount = 0.0
    parameters: Count = 0
    stages: list[Stage] = Field(default_factory=list)
    evidence: Kept | None = None
    cost: dict[str, Amount | None] | None = None


class Test(Part):
    """A paired test of two systems; difference is a - b."""

    system_a: str
    system_b: str
    difference: Number
    low: Number
    high: Number
    p_holm: Number
    cases: int


class Data(Part):
    """What was compared on."""

    name: str
    fingerprint: str
    users: Count
    items: Count
    interactions: Count


class Asked(Part):
    """Under which protocol; cases_drawn_of: how many questions there are where only `cases` of them were asked; main: what the table is sorted by."""

    split: str
    split_seed: int
    part: str
    ranking: str
    seen_items: str
    cases: int
    cases_drawn_of: int | None = None
    metrics: list[str]
    main: str


class Board(Part):
    """The content of leaderboard.json."""

    data: Data
    evaluation: Asked
    budget: str | None
    rows: list[Row]
    tests: list[Test]


class Check(Part):
    """What `data check` says."""

    facts: dict[str, str]
    odd: list[str]


class Bar(Part):
    """How many users have from low to high interactions."""

    low: Count
    high: Count
    users: Count


class Group(Part):
    """Some of the questions."""

    label: str
    cases: Count


class Tier(Part):
    """Some of the items, with the share of training interactions and of answers that is theirs."""

    items: Count
    trained: Share
    asked: Share


class User(Part):
    """Somebody shown whole: the newest items of a history of `length`, and what came next."""

    user: str
    length: Count
    history: list[Entry]
    targets: list[Entry]


class Probe(Part):
    """The score of a probe in the main metric, or why it has none."""

    value: Number = math.nan
    ci95: Pair | None = None
    error: str | None = None


class Made(Part):
    """With what the comparison was made."""

    versions: dict[str, str]
    system: str
    cores: int | None
    threads: int


class Account(Part):
    """The content of report.json."""

    format: int
    evaluation: dict[str, Any]
    asked: dict[str, str]
    command: str | None
    check: Check
    lengths: Annotated[list[Bar], Field(min_length=1)]
    groups: dict[str, list[Group]]
    tiers: list[Tier]
    users: list[User]
    made: Made | None
    probes: dict[str, Probe] = Field(default_factory=dict)


class Record(Part):
    """All that a report is made of."""

    board: Board
    account: Account


def read_record(folder: Path) -> Record:
    """Raises RunError if the comparison is not finished, and naming the file that is missing, damaged or of something else."""
    board = read_board(folder)
    said = "Give the data with --data F, or give the same compare command again"
    content = _content(folder / RECORD, said)
    if isinstance(content, dict) and content.get("format") != FORMAT:
        raise RunError(f"{folder / RECORD}: it has format {content.get('format')}, but this version of TasteLM reads format {FORMAT}. {said}.")
    account = _checked(Account, content, folder / RECORD, said)
    have = {row.system: row.key for row in board.rows}
    unfinished = [name for name, key in account.asked.items() if have.get(name) != key]
    if unfinished:
        raise RunError(f"{folder}: the comparison is not finished, {', '.join(unfinished)} still has no row. Give the same compare command again.")
    for row in board.rows:
        _fitting(row, account, folder)
    return Record(board=board, account=account)


def read_board(folder: Path) -> Board:
    """The leaderboard of a folder. Raises RunError."""
    path = folder / BOARD
    if not path.exists():
        raise RunError(f"{folder}: no comparison stands there ({BOARD} is missing). Give a folder that tastelm compare has written.")
    said = "Give the same compare command again; finished rows are used again"
    board = _checked(Board, _content(path, said), path, said)
    if not board.rows:
        raise RunError(f"{path}: there is no row in it. {said}.")
    return board


def _content(path: Path, cure: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}). {cure}.") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: the file is damaged, it is not JSON ({error}). {cure}.") from error


def _checked(kind: type[File], content: Any, path: Path, cure: str) -> File:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise RunError(f"{path}: the file is damaged ({place}: {first['msg'].lower()}). {cure}.") from error


def _fitting(row: Row, account: Account, folder: Path) -> None:
    """Raises RunError if a row was not made for the groups and users of the account."""
    if row.error is not None:
        return
    kept = row.evidence
    fits = kept is not None and row.seconds is not None and len(kept.tiers) == len(account.tiers) and len(kept.lists) == len(account.users)
    if kept is None or not fits or any(len(means) != len(account.groups.get(name, [])) for name, means in kept.groups.items()):
        raise RunError(f"{folder / BOARD}: the row of {row.system} does not fit {RECORD}. Give the same compare command again.")

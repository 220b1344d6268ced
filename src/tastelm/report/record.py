"""What a comparison's folder holds for its report, read and checked. The page is made of this alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tastelm.errors import RunError
from tastelm.evidence import FORMAT, RECORD
from tastelm.report.kinds import Amount, Count, Kind, Number, Pair, Share
from tastelm.report.record_of_reasons import Reasoned
from tastelm.report.record_of_training import Stage

BOARD = "leaderboard.json"


File = TypeVar("File", bound=BaseModel)


class Seconds(Kind):
    """fit and evaluate, in seconds."""

    fit: Amount
    evaluate: Amount


class Mean(Kind):
    """A mean and its 95 % interval."""

    value: Number
    low: Number
    high: Number


class Entry(Kind):
    """An item: its id, and its title where one is known."""

    item: str
    title: str | None

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return self.title or self.item


class Kept(Kind):
    """What is kept of a system beside its scores, see `tastelm.evidence`."""

    groups: dict[str, list[Mean]]
    tiers: list[Share]
    lists: list[list[Entry]]


class Row(Kind):
    """A system: its scores, or the error it failed with; ranks: whether it ranks anything, and not only gives reasons; cost: tokens, seconds and money
    of 1,000 questions, where it asks a language model."""

    system: str
    key: str
    seed: int
    version: str
    config: dict[str, Any]
    error: str | None = None
    ranks: bool = True
    metrics: dict[str, Number] = Field(default_factory=dict)
    ci95: dict[str, Pair] = Field(default_factory=dict)
    seconds: Seconds | None = None
    peak_mib: Amount = 0.0
    parameters: Count = 0
    stages: list[Stage] = Field(default_factory=list)
    evidence: Kept | None = None
    cost: dict[str, Amount | None] | None = None


class Test(Kind):
    """A paired test of two systems; difference is a - b."""

    system_a: str
    system_b: str
    difference: Number
    low: Number
    high: Number
    p_holm: Number
    cases: int


class Data(Kind):
    """What was compared on."""

    name: str
    fingerprint: str
    users: Count
    items: Count
    interactions: Count


class Asked(Kind):
    """Under which protocol; cases_drawn_of: questions that `cases` were drawn from; task: where the next item is not asked for; main: what sorts the table."""

    split: str
    split_seed: int
    part: str
    ranking: str
    seen_items: str
    cases: int
    cases_drawn_of: int | None = None
    task: str | None = None
    metrics: list[str]
    main: str


class Board(Kind):
    """The content of leaderboard.json."""

    data: Data
    evaluation: Asked
    budget: str | None
    rows: list[Row]
    tests: list[Test]
    reasons: Reasoned | None = None

    @property
    def ranked(self) -> list[Row]:
        """The rows that a ranking has: neither those that failed nor those that rank nothing."""
        return [row for row in self.rows if row.error is None and row.ranks]


class Check(Kind):
    """What `data check` says."""

    facts: dict[str, str]
    odd: list[str]


class Bar(Kind):
    """How many users have from low to high interactions."""

    low: Count
    high: Count
    users: Count


class Group(Kind):
    """Some of the questions."""

    label: str
    cases: Count


class Tier(Kind):
    """Some of the items, with the share of training interactions and of answers that is theirs."""

    items: Count
    trained: Share
    asked: Share


class User(Kind):
    """Somebody shown whole: the newest items of a history of `length`, and what came next."""

    user: str
    length: Count
    history: list[Entry]
    targets: list[Entry]


class Probe(Kind):
    """The score of a probe in the main metric, or why it has none."""

    value: Number = math.nan
    ci95: Pair | None = None
    error: str | None = None


class Made(Kind):
    """With what the comparison was made."""

    versions: dict[str, str]
    system: str
    cores: int | None
    threads: int


class Account(Kind):
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


class Record(Kind):
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
    if row.error is not None or not row.ranks:
        return
    kept = row.evidence
    fits = kept is not None and row.seconds is not None and len(kept.tiers) == len(account.tiers) and len(kept.lists) == len(account.users)
    if kept is None or not fits or any(len(means) != len(account.groups.get(name, [])) for name, means in kept.groups.items()):
        raise RunError(f"{folder / BOARD}: the row of {row.system} does not fit {RECORD}. Give the same compare command again.")

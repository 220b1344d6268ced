"""Systems by how well they rank: on a terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from tastelm.leaderboard.costs import COSTS_ARE, cost_columns, cost_text, costs_of
from tastelm.leaderboard.reasons import Told, reasons_markdown

COLUMNS = ("hr@10", "ndcg@10", "mrr", "coverage@10")
AGAINST = "against the best"
# A terminal of so many columns holds the whole table.
WIDE = 110
# What each column of a cost takes of it, and the metrics that a narrower one has room for beside them.
PER_COST, BESIDE = 14, 3
# Above, right, below, left of a cell.
GAP = (0, 1, 0, 0)


@dataclass(frozen=True)
class Leaderboard:
    """data: name, fingerprint, counts; protocol: how items are ranked; evaluation: all that must be alike for two boards to be
    compared; rows: best first, those that rank nothing after them, and what failed last; tests: paired tests of the best system against
    each of the others; reasons: what `Contest.table` gives, None where no system gives any."""

    data: Mapping[str, Any]
    protocol: str
    evaluation: Mapping[str, Any]
    budget: str | None
    rows: Sequence[Mapping[str, Any]]
    tests: Sequence[Mapping[str, Any]]
    reasons: Told | None = None

    @property
    def shown(self) -> list[Mapping[str, Any]]:
        """The rows of the ranking: without systems that rank nothing."""
        return [row for row in self.rows if ranks(row)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `leaderboard.json` holds them."""
        return asdict(self)

    def row(self, system: str) -> Mapping[str, Any]:
        """The row of a system. Raises KeyError."""
        return row_of(self.rows, system)


def ranks(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of the ranking; a system that gives reasons alone has none to show."""
    return bool(row.get("ranks", True))


def row_of(rows: Sequence[Mapping[str, Any]], system: str) -> Mapping[str, Any]:
    """The row of a system. Raises KeyError."""
    for row in rows:
        if row["system"] == system:
            return row
    raise KeyError(system)


def to_table(board: Leaderboard, *, width: int = WIDE) -> Table:
    """For a terminal. Below `WIDE` columns the sizes are left out, costs stand in the place of times, and intervals under their numbers;
    a number is never cut."""
    wide = width >= WIDE + PER_COST * len(_costs(board))
    table = Table(
        title=escape(_title(board)),
        caption=escape(_caption(board)),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=GAP,
        pad_edge=False,
    )
    for name in _head(board, wide=wide):
        words = name == AGAINST
        table.add_column(name, justify="left" if words or name == "system" else "right", no_wrap=not words, min_width=9 if words else None)
    for row in board.shown:
        table.add_row(*(escape(cell if wide else cell.replace(" ±", "\n±")) for cell in _cells(row, board, wide=wide)))
    return table


def to_markdown(board: Leaderboard) -> str:
    """The same as a Markdown page, with what is needed to read it."""
    head = _head(board)
    lines = [f"# {_title(board)}", ""]
    if board.shown:
        lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row, board)) + " |" for row in board.shown]
        lines += [""]
    lines += [_caption(board).replace("\n", "  \n"), ""]
    return "\n".join(lines + (reasons_markdown(board.reasons) if board.reasons else []))


def _head(board: Leaderboard, *, wide: bool = True) -> list[str]:
    metrics, costs = _columns(board), _costs(board)
    if costs and not wide:
        return ["system", *metrics[:BESIDE], *costs, AGAINST]
    return ["system", *metrics, "fit s", "rank s", *costs, *(["MiB", "numbers"] if wide else []), AGAINST]


def _costs(board: Leaderboard) -> list[str]:
    return cost_columns([row.get("cost") for row in board.shown])


def _columns(board: Leaderboard) -> list[str]:
    measured = {name for row in board.rows for name in row.get("metrics", {})}
    columns = [name for name in COLUMNS if name in measured] or sorted(measured)[:4]
    # What the table is sorted by is never left out.
    main = str(board.evaluation.get("main"))
    return columns if main in columns or main not in measured else [main, *columns]


def _cells(row: Mapping[str, Any], board: Leaderboard, *, wide: bool = True) -> list[str]:
    head = _head(board, wide=wide)
    if "error" in row:
        return [row["system"], *["-"] * (len(head) - 2), "failed, see below"]
    seconds, told = row["seconds"], {"system": row["system"], AGAINST: _test(row, board)}
    told |= {"fit s": f"{seconds['fit']:.1f}", "rank s": f"{seconds['evaluate']:.1f}", "MiB": f"{row['peak_mib']:,.0f}", "numbers": f"{row['parameters']:,}"}
    costs = costs_of(row.get("cost"), seconds["evaluate"], board.evaluation["cases"])
    told |= {name: "-" if value is None else cost_text(name, value) for name, value in costs.items()}
    return [told[name] if name in told else _number(row, name) for name in head]


def _number(row: Mapping[str, Any], name: str) -> str:
    """The value with half its interval; what is not a number is `nan` in a fresh row and None in a stored one."""
    value, interval = row["metrics"].get(name), row["ci95"].get(name)
    if not _is_number(value):
        return "-"
    return f"{value:.4f}" + (f" ±{(interval[1] - interval[0]) / 2:.4f}" if interval and all(map(_is_number, interval)) else "")


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _test(row: Mapping[str, Any], board: Leaderboard) -> str:
    for test in board.tests:
        if row["system"] in (test["system_a"], test["system_b"]) and row["system"] != board.rows[0]["system"]:
            sign = "*" if test["p_holm"] < 0.05 else "not told apart"
            difference = test["difference"] if row["system"] == test["system_a"] else -test["difference"]
            return f"{difference + 0.0:+.4f} {sign}"  # no -0.0000
    return "best" if board.rows and row["system"] == board.rows[0]["system"] and board.tests else ""


def _title(board: Leaderboard) -> str:
    data = board.data
    return f"{data['name']}: {data['users']:,} users, {data['items']:,} items, {data['interactions']:,} interactions"


def _tuning(board: Leaderboard) -> str:
    """A line on how settings were chosen, where they were."""
    tuned = {row["system"]: row["tuning"] for row in board.rows if "tuning" in row}
    searched = {name: tuning for name, tuning in tuned.items() if tuning["trials"]}
    if not tuned:
        return ""
    said = ", ".join(f"{name} {tuning['trials']} in {tuning['seconds']:,.0f} s" for name, tuning in searched.items()) or "none"
    metric = next((f" ({tuning['metric']})" for tuning in searched.values()), "")
    rest = [name for name in tuned if name not in searched]
    return f"\nSettings are the best on the validation part{metric}; trials: {said}." + (f" Nothing to tune: {', '.join(rest)}." if rest else "")


def drawn_of(questions: int | None) -> str:
    """What is said behind a number of questions, where they were drawn from so many."""
    return "" if questions is None else f" drawn at random of {questions:,}"


def how_ranked(ranking: str, task: str | None) -> str:
    """What was ranked, as it stands beside the numbers."""
    if task:
        return of_task(task, ranking)
    return "all items ranked" if ranking == "full" else f"SAMPLED ranking, {ranking}: not comparable with full ranking"


def of_task(task: str, ranking: str) -> str:
    """What was ranked under a task of its own, as it stands beside the numbers."""
    return f"TASK {task}, a liked item among those that the same user disliked ({ranking}): comparable with no other ranking"


def _caption(board: Leaderboard) -> str:
    silent = [row["system"] for row in board.rows if not ranks(row)]
    alone = f"{', '.join(silent)}: gives reasons and ranks nothing, so it has no row here; what it recommends is what is popular." if silent else ""
    if not board.shown:
        return f"{alone}\nSplit {board.evaluation['split']}. Data {board.data['fingerprint']}.{_tuning(board)}"
    said = board.evaluation
    failed = "".join(f"\n{row['system']} failed: {' '.join(row['error'].split())}" for row in board.rows if "error" in row)
    ranking = how_ranked(said.get("ranking", board.protocol), said.get("task"))
    failed = (f"\n{alone}" if alone else "") + (f"\n{COSTS_ARE}" if _costs(board) else "") + _tuning(board) + failed
    users = f"{said['cases']:,} {said['part']} users{drawn_of(said.get('cases_drawn_of'))}"
    return (
        f"{ranking}, seen items {said['seen_items']}, split {said['split']}, {users}; ± 95 % bootstrap interval.\n"
        f"* differs from the best in {said['main']} (paired sign-flip test over users, Holm-corrected, p < .05). Data {board.data['fingerprint']}.{failed}"
    )

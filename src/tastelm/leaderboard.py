"""A leaderboard, and how it is printed: on a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

COLUMNS = ("hr@10", "ndcg@10", "mrr", "coverage@10")


@dataclass(frozen=True)
class Leaderboard:
    """data: name, fingerprint, counts; protocol: how items are ranked; evaluation: all that must be alike for two boards to be
    compared; rows: best first; tests: paired tests of the best system against each of the others."""

    data: Mapping[str, Any]
    protocol: str
    evaluation: Mapping[str, Any]
    budget: str | None
    rows: Sequence[Mapping[str, Any]]
    tests: Sequence[Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `leaderboard.json` holds them."""
        return asdict(self)

    def row(self, system: str) -> Mapping[str, Any]:
        """The row of a system. Raises KeyError."""
        for row in self.rows:
            if row["system"] == system:
                return row
        raise KeyError(system)


def to_table(board: Leaderboard) -> Table:
    """For a terminal."""
    table = Table(title=_title(board), caption=_caption(board), title_justify="left", caption_justify="left")
    table.add_column("system")
    for name in [*_columns(board), "fit s", "rank s", "MiB", "numbers"]:
        table.add_column(name, justify="right")
    table.add_column("against the best")
    for row in board.rows:
        table.add_row(*_cells(row, board))
    return table


def to_markdown(board: Leaderboard) -> str:
    """The same as a Markdown page, with what is needed to read it."""
    head = ["system", *_columns(board), "fit s", "rank s", "MiB", "numbers", "against the best"]
    lines = [f"# {_title(board)}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in _cells(row, board)) + " |" for row in board.rows]
    lines += ["", _caption(board).replace("\n", "  \n"), ""]
    return "\n".join(lines)


def _columns(board: Leaderboard) -> list[str]:
    measured = {name for row in board.rows for name in row.get("metrics", {})}
    return [name for name in COLUMNS if name in measured] or sorted(measured)[:4]


def _cells(row: Mapping[str, Any], board: Leaderboard) -> list[str]:
    columns = _columns(board)
    if "error" in row:
        return [row["system"], *["-"] * (len(columns) + 4), "failed: " + row["error"]]
    numbers = [_number(row, name) for name in columns]
    seconds = row["seconds"]
    return [row["system"], *numbers, f"{seconds['fit']:.1f}", f"{seconds['evaluate']:.1f}", f"{row['peak_mib']:,.0f}", f"{row['parameters']:,}", _test(row, board)]


def _number(row: Mapping[str, Any], name: str) -> str:
    value = row["metrics"].get(name)
    if value is None:
        return "-"
    interval = row["ci95"].get(name)
    return f"{value:.4f}" + (f" ±{(interval[1] - interval[0]) / 2:.4f}" if interval else "")


def _test(row: Mapping[str, Any], board: Leaderboard) -> str:
    for test in board.tests:
        if row["system"] in (test["system_a"], test["system_b"]) and row["system"] != board.rows[0]["system"]:
            sign = "*" if test["p_holm"] < 0.05 else "not told apart"
            return f"{-abs(test['difference']):+.4f} {sign}"
    return "best" if board.rows and row["system"] == board.rows[0]["system"] and board.tests else ""


def _title(board: Leaderboard) -> str:
    data = board.data
    return f"{data['name']}: {data['users']:,} users, {data['items']:,} items, {data['interactions']:,} interactions"


def _caption(board: Leaderboard) -> str:
    said = board.evaluation
    ranking = "all items ranked" if board.protocol == "full" else f"SAMPLED ranking, {board.protocol}: not comparable with full ranking"
    return (
        f"{ranking}, seen items {said['seen_items']}, split {said['split']}, {said['cases']:,} {said['part']} users; ± 95 % bootstrap interval.\n"
        f"* differs from the best in {said['main']} (paired sign-flip test over users, Holm-corrected, p < .05). Data {board.data['fingerprint']}."
    )

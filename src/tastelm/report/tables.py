"""The tables of the report: plain cells, each with what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tastelm.leaderboard import AGAINST, COLUMNS, MONEY, SECONDS, TOKENS, cost_columns, cost_text, costs_of
from tastelm.leaderboard.reasons import arrow, title, verdict
from tastelm.metrics.reasons import MEASURES, in_order
from tastelm.report.record import Board, Row, Test
from tastelm.report.record_of_reasons import Reasoned

SIGNIFICANT = 0.05
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """text: what is read; small: what stands beside it in small letters; sort: what the column is sorted by, None stands last."""

    text: str
    small: str = ""
    sort: float | None = None


@dataclass(frozen=True)
class Line:
    """A row: its head, the number of the system (its mark) or None, and its cells."""

    name: str
    number: int | None
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """caption: what it says; head: of the first column and of the others; hints: what a heading means, by heading."""

    caption: str
    head: Sequence[str]
    lines: Sequence[Line]
    hints: dict[str, str]


def leaderboard(board: Board, numbers: dict[str, int]) -> Table:
    """The main table: the usual metrics with half their intervals, the test against the best, what it cost."""
    columns = [name for name in COLUMNS if any(name in row.metrics for row in board.rows)] or board.evaluation.metrics[:4]
    if board.evaluation.main not in columns:
        columns = [board.evaluation.main, *columns]
    hints = {
        AGAINST: f"difference in {board.evaluation.main}",
        "fit s": "seconds of training",
        "rank s": "seconds of ranking and counting",
        "MiB": "peak memory",
        "numbers": "parameters and buffers",
        TOKENS: "tokens read and written by a language model for 1,000 questions",
        SECONDS: "seconds for 1,000 questions",
        MONEY: "money for 1,000 questions, in the currency of the prices",
    }
    per_thousand = cost_columns([row.cost for row in board.rows if row.ranks])
    head = [*columns, AGAINST, "fit s", "rank s", *per_thousand, "MiB", "numbers"]
    lines = []
    for row in (row for row in board.rows if row.ranks):
        if row.seconds is None:
            lines.append(Line(row.system, None, [Cell("failed" if name == AGAINST else NONE) for name in head]))
            continue
        costs = [Cell(f"{value:,.1f}", sort=value) for value in (row.seconds.fit, row.seconds.evaluate)]
        costs += [_cost(row, name, board) for name in per_thousand]
        costs += [Cell(f"{value:,.0f}", sort=value) for value in (row.peak_mib, float(row.parameters))]
        lines.append(Line(row.system, numbers[row.system], [*(measured(row, name) for name in columns), against_best(row, board), *costs]))
    caption = f"All systems, best {board.evaluation.main} first; ± is half a 95 % bootstrap interval over users."
    return Table(caption, ["system", *head], lines, hints)


def _cost(row: Row, column: str, board: Board) -> Cell:
    assert row.seconds is not None
    return _amount(costs_of(row.cost, row.seconds.evaluate, board.evaluation.cases)[column], column)


def _amount(value: float | None, column: str) -> Cell:
    return Cell(NONE) if value is None or math.isnan(value) else Cell(cost_text(column, value), sort=value)


def reasons(told: Reasoned, numbers: dict[str, int]) -> Table:
    """A row for each system, a column for each measure of its reasons."""
    plain = told.model_dump()
    columns, costs = in_order(name for row in told.rows for name in row.metrics), cost_columns([row.cost for row in told.rows])
    lines = []
    for row in told.rows:
        cells = [with_interval(row.metrics.get(name, math.nan), *(row.ci95.get(name) or (math.nan, math.nan))) for name in columns]
        marks = [verdict(row.model_dump(), name, plain) for name in columns]
        marked = [replace(cell, text=f"{cell.text} {mark}".rstrip()) for cell, mark in zip(cells, marks, strict=True)]
        values = costs_of(row.cost, math.nan if row.seconds is None else row.seconds, row.cases)
        lines.append(Line(row.system, numbers.get(row.system), [*marked, *(_amount(values[name], name) for name in costs)]))
    hints = {arrow(name): MEASURES[name].about for name in columns if name in MEASURES}
    return Table(f"{title(plain)}, best {told.main} first.", ["system", *map(arrow, columns), *costs], lines, hints)


def all_metrics(rows: Sequence[Row], names: Sequence[str], numbers: dict[str, int], caption: str) -> Table:
    """Every one of the named metrics that was measured, a column each."""
    columns = [name for name in names if any(name in row.metrics for row in rows)]
    return Table(caption, ["system", *columns], [Line(row.system, numbers[row.system], [measured(row, name) for name in columns]) for row in rows], {})


def measured(row: Row, name: str) -> Cell:
    """A metric with half its interval."""
    return with_interval(row.metrics.get(name, math.nan), *row.ci95.get(name, (math.nan, math.nan)))


def with_interval(value: float, low: float, high: float) -> Cell:
    """A value with half its interval, to the same place behind the point."""
    if not math.isfinite(value):
        return Cell(NONE)
    half = f"{(high - low) / 2:,.{_places(value)}f}"
    return Cell(number(value), f"±{half}" if math.isfinite(high - low) else "", value)


def against_best(row: Row, board: Board) -> Cell:
    """How far a system is from the best in the main metric, and whether the paired test tells them apart: in words, not by colour."""
    best = board.rows[0].system
    if row.system == best:
        return Cell("best", sort=0.0) if board.tests else Cell(NONE)
    test = test_of(row.system, board)
    if test is None:
        return Cell(NONE)
    difference = (test.difference if row.system == test.system_a else -test.difference) + 0.0
    verdict = f"* p {_p(test.p_holm)}" if test.p_holm < SIGNIFICANT else f"not told apart, p {_p(test.p_holm)}"
    return Cell(f"{'+' if difference >= 0 else '−'}{number(abs(difference))}", verdict, difference)


def test_of(system: str, board: Board) -> Test | None:
    """The paired test of a system with the best, if there is one."""
    return next((test for test in board.tests if {system, board.rows[0].system} == {test.system_a, test.system_b}), None)


def number(value: float) -> str:
    """Four places below 10, fewer above, with a true minus sign."""
    return f"{value:,.{_places(value)}f}".replace("-", "−")


def _places(value: float) -> int:
    return 4 if abs(value) < 10 else 1


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".replace("0.", ".")

"""A leaderboard, and how it is printed: rankings, and reasons where systems give any."""

from tastelm.leaderboard.board import (
    AGAINST,
    COLUMNS,
    PER_COST,
    WIDE,
    Leaderboard,
    drawn_of,
    how_ranked,
    of_task,
    ranks,
    row_of,
    to_markdown,
    to_table,
)
from tastelm.leaderboard.costs import MONEY, SECONDS, TOKENS, cost_columns, cost_text, costs_of
from tastelm.leaderboard.reasons import reasons_table

__all__ = [
    "AGAINST",
    "COLUMNS",
    "MONEY",
    "PER_COST",
    "SECONDS",
    "TOKENS",
    "WIDE",
    "Leaderboard",
    "cost_columns",
    "cost_text",
    "costs_of",
    "drawn_of",
    "how_ranked",
    "of_task",
    "ranks",
    "reasons_table",
    "row_of",
    "to_markdown",
    "to_table",
]

"""The reasons of several systems side by side: a line for each measure, a column for each system."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from tastelm.leaderboard.costs import WRITING_COSTS, cost_columns, cost_text, costs_of
from tastelm.metrics.reasons import MEASURES, higher_is_better, in_order

# What stands behind the value of the best, and behind one that differs from it.
BEST, DIFFERS = "best", "*"
# What holds for every measure.
COMPUTED = "How each was computed, of texts in small letters, in words as PETER and PEPLER part them, but for ROUGE, which parts them itself"
# What is told of a reason without a word.
NOTHING = "(nothing was written)"
# What `Contest.table` gives.
Told = Mapping[str, Any]


def reasons_table(told: Told) -> Table:
    """For a terminal. A number is never cut: where there is no room, what stands behind it goes to the next line."""
    table = Table(
        title=escape(title(told)), caption=escape("\n".join(notes(told))), title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    head, *lines = lines_of(told)
    for name in head:
        table.add_column(escape(name), justify="left" if name == head[0] else "right", overflow="fold", no_wrap=name == head[0])
    for cells in lines:
        table.add_row(*map(escape, cells))
    return table


def reasons_markdown(told: Told) -> list[str]:
    """The same as lines of Markdown."""
    head, *lines = lines_of(told)
    rows = ["| " + " | ".join(cell.replace("|", "\\|").replace(DIFFERS, "\\*") for cell in cells) + " |" for cells in lines]
    said = "  \n".join(note.replace(DIFFERS, "\\*") for note in notes(told))
    shown = [line for example in told["examples"] for line in (f"- {asked(example)}", *(f"  - {who}: {text}" for who, text in answers(example)))]
    examples = ["Some of them, at fixed places of all:", "", *map(markdown_text, shown), ""] if shown else []
    how = [f"{COMPUTED}:", "", *(f"- {name}: `{variant}`" for name, variant in variants(told)), ""]
    return [f"## {title(told)}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head), *rows, "", said, "", *how, *examples]


def title(told: Told) -> str:
    """What the reasons are for."""
    first = told["rows"][0]
    return f"Reasons for {first['cases']:,} of {first['of']:,} interactions of the {told['part']} part"


def asked(example: Mapping[str, Any]) -> str:
    """Whom and what an example is about."""
    return f"user {example['user']}, item {example['title'] or example['item']}"


def answers(example: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was really said, and what each system said."""
    return [("really", example["true"]), *((system, text.strip() or NOTHING) for system, text in example["said"].items())]


def markdown_text(line: str) -> str:
    """A line of which nothing but its first mark is Markdown."""
    start = len(line) - len(line.lstrip(" -"))
    return line[:start] + re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(line[start:].split()))


def lines_of(told: Told) -> list[list[str]]:
    """The head, then the cells of each measure that some system has, and of what writing cost where a language model wrote."""
    rows = told["rows"]
    measured = in_order(name for row in rows for name in row["metrics"])
    lines = [[arrow(name), *(cell(row, name, told) for row in rows)] for name in measured]
    lines += [[column, *(cost_cell(row, column) for row in rows)] for column in cost_columns([row.get("cost") for row in rows])]
    return [["measure", *(row["system"] for row in rows)], *lines]


def arrow(name: str) -> str:
    """A measure, and which end of it is the better one."""
    return f"{name} {'↑' if higher_is_better(name) else '↓'}"


def cell(row: Mapping[str, Any], name: str, told: Told) -> str:
    """The value with half its interval, and how it stands to the best."""
    value, interval = row["metrics"].get(name), row["ci95"].get(name)
    if not _is_number(value):
        return "-"
    half = f" ±{(interval[1] - interval[0]) / 2:.4f}" if interval and all(map(_is_number, interval)) else ""
    return f"{value:.4f}{half} {verdict(row, name, told)}".rstrip()


def cost_cell(row: Mapping[str, Any], column: str) -> str:
    """What 1,000 reasons of a system cost."""
    seconds = row.get("seconds")
    value = costs_of(row.get("cost"), math.nan if seconds is None else seconds, row["cases"])[column]
    return cost_text(column, value) if value is not None and _is_number(value) else "-"


def verdict(row: Mapping[str, Any], name: str, told: Told) -> str:
    """`best`, also for who is level with it; `*` for what differs from it; or nothing where the two are not told apart or are not compared."""
    leader, value = told["best"].get(name), row["metrics"].get(name)
    if any(other["system"] == leader and other["metrics"][name] == value for other in told["rows"]):
        return BEST
    differs = any(test["measure"] == name and test["system_b"] == row["system"] and (test["low"] > 0 or test["high"] < 0) for test in told["tests"])
    return DIFFERS if differs else ""


def notes(told: Told) -> Sequence[str]:
    """What is needed to read the table."""
    measured = in_order(name for row in told["rows"] for name in row["metrics"])
    lines = ["± half a 95 % interval over the interactions; ↑ more is better, ↓ less is."]
    if told["tests"]:
        lines += [
            f"{DIFFERS} differs from the best of its line: the 95 % interval of the difference, over the same draws of the same interactions, is without 0."
        ]
    lines += ["; ".join(f"{name}: {MEASURES[name].about}" for name in measured if name in MEASURES) + "."]
    lines += [WRITING_COSTS] if cost_columns([row.get("cost") for row in told["rows"]]) else []
    guided = [row["system"] for row in told["rows"] if row.get("given")]
    lines += [f"Told beforehand what each true reason is about, so naming it is no merit, and held against no other: {', '.join(guided)}."] if guided else []
    silent = [f"{row['system']} {row['empty']:,}" for row in told["rows"] if row.get("empty")]
    return lines + ([f"Reasons in which nothing was written: {', '.join(silent)}."] if silent else [])


def variants(told: Told) -> list[tuple[str, str]]:
    """How each measure was computed; by system where that is not alike."""
    said = []
    for name in in_order(name for row in told["rows"] for name in row["metrics"]):
        found = {row["system"]: row["variants"][name].removeprefix(f"{name} ") for row in told["rows"] if name in row["variants"]}
        alike = len(set(found.values())) == 1
        said += [(name, next(iter(found.values())))] if alike else [(f"{name} of {system}", variant) for system, variant in found.items()]
    return said


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)

"""A transfer curve on paper: tables in Markdown, and a drawing for each metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tastelm.files import write_text
from tastelm.report.plots import Point, Words, shares
from tastelm.report.svg import standalone
from tastelm.transfer import ARMS, Curve

TABLES, DRAWING = "transfer.md", "transfer.svg"


def write_transfer(curve: Curve, folder: Path) -> list[Path]:
    """Write transfer.md and the drawing of the last metric, and return where they stand. Raises OutputError."""
    style = (files("tastelm.report") / "templates" / "style.css").read_text(encoding="utf-8")
    for name, content in ((TABLES, tables(curve)), (DRAWING, drawing(curve, curve.metrics[-1], style))):
        write_text(folder / name, content)
    return [folder / TABLES, folder / DRAWING]


def drawing(curve: Curve, metric: str, style: str) -> str:
    """The curve of a metric as an SVG file: a line for each arm with intervals over users, `zero-shot` level."""
    about, lines = curve.about, curve.lines
    drawn = []
    for arm in (arm for arm in ARMS if any(line["arm"] == arm for line in lines)):
        found = [(line["share"], line[metric]) for line in lines if line["arm"] == arm]
        drawn.append([Point(ARMS.index(arm), arm, v["mean"], v["low"], v["high"], 100 * share if share else math.nan) for share, v in found])
    said = f"{about['system']} on {about['data']['name']}"
    words = Words(
        "transfer", f"{metric} of {said} over the share that is tuned on", f"{_sentence(curve, metric)} Bars are 95 % intervals over users.",
        x="% of the target users tuned on", y=metric,
    )  # fmt: skip
    return standalone(shares(words, drawn), style)


def tables(curve: Curve) -> str:
    """The curve and the differences as Markdown."""
    about, users = curve.about, curve.about["users"]
    budget = about["budget"] or "none; training ends on its own"
    seeds = sorted({point.place.seed for point in curve.points})
    lines = [
        f"# Does pre-training help? {about['system']} on {about['data']['name']}",
        "",
        f"{users['source']:,} source users are pre-trained on. All {users['target']:,} target users are asked the same questions at every share; a share of "
        f"them is tuned on: {', '.join(f'{_percent(float(share))} are {count:,}' for share, count in curve.counts.items())}. Full ranking; "
        f"{about['split']}; budget {budget}; seeds {', '.join(map(str, seeds))}.",
        "",
        *([_sentence(curve, curve.metrics[-1]), ""] if curve.differences else []),
    ]
    for metric in curve.metrics:
        lines += [f"## {metric}", "", *_levels(curve, metric), "", *_differences(curve, metric)]
    if curve.command:
        lines += [f"    {curve.command}", ""]
    note = (
        "Means over seeds. Brackets are 95 % bootstrap intervals over the users that are asked; they do not hold what other seeds would change, which "
        "the range of the seeds, behind the semicolon, shows."
    )
    without = about["without_pretraining"]
    how = ", ".join(f"{name}={value}" for name, value in without.items()) or "all stages of the system, on their own data alone"
    return "\n".join([*lines, f"{note} `scratch` and `joint`: {how}.", ""])


def _levels(curve: Curve, metric: str) -> list[str]:
    """A row for each share, a column for each arm that has a curve; what is not tuned stands in a row of its own."""
    found = {(line["arm"], line["share"]): line for line in curve.lines}
    arms = [arm for arm in ARMS if any(key[0] == arm for key in found)]
    rows = sorted({share for _, share in found})
    return [
        f"| tuned on | {' | '.join(arms)} |",
        "|" + "---|" * (len(arms) + 1),
        *(f"| {_percent(share) if share else 'nobody'} | {' | '.join(_cell(found.get((arm, share)), metric) for arm in arms)} |" for share in rows),
    ]


def _differences(curve: Curve, metric: str) -> list[str]:
    rows = curve.differences
    if not rows:
        return []
    pairs = list(dict.fromkeys((row["a"], row["b"]) for row in rows))
    places = {(row["a"], row["b"], row["share"]): row for row in rows}
    return [
        f"| tuned on | {' | '.join(f'{a} − {b}' for a, b in pairs)} |",
        "|" + "---|" * (len(pairs) + 1),
        *(
            f"| {_percent(share)} | {' | '.join(_signed(places.get((*pair, share)), metric) for pair in pairs)} |"
            for share in sorted({row["share"] for row in rows})
        ),
        "",
    ]


def _sentence(curve: Curve, metric: str) -> str:
    """What the intervals of the differences from `scratch` allow to be said."""
    rows = [row for row in curve.differences if row["b"] == "scratch"]
    better, worse = ([row for row in rows if sign * row[metric][end] > 0] for sign, end in ((1, "low"), (-1, "high")))
    parts = [f"{word} at {_list(found)}" for word, found in (("helps", better), ("harms", worse)) if found]
    open_ = [row for row in rows if row not in better and row not in worse]
    if open_:
        parts.append(f"cannot be told from none at {_list(open_)}")
    return f"Pre-training {', '.join(parts)} of the target users, in {metric}." if rows else f"What was trained, in {metric}."


def _list(rows: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(_percent(row["share"]) for row in rows)


def _cell(line: Mapping[str, Any] | None, metric: str) -> str:
    if line is None:
        return ""
    found = line[metric]
    spread = f"; {found['least']:.4f}–{found['most']:.4f}" if len(line["seeds"]) > 1 else ""
    return f"{found['mean']:.4f} [{found['low']:.4f}, {found['high']:.4f}{spread}]"


def _signed(row: Mapping[str, Any] | None, metric: str) -> str:
    return "" if row is None else f"{row[metric]['mean']:+.4f} [{row[metric]['low']:+.4f}, {row[metric]['high']:+.4f}]"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"

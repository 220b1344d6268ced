"""The page: a record in a template, with its style and its few lines of script inside, asking nothing of the network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tastelm.files import write_text
from tastelm.leaderboard.reasons import COMPUTED, answers, asked, notes, variants
from tastelm.report import story, tables
from tastelm.report.figures import Figures
from tastelm.report.record import Record, Row, read_record
from tastelm.report.svg import swatch

PAGE = "report.html"
BEYOND = ("coverage", "gini", "novelty", "popularity", "popularity_lift", "diversity")
# A title longer than this is cut on the page.
LONGEST_TITLE = 90


def write(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the comparison in `folder`, by default into it, and return where it stands.

    Raises RunError if the comparison is not finished or damaged, OutputError if the page cannot be written.
    """
    place = out if out is not None else folder / PAGE
    write_text(place, render(read_record(folder)))
    return place


def render(record: Record) -> str:
    """The page as text. What the data and the settings say is shown as it is: nothing in it becomes part of the page."""
    board = record.board
    done, finished = board.ranked, [row for row in board.rows if row.error is None]
    numbers = {row.system: at for at, row in enumerate(finished)}
    style, script = _asset("style.css"), _asset("sort.js")
    environment = Environment(
        loader=PackageLoader("tastelm.report", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"swatch": swatch, "number": tables.number, "cut": _cut}
    return environment.get_template("page.html").render(
        record=record, board=board, account=record.account, done=done, failed=[row for row in board.rows if row.error is not None],
        style=Markup(style), script=Markup(script), policy=_policy(style, script), numbers=numbers,
        lede=story.lede(board), ranking=story.ranking(board), leak=story.leak(record), users=story.users(record),
        leaderboard=tables.leaderboard(board, numbers),
        every=tables.all_metrics(done, board.evaluation.metrics, numbers, "Every metric that was measured, with half its 95 % interval."),
        beyond=tables.all_metrics(done, _beyond(board.evaluation.metrics), numbers, "Coverage and popularity of the recommendations."),
        probes=_probes(record, numbers), figures=Figures(record, numbers), settings=[(row, _settings(row)) for row in finished],
        reasons=None if board.reasons is None else tables.reasons(board.reasons, numbers),
        reason_notes=[] if board.reasons is None else notes(board.reasons.model_dump()),
        variants=[] if board.reasons is None else variants(board.reasons.model_dump()), computed=COMPUTED,
        examples=[] if board.reasons is None else [(asked(one), answers(one)) for one in board.reasons.model_dump()["examples"]],
    )  # fmt: skip


def _asset(name: str) -> str:
    return (files("tastelm.report") / "templates" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """A policy under which a browser runs this style and this script, and loads nothing at all."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; img-src data:; base-uri 'none'; form-action 'none'"


def _beyond(metrics: list[str]) -> list[str]:
    return [name for name in metrics if name.partition("@")[0] in BEYOND]


def _probes(record: Record, numbers: dict[str, int]) -> tables.Table:
    """The probes, with the best system to compare them with."""
    main = record.board.evaluation.main
    lines = []
    for name, probe in record.account.probes.items():
        low, high = probe.ci95 or (float("nan"), float("nan"))
        row = Row(system=name, key="", seed=0, version="", config={}, metrics={main: probe.value}, ci95={main: (low, high)})
        lines.append(tables.Line(name, numbers.get(name), [tables.measured(row, main)]))
    best = record.board.rows[0]
    if best.error is None and best.ranks and best.system not in record.account.probes:
        lines.append(tables.Line(f"{best.system}, the best system", numbers[best.system], [tables.measured(best, main)]))
    return tables.Table(f"The probes in {main}.", ["rule", main], lines, {})


def _settings(row: Row) -> list[tuple[str, str]]:
    """What a system was trained with, as text."""
    return [(name, "–" if value is None else str(value)) for name, value in row.config.items()]


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_TITLE else name[: LONGEST_TITLE - 1] + "…"

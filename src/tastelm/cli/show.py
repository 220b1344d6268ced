"""What the commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tastelm.cli.trials import Trials

if TYPE_CHECKING:
    from tastelm.data.check import Report
    from tastelm.leaderboard import Leaderboard
    from tastelm.over_time import OverTime
    from tastelm.probing import Probed
    from tastelm.recommender import Recommendations
    from tastelm.train.progress import Watch
    from tastelm.transfer import Curve
    from tastelm.tuning import Study


def _table(*columns: str, right: Sequence[str] = (), whole: Sequence[str] = (), least: Mapping[str, int] | None = None, title: str | None = None) -> Table:
    """A table with numbers to the `right`; these and the columns to be kept `whole` are never broken. `least` holds widths by column."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        width = (least or {}).get(column)
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column in right or column in whole, min_width=width)
    return table


class Comparing:
    """Tells a person how a comparison goes on: a bar while a system trains, a line when its row is done."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.display = ExitStack()

    def starts(self, name: str) -> Watch:
        from tastelm.train.progress import Bar, bars

        self.display.close()  # of the trials, if there were any
        return Bar(self.display.enter_context(bars(self.console)), name)

    def tunes(self, name: str) -> Trials:
        from tastelm.train.progress import bars

        return Trials(self.console, self.display.enter_context(bars(self.console)))

    def ends(self, row: Mapping[str, Any], reused: bool) -> None:
        self.display.close()
        if "error" in row:
            self.console.print(f"{row['system']}: failed: {row['error']}", style="red", markup=False, soft_wrap=True)
            return
        shown = [name for name in ("hr@10", "ndcg@10") if name in row["metrics"]] or list(row["metrics"])[:2]
        main = "  ".join(f"{name} {row['metrics'][name]:.4f}" for name in shown) or "gives reasons, and ranks nothing"
        how = "finished before" if reused else f"{row['seconds']['fit']:.1f} s"
        self.console.print(f"{row['system']}: {main}  ({how})", highlight=False)


@contextmanager
def comparing(console: Console) -> Iterator[Comparing]:
    """A `Comparing` whose bar is taken away however the comparison ends."""
    listener = Comparing(console)
    with listener.display:
        yield listener


@contextmanager
def training(console: Console, label: str, log: str | None, folder: Path) -> Iterator[Watch]:
    """A progress bar, and a logger if one is named."""
    from tastelm.train.progress import Bar, Several, bars, logger

    extra = [logger(log, folder / "logs")] if log else []
    with bars(console) as display:
        yield Several([Bar(display, label), *extra])


def table_of(board: Leaderboard) -> RenderableType:
    """A leaderboard, as wide as the console it meets."""
    return _Board(board)


@dataclass(frozen=True)
class _Board:
    board: Leaderboard

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from tastelm.leaderboard import reasons_table, to_table

        yield to_table(self.board, width=options.max_width)
        if self.board.reasons:
            yield reasons_table(self.board.reasons)


def over_time(table: OverTime) -> Table:
    """Systems over time, best first."""
    from tastelm.over_time.average import caption, cells, head, title

    columns = head(table)
    made = _table(*columns, right=columns[1:-1], whole=columns, title=escape(title(table)))
    for row in table.rows:
        made.add_row(*map(escape, cells(row, table)))
    made.caption, made.caption_justify = escape(caption(table)), "left"
    return made


def scores_of(metrics: Mapping[str, Any], *, title: str) -> Table:
    """The metrics of a run, a column for each part."""
    parts = [part for part in ("valid", "test") if part in metrics]
    table = _table("metric", *parts, right=parts, title=title)
    for name in metrics[parts[0]]["metrics"] if parts else []:
        table.add_row(name, *[_number(metrics[part], name) for part in parts])
    said = [_asked(metrics[parts[-1]]["protocol"])] if parts and "protocol" in metrics[parts[-1]] else []
    if spent := [metrics[part]["cost"] for part in parts if "cost" in metrics[part]]:
        said.append(f"1,000 questions cost {_cost(spent[-1])}.")
    table.caption, table.caption_justify = escape("\n".join(said)) or None, "left"
    return table


def told_below(table: Table) -> Group:
    """A table with its caption below it, which may then be wider than a narrow table."""
    caption, table.caption = table.caption, None
    return Group(table, *([Text.from_markup(str(caption), style="dim italic")] if caption else []))


def _asked(protocol: Mapping[str, Any]) -> str:
    """Under which protocol the numbers came about."""
    from tastelm.leaderboard import drawn_of, how_ranked

    how = how_ranked(protocol["ranking"], protocol.get("task"))
    return f"{how[0].upper()}{how[1:]}; {protocol['cases']:,} {protocol['part']} questions{drawn_of(protocol.get('cases_drawn_of'))}."


def _cost(spent: Mapping[str, float | None]) -> str:
    """Tokens, seconds and, where prices are known, money."""
    tokens, seconds, money = (spent.get(name) for name in ("tokens", "seconds", "money"))
    paid = "" if money is None else f", {money:,.4f} in the currency of the prices"
    return f"{tokens or 0:,.0f} tokens of a language model and {seconds or 0:,.1f} s{paid}"


def _number(part: Mapping[str, Any], name: str) -> str:
    value, interval = part["metrics"].get(name), part["ci95"].get(name)
    if value is None or value != value:
        return "-"
    return f"{value:.4f}" + (f"  [{interval[0]:.4f}, {interval[1]:.4f}]" if interval else "")


def probed(found: Probed, *, title: str) -> Table:
    """What a probe came to: a row for each way to ask, the control last."""
    *ways, control = found.metrics
    columns = list(found.metrics[control])
    table = _table("asked by", *columns, right=columns, whole=("asked by",), title=title)
    for name in (*ways, control):
        cells = [_number({"metrics": found.metrics[name], "ci95": found.ci95[name]}, metric) for metric in columns]
        table.add_row(escape(name + (" (control)" if name == control else "")), *cells)
    table.caption, table.caption_justify = f"{found.cases:,} of {found.of:,} questions, {found.candidates:,} candidates each; 95 % bootstrap intervals.", "left"
    return table


def recommendations(found: Recommendations) -> Table:
    """One list."""
    titled = any(entry.title for entry in found)
    table = _table("#", "item", *(["title"] if titled else []), "score", right=("#", "score"), whole=("item",))
    for place, entry in enumerate(found, 1):
        table.add_row(str(place), escape(entry.item), *([escape(entry.title or "")] if titled else []), f"{entry.score:.3f}")
    return table


def profile(found: Mapping[str, Mapping[str, float]], *, best: int = 5) -> Table:
    """The likeliest categories of each attribute."""
    table = _table("attribute", "category", "probability", right=("probability",))
    for name, categories in found.items():
        shown = list(categories.items())[:best]
        for place, (category, probability) in enumerate(shown):
            table.add_row("" if place else escape(name), escape(category), f"{probability:.3f}")
        if len(categories) > best:
            table.add_row("", f"{len(categories) - best} others", f"{max(0.0, 1 - sum(probability for _, probability in shown)):.3f}")
    return table


def told(attributes: Mapping[str, Mapping[str, Any]]) -> Table:
    """How well what users are is told."""
    columns = ("users", "accuracy", "most common", "macro F1")
    table = _table("attribute", *columns, right=columns, title="Attributes of users held out")
    for name, found in attributes.items():
        low, high = found["ci95"]
        accuracy = f"{found['accuracy']:.4f}  [{low:.4f}, {high:.4f}]"
        table.add_row(escape(name), str(found["users"]), accuracy, f"{found['majority']:.4f}", f"{found['macro_f1']:.4f}")
    return table


# What a run may tell beside a ranking, as `evaluate` calls it -> as people do.
OPINIONS = {"explanation": "Reasons", "rating": "Ratings", "summary": "Summaries", "new_items": "Opinions on new items"}


def reasons(found: Mapping[str, Any], *, what: str = OPINIONS["explanation"]) -> Table:
    """How good the reasons that a run gives are, and how right its ratings; or the ratings alone, or its summaries."""
    table = _table("measure", "value", right=("value",), title=f"{what} for {found['cases']:,} of {found['of']:,} interactions of the test part")
    for name in found["metrics"]:
        table.add_row(name, _number(found, name))
    empty, given = found.get("empty", 0), found.get("given")
    said = [f"The {given} of each true reason was told beforehand: do not compare with systems that are told nothing."] if given else []
    said += [f"Nothing was written for {empty:,} of them."] if empty else []
    said += [f"1,000 {what.lower()} cost {_cost(found['cost'])}."] if "cost" in found else []
    table.caption, table.caption_justify = "\n".join(said) or None, "left"
    return table


def taxonomy(rows: Sequence[Mapping[str, str]]) -> Table:
    """The survey's Table 1, read off the cards."""
    columns = ("strategy", "system", "objectives", "task", "data")
    # No column is narrower than its longest word, and those of names stay on one line.
    widths = {name: max((len(word) for row in rows for word in row[name].split()), default=0) for name in columns}
    table = _table(*columns, "paper", whole=("system", "task"), least=widths, title="Systems")
    for row in rows:
        # Authors and year are enough to find the paper, and leave room for the rest.
        paper = re.match(r".*?\b\d{4}\b|", row["paper"])
        cells = [row[name] for name in columns]
        table.add_row(*map(escape, [*cells, paper[0] if paper and paper[0] else row["paper"]]))
    return table


def settings_of(system: str, lines: Sequence[Mapping[str, Any]]) -> Table:
    """The settings of a system."""
    columns = ("setting", "takes", "default", "tune searches", "meaning", "source of the default")
    table = _table(*columns, whole=("setting", "default"), title=f"{system}: --set name=value")
    for line in lines:
        cells = (line["name"], line["kind"], str(line["default"]), line["search"] or "-", line["meaning"], line["source"])
        table.add_row(*map(escape, cells))
    return table


def tuned(study: Study, *, best: int = 5) -> Table:
    """The best trials of a study, and the first one, which has the defaults."""
    shown = study.ranked[:best]
    shown += [trial for trial in study.trials[:1] if trial not in shown]
    names = list(study.about["space"])
    table = _table("trial", study.metric, "s", *names, right=("trial", study.metric, "s", *names), title=f"{study.system}: best of {len(study.trials)} trials")
    for trial in shown:
        value = "-" if trial.value is None else f"{trial.value:.4f}"
        table.add_row(
            f"{trial.number}{' (defaults)' if trial.number == 0 else ''}", value, f"{trial.seconds:.1f}", *(f"{trial.settings[name]}" for name in names)
        )
    counts = study.summary()
    table.caption = f"On the validation part of {study.about['data']['name']}; {counts['pruned']} pruned, {counts['failed']} failed, {study.seconds:,.0f} s."
    if study.importances:
        table.caption += " What tells: " + ", ".join(f"{name} {share:.0%}" for name, share in study.importances.items()) + "."
    table.caption_justify = "left"
    return table


def transferred(curve: Curve) -> Table:
    """A transfer curve in its main metric: a row for each share, a column for each arm, and what pre-training brings over scratch."""
    metric, lines = curve.metrics[-1], curve.lines
    arms = list(dict.fromkeys(line["arm"] for line in lines))
    gains = {row["share"]: row[metric] for row in curve.differences if row["b"] == "scratch"}
    gain = ["pre-trained - scratch"] if gains else []
    table = _table("tuned on", *arms, *gain, right=("tuned on", *arms, *gain), title=f"{curve.about['system']} on {curve.about['data']['name']}: {metric}")
    cells = {(line["arm"], line["share"]): line[metric] for line in lines}
    for share in sorted({share for _, share in cells}):
        row = [f"{cells[arm, share]['mean']:.4f}" if (arm, share) in cells else "" for arm in arms]
        told = gains.get(share)
        row += [f"{told['mean']:+.4f}  [{told['low']:+.4f}, {told['high']:+.4f}]" if told else ""] if gain else []
        table.add_row(f"{100 * share:g} %" if share else "nobody", *row)
    return table


def checked(report: Report) -> Group:
    """What was understood of a data set, and what is odd."""
    facts = Table.grid(padding=(0, 2))
    for label, text in report.facts:
        facts.add_row(f"[bold]{escape(label)}[/bold]", escape(text))
    odd = [f"[yellow]![/yellow] {escape(sentence)}" for sentence in report.odd] or ["[green]Nothing odd.[/green]"]
    return Group(facts, "", *odd)


def doctor(findings: Mapping[str, Any]) -> Group:
    """What is installed and what is missing."""
    facts = Table.grid(padding=(0, 2))
    for name in ("tastelm", "python", "system", "cores", "threads", "memory_gib", "memory_free_gib", "bfloat16", "gpu", "device"):
        facts.add_row(f"[bold]{name}[/bold]", str(findings[name] if findings[name] is not None else "none"))
    for name, version in findings["packages"].items():
        facts.add_row(name, version or "[red]missing[/red]: pip install tastelm")
    table = _table("extra", "for", "state", whole=("extra",), title="Extras")
    for line in findings["extras"]:
        table.add_row(line["extra"], line["purpose"], line["version"] or f"missing: {escape(line['install'])}")
    return Group(facts, table)

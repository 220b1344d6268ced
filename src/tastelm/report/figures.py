"""Which figures a record has, and what each one shows, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tastelm.report import plots
from tastelm.report.plots import Curve, Point, Words
from tastelm.report.record import Record, Row
from tastelm.report.svg import short
from tastelm.report.tables import Cell, Line, Table, number, with_interval

# A training that takes less than this, and a system of no numbers, stand at the left end of their axis.
SHORTEST, SMALLEST = 0.001, 1.0


@dataclass(frozen=True)
class Figure:
    """A drawing, the sentence that says what it shows, the numbers behind it where they stand nowhere else, and whose marks are in it."""

    drawing: Markup
    caption: str
    table: Table | None = None
    legend: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class Figures:
    """All figures of a record. Systems that failed are in none, and those that rank nothing in none but the learning curves; where there is nothing to
    draw a figure is None."""

    record: Record
    numbers: dict[str, int]

    @property
    def rows(self) -> list[Row]:
        return self.record.board.ranked

    @property
    def main(self) -> str:
        return self.record.board.evaluation.main

    def best(self) -> Figure | None:
        """The main metric of every system."""
        points = [self._point(row) for row in self.rows if self._has(row)]
        if not points:
            return None
        caption = f"{self.main} of each system, best first; the line through a mark is its 95 % bootstrap interval over users."
        return Figure(plots.forest(Words("best", f"{self.main} by system", _told(points), self.main), points), caption)

    def costs(self) -> list[Figure]:
        """The main metric against seconds of training and against size."""
        found = []
        for key, title, axis, what in (
            ("time", f"{self.main} against training time", "seconds of training", "how much accuracy each second of training buys"),
            ("size", f"{self.main} against size", "parameters and buffers", "how much accuracy the size of a model buys"),
        ):
            points = [
                self._point(row, max(row.seconds.fit, SHORTEST) if key == "time" else max(float(row.parameters), SMALLEST))
                for row in self.rows
                if row.seconds is not None and self._has(row)
            ]
            if points:
                told = "; ".join(f"{point.name}: {number(point.value)} at {short(point.x)}" for point in points)
                caption = f"{self.main} against {axis}: {what}; higher and further left is better, and the upright lines are 95 % intervals."
                words = Words(f"cost-{key}", title, told, axis, self.main)
                found.append(Figure(plots.scatter(words, points), caption, legend=_legend(points)))
        return found

    def learning(self) -> list[Figure]:
        """The validation metric along the training, by seconds and by steps, for each metric that stages were watched by."""
        found, rows = [], [row for row in self.record.board.rows if row.error is None]
        metrics = dict.fromkeys(name for row in rows for stage in row.stages for look in stage.history for name in look.scores)
        for at, metric in enumerate(metrics):
            for unit in ("seconds", "steps"):
                lines = [line for row in rows if (line := _curve(row, self.numbers[row.system], metric, unit)) is not None]
                told = "; ".join(f"{line.name}: {number(line.ys[line.best or 0])} after {short(line.xs[line.best or 0])} {unit}" for line in lines)
                words = Words(
                    f"learning-{at}-{unit}", f"Validation {metric} by {unit}", f"At the kept weights, {told}", f"{unit} of training", f"valid {metric}"
                )
                caption = f"{metric} on the validation part by {unit} of training; the mark on a line is where its weights were kept."
                found.append(Figure(plots.curves(words, lines), caption, legend=_legend(lines)))
        return found

    def by_group(self) -> list[Figure]:
        """The main metric by the length of the history, and by the popularity of the answer."""
        found = []
        for key, axis, title in (
            ("history", "items in the history", "by length of the history"),
            ("popularity", "times the held-out item was met in training", "by popularity of the held-out item"),
        ):
            groups = self.record.account.groups.get(key, [])
            rows = [row for row in self.rows if row.evidence is not None and row.evidence.groups.get(key)]
            if not rows or not groups:
                continue
            series = [self._means(row, key) for row in rows]
            labels = [group.label for group in groups]
            cells = [[with_interval(point.value, point.low, point.high) for point in points] for points in series]
            lines = [Line(row.system, self.numbers[row.system], line) for row, line in zip(rows, cells, strict=True)]
            head = ["system", *(f"{group.label} ({group.cases:,} users)" for group in groups)]
            table = Table(f"{self.main} {title}; ± is half a 95 % interval.", head, lines, {})
            sizes = ", ".join(f"{group.label}: {group.cases:,}" for group in groups)
            caption = f"{self.main} {title}: users in groups of about equal size ({sizes}), with 95 % bootstrap intervals."
            words = Words(f"by-{key}", f"{self.main} {title}", f"The numbers are in the table below the figure. Users: {sizes}.", axis, self.main)
            legend = [(row.system, self.numbers[row.system]) for row in rows]
            found.append(Figure(plots.grouped(words, labels, series), caption, table, legend))
        return found

    def popularity(self) -> Figure | None:
        """How recommendations spread over popular and rare items."""
        rows = [(row.system, row.evidence.tiers, self.numbers[row.system]) for row in self.rows if row.evidence is not None]
        tiers = self.record.account.tiers
        if not rows or not tiers:
            return None
        told = [("trained on", [tier.trained for tier in tiers]), ("held out", [tier.asked for tier in tiers])]
        bars = [*told, *((name, shares) for name, shares, _ in rows)]
        head = ["share of", *(f"tier {at}: {tier.items:,} items" for at, tier in enumerate(tiers, 1))]
        numbers = dict[str, int | None]({name: number_ for name, _, number_ in rows})
        lines = [Line(name, numbers.get(name), [Cell(f"{share:.1%}", sort=share) for share in shares]) for name, shares in bars]
        caption = (
            "Where the first ten recommendations of all users go: the catalogue is cut into five tiers, from the most popular items (left) to the "
            "rarest (right), each with about a fifth of the training; a longer left end than that of the held-out items is popularity bias."
        )
        words = Words("tiers", "Recommendations by popularity of the item", "The numbers are in the table below the figure.")
        return Figure(plots.stacked(words, bars), caption, Table("Share of interactions and of recommendations in each tier.", head, lines, {}))

    def lengths(self) -> Figure:
        """How long the users' sequences are."""
        bars = [(str(bar.low) if bar.low == bar.high else f"{bar.low}–{bar.high}", bar.users) for bar in self.record.account.lengths]
        told = "; ".join(f"{label}: {count:,}" for label, count in bars)
        words = Words("lengths", "Users by number of interactions", told, "interactions of a user")
        return Figure(plots.histogram(words, bars), "How many users have how many interactions; the bars widen to the right.")

    def _has(self, row: Row) -> bool:
        return math.isfinite(row.metrics.get(self.main, math.nan))

    def _point(self, row: Row, x: float = math.nan) -> Point:
        low, high = row.ci95.get(self.main, (math.nan, math.nan))
        return Point(self.numbers[row.system], row.system, row.metrics[self.main], low, high, x)

    def _means(self, row: Row, key: str) -> list[Point]:
        means = row.evidence.groups[key] if row.evidence is not None else []
        return [Point(self.numbers[row.system], row.system, mean.value, mean.low, mean.high) for mean in means]


def _curve(row: Row, index: int, metric: str, unit: str) -> Curve | None:
    """The looks of all stages that were watched by a metric, one after the other; the time of the stages before is added."""
    xs, ys, best, before = list[float](), list[float](), None, 0.0
    for stage in row.stages:
        for look in stage.history:
            if metric in look.scores:
                if look.step == stage.best_step and stage.best is not None:
                    best = len(xs)
                xs.append(before + (look.seconds if unit == "seconds" else look.step))
                ys.append(look.scores[metric])
        before += stage.seconds if unit == "seconds" else stage.steps
    if not any(map(math.isfinite, ys)):
        return None
    return Curve(index, row.system, xs, ys, best if best is not None and math.isfinite(ys[best]) else None)


def _legend(shown: Sequence[Point | Curve]) -> list[tuple[str, int]]:
    """Name and number of each system, where the drawing has no room for names."""
    return [(entry.name, entry.number) for entry in shown] if len(shown) > plots.NAMED else []


def _told(points: Sequence[Point]) -> str:
    return "; ".join(f"{point.name}: {number(point.value)}" for point in points)

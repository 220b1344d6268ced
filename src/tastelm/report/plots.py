"""The figures of the report. Each takes what it draws and returns SVG; a system is its number, which decides colour and shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tastelm.report.svg import Scale, apart, figure, interval, line, linear, logarithmic, mark, path, short, tag, text, turned

# A drawing is as wide as a phone, so that its words stay readable there; on a desk two stand side by side.
WIDTH = 390.0
LETTER, LINE = 7.1, 15.5
# More systems than this are not named in the drawing, where their names would hide it, but in a legend below.
NAMED = 7
# A line of more points than this shows no more.
POINTS = 240


@dataclass(frozen=True)
class Point:
    """A system with a value, its interval (not a number where it has none), and where it stands on the x axis."""

    number: int
    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    x: float = math.nan


@dataclass(frozen=True)
class Curve:
    """Values of a system along x; `best` is the place that was kept, or None."""

    number: int
    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    best: int | None


@dataclass(frozen=True)
class Words:
    """key: of the drawing, its own on the page; title and description: for who cannot see it; x, y: what the axes say."""

    key: str
    title: str
    description: str
    x: str = ""
    y: str = ""


def forest(words: Words, points: Sequence[Point]) -> Markup:
    """A line for each system: its value and interval on one common axis."""
    left, top, row = _room([point.name for point in points]) + 22, 8.0, 28.0
    bottom = top + row * len(points)
    axis = linear([v for point in points for v in (point.value, point.low, point.high)], left + 10, WIDTH - 18)
    drawn = [*_grid_x(axis, top, bottom), text((left + WIDTH) / 2, bottom + 36, words.x, anchor="middle", class_="axis")]
    for at, point in enumerate(points):
        y = top + row * (at + 0.5)
        drawn += [mark(point.number, 9, y), text(22, y + 4.5, point.name)]
        if math.isfinite(point.low):
            drawn.append(interval(point.number, axis(point.low), y, axis(point.high), y))
        drawn.append(mark(point.number, axis(point.value), y))
    return figure(words.key, words.title, words.description, WIDTH, bottom + 44, drawn)


def scatter(words: Words, points: Sequence[Point]) -> Markup:
    """Value against x, which is above 0; the x axis is logarithmic where the values spread more than tenfold."""
    left, right, top, bottom = 62.0, WIDTH - 14, 12.0, 236.0
    xs = [point.x for point in points]
    across = logarithmic(xs, left, right) if max(xs) > 10 * min(xs) else linear(xs, left, right, zero=True)
    up = linear([v for point in points for v in (point.value, point.low, point.high)], bottom, top)
    drawn = [*_frame(across, up, words, left, right, top, bottom)]
    places = [(across(point.x), up(point.value)) for point in points]
    for point, (x, _) in zip(points, places, strict=True):
        if math.isfinite(point.low):
            drawn.append(interval(point.number, x, up(point.low), x, up(point.high)))
    for point, (x, y) in zip(points, places, strict=True):
        drawn.append(mark(point.number, x, y))
    # Names stand towards the middle of the drawing; those of one side make room for each other.
    for side, anchor in ((1, "start"), (-1, "end")):
        chosen = [at for at, (x, _) in enumerate(places) if (x > (left + right) / 2) == (side < 0) and len(points) <= NAMED]
        for at, y in zip(chosen, apart([places[at][1] for at in chosen], LINE, top + 6, bottom - 6), strict=True):
            x = places[at][0] + side * 12
            if abs(y - places[at][1]) > LINE / 2:
                drawn.append(line(places[at][0] + side * 6, places[at][1], x, y, "leader"))
            drawn.append(text(x + side * 2, y + 4.5, points[at].name, anchor=anchor, class_="halo"))
    return figure(words.key, words.title, words.description, WIDTH, bottom + 48, drawn)


def curves(words: Words, lines: Sequence[Curve]) -> Markup:
    """Values along x, each line named at its end and marked where it was kept; x is logarithmic where the lines' ends lie tenfold apart."""
    left, top, bottom = 62.0, 12.0, 236.0
    named = len(lines) <= NAMED
    right = WIDTH - (_room([curve.name for curve in lines]) + 22 if named else 14)
    ends, begins = [curve.xs[-1] for curve in lines], [x for curve in lines for x in curve.xs if x > 0]
    logged = max(ends) > 10 * min(ends) and min(ends) > 0
    across = logarithmic(begins, left, right) if logged else linear([x for curve in lines for x in curve.xs], left, right, zero=True)
    up = linear([y for curve in lines for y in curve.ys], bottom, top)
    drawn = [*_frame(across, up, words, left, right, top, bottom)]
    last = []
    for curve in lines:
        kept = [at for at in _thinned(len(curve.xs), curve.best) if math.isfinite(curve.ys[at]) and (curve.xs[at] > 0 or not logged)]
        drawn.append(path(curve.number, [(across(curve.xs[at]), up(curve.ys[at])) for at in kept]))
        last.append((across(curve.xs[kept[-1]]), up(curve.ys[kept[-1]])) if kept else (right, bottom))
        if curve.best is not None:
            drawn.append(mark(curve.number, across(curve.xs[curve.best]), up(curve.ys[curve.best])))
    for curve, (x, y), place in zip(lines, last, apart([y for _, y in last], LINE, top, bottom), strict=True) if named else ():
        drawn += [line(x, y, right + 4, place, "leader"), mark(curve.number, right + 12, place), text(right + 22, place + 4.5, curve.name)]
    return figure(words.key, words.title, words.description, WIDTH, bottom + 48, drawn)


def shares(words: Words, lines: Sequence[Sequence[Point]]) -> Markup:
    """Values with their intervals along x, which is logarithmic and written at each point; a line of one point without a place is level.

    At most NAMED lines, each named at its end; points of one place stand a little apart.
    """
    left, top, bottom = 62.0, 12.0, 236.0
    right = WIDTH - (_room([points[0].name for points in lines]) + 22)
    places = sorted({point.x for points in lines for point in points if math.isfinite(point.x)}) or [1.0]
    across = logarithmic(places, left, right)
    up = linear([v for points in lines for point in points for v in (point.value, point.low, point.high)], bottom, top)
    drawn = [*_grid_y(up, left, right), line(left, bottom, right, bottom, "rule"), turned(13, (top + bottom) / 2, words.y)]
    drawn += [text(across(place), bottom + 18, short(place), anchor="middle") for place in places]
    drawn.append(text((left + right) / 2, bottom + 40, f"{words.x}, logarithmic", anchor="middle", class_="axis"))
    last = []
    for at, points in enumerate(lines):
        level, shift = not math.isfinite(points[0].x), 5 * (at - (len(lines) - 1) / 2)
        found = [(left + 6.0 + shift, up(points[0].value))] if level else [(across(point.x) + shift, up(point.value)) for point in points]
        drawn.append(path(points[0].number, [*found, (right, found[0][1])] if level else found))
        last.append((right if level else found[-1][0], found[-1][1]))
        for point, (x, y) in zip(points, found, strict=True):
            if math.isfinite(point.low):
                drawn.append(interval(point.number, x, up(point.low), x, up(point.high)))
            drawn.append(mark(point.number, x, y))
    for points, (x, y), place in zip(lines, last, apart([y for _, y in last], LINE, top, bottom), strict=True):
        drawn += [line(x, y, right + 4, place, "leader"), mark(points[0].number, right + 12, place), text(right + 22, place + 4.5, points[0].name)]
    return figure(words.key, words.title, words.description, WIDTH, bottom + 48, drawn)


def grouped(words: Words, labels: Sequence[str], series: Sequence[Sequence[Point]]) -> Markup:
    """For each group of users a dot with its interval for every system, side by side in the order of `series` (one a system)."""
    left, right, top, bottom = 62.0, WIDTH - 6, 12.0, 236.0
    up = linear([v for points in series for point in points for v in (point.value, point.low, point.high)], bottom, top, zero=True)
    band = (right - left) / len(labels)
    drawn = [*_grid_y(up, left, right), turned(13, (top + bottom) / 2, words.y)]
    for group, label in enumerate(labels):
        if group % 2:
            drawn.insert(0, tag("rect", x=left + band * group, y=top, width=band, height=bottom - top, class_="band"))
        drawn.append(text(left + band * (group + 0.5), bottom + 18, label, anchor="middle"))
        for at, points in enumerate(series):
            x, point = left + band * (group + 0.5 + 0.8 * ((at + 0.5) / len(series) - 0.5)), points[group]
            if math.isfinite(point.value):
                if math.isfinite(point.low):
                    drawn.append(interval(point.number, x, up(point.low), x, up(point.high)))
                drawn.append(mark(point.number, x, up(point.value)))
    drawn.append(text((left + right) / 2, bottom + 38, words.x, anchor="middle", class_="axis"))
    return figure(words.key, words.title, words.description, WIDTH, bottom + 46, drawn)


def stacked(words: Words, rows: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """A bar for each row, cut into shares that add up to one; shares from a twelfth on are written into it."""
    left, row, top = _room([name for name, _ in rows]) + 8, 26.0, 4.0
    drawn = []
    for at, (name, shares) in enumerate(rows):
        x, y = left, top + row * at
        drawn.append(text(0, y + 15, name))
        for tier, share in enumerate(shares):
            wide = share * (WIDTH - left)
            drawn.append(tag("rect", x=x, y=y, width=wide, height=row - 6, class_=f"tier t{tier}"))
            if share >= 1 / 12:
                drawn.append(text(x + wide / 2, y + 14.5, f"{share:.0%}", anchor="middle", class_=f"on-t{tier}"))
            x += wide
    return figure(words.key, words.title, words.description, WIDTH, top + row * len(rows), drawn)


def histogram(words: Words, bars: Sequence[tuple[str, int]]) -> Markup:
    """A bar for each label, with its count above."""
    left, right, top, bottom = 8.0, WIDTH - 8, 20.0, 180.0
    up = linear([count for _, count in bars], bottom, top, zero=True)
    band = (right - left) / len(bars)
    # As many labels as stand beside each other.
    every = math.ceil(max(len(label) for label, _ in bars) * LETTER / band + 0.2)
    drawn = [line(left, bottom, right, bottom, "rule")]
    for at, (label, count) in enumerate(bars):
        x = left + band * (at + 0.5)
        drawn.append(tag("rect", x=x - band * 0.42, y=up(count), width=band * 0.84, height=bottom - up(count), class_="bar"))
        if len(short(count)) * LETTER < band * 1.3:
            drawn.append(text(x, up(count) - 5, short(count), anchor="middle", class_="small"))
        if at % every == 0:
            drawn.append(text(x, bottom + 16, label, anchor="middle", class_="small"))
    drawn.append(text((left + right) / 2, bottom + 36, words.x, anchor="middle", class_="axis"))
    return figure(words.key, words.title, words.description, WIDTH, bottom + 44, drawn)


def _frame(across: Scale, up: Scale, words: Words, left: float, right: float, top: float, bottom: float) -> list[Markup]:
    return [
        *_grid_y(up, left, right),
        *(text(across(value), bottom + 18, short(value), anchor="middle") for value in across.ticks()),
        *(line(across(value), bottom, across(value), bottom + 4, "rule") for value in across.ticks()),
        line(left, bottom, right, bottom, "rule"),
        text((left + right) / 2, bottom + 40, words.x + (", logarithmic" if across.log else ""), anchor="middle", class_="axis"),
        turned(13, (top + bottom) / 2, words.y),
    ]


def _grid_x(axis: Scale, top: float, bottom: float) -> list[Markup]:
    drawn = [line(axis(value), top, axis(value), bottom, "grid") for value in axis.ticks()]
    return drawn + [text(axis(value), bottom + 17, short(value), anchor="middle") for value in axis.ticks()]


def _grid_y(axis: Scale, left: float, right: float) -> list[Markup]:
    drawn = [line(left, axis(value), right, axis(value), "grid") for value in axis.ticks()]
    return drawn + [text(left - 6, axis(value) + 4.5, short(value), anchor="end") for value in axis.ticks()]


def _room(names: Sequence[str]) -> float:
    """The width of the longest name."""
    return max((len(name) for name in names), default=0) * LETTER


def _thinned(count: int, best: int | None) -> list[int]:
    """At most about POINTS places of `count`, the first, the last and the best among them."""
    every = max(1, math.ceil(count / POINTS))
    return sorted({*range(0, count, every), count - 1, *([best] if best is not None else [])})

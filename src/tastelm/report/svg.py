"""Small pieces of SVG: elements, scales with ticks, the marks of systems. Colours are left to the page's style sheet, by class."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

# One alphabet for all figures: a system has a colour, a shape and a dash, so that no two are told apart by colour alone.
COLOURS = 8
_DASHES = ("", "7 3", "2 3", "8 3 2 3")
_R = 5.0
_SHAPES: tuple[Callable[[float, float], str], ...] = (
    lambda x, y: f"M{x - _R:.1f} {y:.1f}a{_R} {_R} 0 1 0 {2 * _R} 0a{_R} {_R} 0 1 0 {-2 * _R} 0z",  # circle
    lambda x, y: f"M{x - 4.4:.1f} {y - 4.4:.1f}h8.8v8.8h-8.8z",  # square
    lambda x, y: f"M{x:.1f} {y - 6.2:.1f}l6.2 6.2l-6.2 6.2l-6.2 -6.2z",  # diamond
    lambda x, y: f"M{x:.1f} {y - 5.8:.1f}l5.8 10.2h-11.6z",  # triangle
    lambda x, y: f"M{x:.1f} {y + 5.8:.1f}l5.8 -10.2h-11.6z",  # triangle on its tip
    lambda x, y: f"M{x - 1.8:.1f} {y - 6:.1f}h3.6v4.2h4.2v3.6h-4.2v4.2h-3.6v-4.2h-4.2v-3.6h4.2z",  # plus
    lambda x, y: f"M{x - 6:.1f} {y - 3:.1f}h12v6h-12z",  # bar
)


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element; text is escaped. `class_` is written class, `stroke_width` stroke-width; None leaves an attribute out."""
    said = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value)) for key, value in attributes.items() if value is not None
    )
    inner = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), said, inner)


def figure(key: str, title: str, description: str, width: float, height: float, children: Iterable[object]) -> Markup:
    """A drawing that a screen reader announces by its title and description. `key` is its own on the page."""
    words = [tag("title", title, id=f"{key}-t"), tag("desc", description, id=f"{key}-d")]
    return tag("svg", *words, *children, role="img", aria_labelledby=f"{key}-t {key}-d", viewBox=f"0 0 {width:g} {height:g}")


def standalone(drawing: Markup, style: str) -> str:
    """A drawing as a file of its own, with the style sheet and the paper of the page."""
    paper = tag("rect", x="-2%", y="-2%", width="104%", height="104%", fill="var(--paper)")
    rules = tag("style", style + "\nsvg { font-family: system-ui, sans-serif; background: var(--paper); }")
    head, _, rest = drawing.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg">{rules}{paper}{rest}\n'


def text(x: float, y: float, words: object, *, anchor: str = "start", class_: str | None = None) -> Markup:
    """Words at a place; anchor is start, middle or end."""
    return tag("text", words, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=class_)


def turned(x: float, y: float, words: object) -> Markup:
    """Words along an axis that goes up, with their middle at a place."""
    return tag("text", words, x=x, y=y, text_anchor="middle", class_="axis", transform=f"rotate(-90 {x:g} {y:g})")


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def mark(index: int, x: float, y: float) -> Markup:
    """The mark of the system of that number, in its shape and colour; unlike that of any other of the first 56."""
    shape = _SHAPES[(index + index // COLOURS) % len(_SHAPES)]
    return tag("path", d=shape(x, y), class_=f"mark c{index % COLOURS}")


def swatch(index: int) -> Markup:
    """The mark alone, for a legend or a table; its name stands beside it."""
    return tag("svg", mark(index, 8, 8), viewBox="0 0 16 16", class_="swatch", aria_hidden="true")


def interval(index: int, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """The interval of a system."""
    return line(x1, y1, x2, y2, f"whisker c{index % COLOURS}")


def path(index: int, points: Iterable[tuple[float, float]]) -> Markup:
    """The line of a system."""
    steps = " ".join(f"{'L' if at else 'M'}{x:.1f} {y:.1f}" for at, (x, y) in enumerate(points))
    return tag("path", d=steps, class_=f"curve c{index % COLOURS}", stroke_dasharray=_DASHES[index % len(_DASHES)] or None)


@dataclass(frozen=True)
class Scale:
    """Values from low to high on an axis from start to end; on a log axis both are above 0."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values to write at the axis."""
        return _decades(self.low, self.high) if self.log else _steps(self.low, self.high)


def linear(values: Iterable[float], start: float, end: float, *, zero: bool = False) -> Scale:
    """A scale that holds all finite values, between round numbers, from 0 if asked for."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min([*known, 0.0] if zero else known), max([*known, 0.0] if zero else known)
    if low == high:
        low, high = low - (0 if zero and low >= 0 else abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    step = _step(low, high)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end)


def logarithmic(values: Iterable[float], start: float, end: float) -> Scale:
    """A scale over all values, which are above 0, with a little room on both sides."""
    known = list(values)
    low, high = min(known), max(known)
    room = max(1.3, (high / low) ** 0.06)
    return Scale(low / room, high * room, start, end, log=True)


def apart(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """The places moved as little as needed so that neighbours stand `gap` apart, within low .. high as far as there is room."""
    order = sorted(range(len(places)), key=lambda at: places[at])
    moved = [places[at] for at in order]
    for _ in range(60):
        for at in range(1, len(moved)):
            lack = gap - (moved[at] - moved[at - 1])
            if lack > 0:
                moved[at - 1], moved[at] = moved[at - 1] - lack / 2, moved[at] + lack / 2
        shift = max(0.0, low - moved[0]) if moved else 0.0
        moved = [place + shift for place in moved]
        if moved and moved[-1] > high:
            moved[-1] = high
    found = [0.0] * len(places)
    for at, place in zip(order, moved, strict=True):
        found[at] = place
    return found


def short(value: float) -> str:
    """A tick's number: 0.05, 20, 3k, 1.2M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.4g}{unit}"
    return f"{value:.4g}"


def _step(low: float, high: float) -> float:
    rough = (high - low) / 5
    size: float = 10.0 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)


def _steps(low: float, high: float) -> list[float]:
    step = _step(low, high)
    first = math.ceil(low / step - 1e-9)
    return [round((first + at) * step, 12) for at in range(int((high - first * step) / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten; where fewer than three fit, their twofold and fivefold too."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    whole = [10.0**power for power in decades if low <= 10.0**power <= high]
    if len(whole) > 6:
        return whole[:: math.ceil(len(whole) / 6)]
    if len(whole) >= 3:
        return whole
    return [factor * 10.0**power for power in decades for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]


def _plain(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value

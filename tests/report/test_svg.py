"""Scales, ticks and marks."""

import math
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.report.plots import Curve, Point, Words, curves, forest, grouped, histogram, scatter, shares, stacked
from tastelm.report.svg import apart, linear, logarithmic, mark, short, standalone, tag, text

FINITE = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-9)
WORDS = Words("k", "A title", "What is seen", "across", "up")


@given(st.lists(FINITE, min_size=1, max_size=20), st.booleans())
def test_a_linear_scale_holds_its_values_between_round_ticks(values: list[float], zero: bool) -> None:
    scale = linear([*values, math.nan], 0, 100, zero=zero)
    assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value in values)
    assert not zero or -1e-6 <= scale(0) <= 100 + 1e-6
    assert 2 <= len(scale.ticks()) <= 9
    assert scale.ticks() == sorted(set(scale.ticks()))


@given(st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=20))
def test_a_logarithmic_scale_holds_its_values(values: list[float]) -> None:
    scale = logarithmic(values, 0, 100)
    assert all(0 < scale(value) < 100 for value in values)
    assert len(scale.ticks()) <= 9
    assert all(0 <= scale(tick) <= 100 for tick in scale.ticks())


def test_round_numbers_stand_at_the_axis() -> None:
    assert linear([0.031, 0.1326], 0, 1, zero=True).ticks() == [0, 0.05, 0.1, 0.15]
    assert linear([0, 54], 0, 1).ticks() == [0, 20, 40, 60]
    assert logarithmic([0.01, 55], 0, 1).ticks() == [0.01, 0.1, 1, 10]
    assert logarithmic([20, 300], 0, 1).ticks() == [20, 50, 100, 200]
    assert [short(value) for value in (0.05, 20, 2500, 30_000, 1_200_000, 3e9)] == ["0.05", "20", "2500", "30k", "1.2M", "3G"]


@given(st.lists(st.floats(0, 200), max_size=12))
def test_names_stand_apart_in_the_order_of_their_places(places: list[float]) -> None:
    moved = apart(places, 15, 0, 400)
    order = sorted(range(len(places)), key=lambda at: places[at])
    gaps = [moved[b] - moved[a] for a, b in pairwise(order)]
    assert all(gap > 12 for gap in gaps)


def test_names_that_are_far_apart_stay() -> None:
    assert apart([10, 50, 90], 15, 0, 100) == [10, 50, 90]


def test_no_two_systems_share_colour_and_shape() -> None:
    drawn = [str(mark(at, 0, 0)) for at in range(56)]
    assert len(set(drawn)) == 56


def test_words_are_escaped() -> None:
    assert str(text(0, 0, "<b>&")) == '<text x="0" y="0">&lt;b&gt;&amp;</text>'
    assert str(tag("g", id='"><x>')) == '<g id="&#34;&gt;&lt;x&gt;"></g>'


POINTS = [Point(0, "a<b", 0.2, 0.1, 0.3, 5.0), Point(1, "b", 0.1, x=5000.0), Point(2, "c", 0.1, 0.1, 0.1, 0.001)]
DRAWN = {
    "forest": forest(WORDS, POINTS),
    "forest of one": forest(WORDS, POINTS[:1]),
    "forest of nothing but zeros": forest(WORDS, [Point(0, "a", 0.0, 0.0, 0.0)]),
    "scatter": scatter(WORDS, POINTS),
    "scatter of one": scatter(WORDS, POINTS[:1]),
    "curves": curves(WORDS, [Curve(0, "a", range(1, 5001), [at / 5000 for at in range(5000)], 4321), Curve(1, "b", [3.0], [0.5], None)]),
    "curves with gaps": curves(WORDS, [Curve(0, "a", [0, 1, 2], [math.nan, 0.2, 0.3], 2)]),
    "shares": shares(WORDS, [[Point(0, "a", 0.1)], [Point(1, "b", 0.1, 0.05, 0.2, 1.0), Point(1, "b", 0.3, 0.2, 0.4, 100.0)]]),
    "shares of one": shares(WORDS, [[Point(0, "a", 0.0, 0.0, 0.0, 5.0)]]),
    "grouped": grouped(WORDS, ["1-2", "3-4"], [[POINTS[0], Point(0, "a", math.nan)], [POINTS[1], POINTS[1]]]),
    "stacked": stacked(WORDS, [("a", [0.5, 0.5]), ("b", [1.0, 0.0])]),
    "histogram": histogram(WORDS, [("1", 3), ("2-9", 0)]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_whole_and_says_what_it_shows(name: str) -> None:
    root = ET.fromstring(str(DRAWN[name]))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "k-t k-d"
    assert [child.text for child in root[:2]] == ["A title", "What is seen"]
    assert "nan" not in str(DRAWN[name]) and "inf" not in str(DRAWN[name])
    assert len(str(DRAWN[name])) < 20_000, "a line of thousands of points is thinned"


def test_a_drawing_is_a_file_of_its_own() -> None:
    root = ET.fromstring(standalone(DRAWN["shares"], ".a > .b { content: '<&'; }"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert ".a > .b { content: '<&'; }" in (root[0].text or ""), "the style sheet is read as it was written"


def test_many_systems_are_named_in_a_legend_and_not_over_each_other() -> None:
    many = [Point(at, f"system {at}", 0.1 + at / 100, x=1.0 + at) for at in range(12)]
    lines = [Curve(at, f"system {at}", [1.0, 2.0], [0.1, 0.2], 1) for at in range(12)]
    assert "system 3" not in scatter(WORDS, many) and "system 3" in scatter(WORDS, many[:5])
    assert "system 3" not in curves(WORDS, lines) and "system 3" in curves(WORDS, lines[:5])

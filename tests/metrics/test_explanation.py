"""FMR, FCR and DIV by hand, against the definition over pairs, and the ways to get them wrong."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import DataError
from tastelm.metrics.explanation import div, fcr, fmr, found_features
from tastelm.metrics.fluency import usr
from tastelm.metrics.paired_text import interval, paired_bootstrap

FEATURES = ["room", "front desk", "desk", "pool", "breakfast"]
OUTPUTS = [["the", "front", "desk", "is", "friendly"], ["the", "desk", "in", "front", "of", "the", "room"], ["room", "and", "front", "desk"], ["nice"]]


def test_found_features_by_hand() -> None:
    found = found_features(OUTPUTS, FEATURES).toarray().T
    assert found.tolist() == [[0, 1, 1, 0, 0], [1, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]


def test_fmr_fcr_and_div_by_hand() -> None:
    score = fmr(OUTPUTS, ["front desk", "front desk", "room", "pool"])
    assert score.value == 2 / 4 and score.per_case is not None
    assert score.per_case.tolist() == [1, 0, 1, 0]
    assert fcr(OUTPUTS, FEATURES).value == 3 / 5
    # pairs share: desk; front desk + desk; room + desk; nothing with the fourth
    assert div(OUTPUTS, FEATURES).value == pytest.approx((1 + 2 + 2) / 6)


def test_trap_multi_word_features() -> None:
    outputs = [["the", "front", "desk"], ["desk", "front"], ["front", "of", "desk"]]
    assert fmr(outputs, ["front desk"] * 3).value == pytest.approx(1 / 3)
    # single tokens, as in the authors' code, never match it
    assert not any("front desk" in output for output in outputs)


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=2, max_size=9))
def test_trap_div_over_pairs_is_div_by_counts(outputs: list[list[str]]) -> None:
    features = ["a", "b", "a b", "c c"]
    found = [{f for f in features if f" {f} " in f" {' '.join(output)} "} for output in outputs]
    slow = [len(x & y) for x, y in combinations(found, 2)]
    assert div(outputs, features).value == pytest.approx(sum(slow) / len(slow))
    assert fcr(outputs, features).value == pytest.approx(len(set().union(*found)) / 4)


def test_a_constant_sentence_with_one_feature() -> None:
    outputs = [["the", "pool", "is", "nice"]] * 40
    assert div(outputs, FEATURES).value == 1 and fcr(outputs, FEATURES).value == 1 / 5 and usr(outputs).value == 1 / 40


def test_an_interval_holds_the_value_and_nothing_that_cannot_be() -> None:
    outputs = [[word] for word in ("room", "pool", "desk", "breakfast") for _ in range(11)]
    for score in (fcr(outputs, FEATURES[:1] + FEATURES[2:]), div(outputs, FEATURES), usr(outputs), usr([[str(place)] for place in range(9)])):
        low, high = interval(score)
        assert 0 <= low <= score.value <= high <= 1
    assert interval(fcr(outputs, FEATURES))[0] <= 4 / 5 < 1


def test_div_is_undefined_for_one_output() -> None:
    assert div(OUTPUTS[:2], FEATURES).value == 1
    with pytest.raises(DataError, match="1 output: DIV compares pairs of outputs and is undefined"):
        div(OUTPUTS[:1], FEATURES)


def test_features_given_twice_count_once_and_none_found_is_0() -> None:
    assert fcr(OUTPUTS, [*FEATURES, "pool", " front  desk "]).value == 3 / 5
    assert fcr([["x"], ["y"]], FEATURES).value == div([["x"], ["y"]], FEATURES).value == 0


@pytest.mark.parametrize("function", [fcr, div])
def test_nothing_to_find_in(function: object) -> None:
    for outputs, features, message in [
        ([], FEATURES, "0 outputs and 5 features"),
        (OUTPUTS, [], "4 outputs and 0 features"),
        (OUTPUTS, ["a", " "], "feature 1 is empty"),
    ]:
        with pytest.raises(DataError, match=message):
            function(outputs, features)  # type: ignore[operator]


def test_bad_input() -> None:
    with pytest.raises(DataError, match="4 outputs but 1 gold features"):
        fmr(OUTPUTS, ["pool"])
    with pytest.raises(DataError, match="0 outputs but 0 gold features"):
        fmr([], [])
    with pytest.raises(DataError, match="feature 0 is empty"):
        fmr(OUTPUTS[:1], [""])
    for function in (fmr, fcr, div):
        with pytest.raises(DataError, match="output 0 is a string"):
            function(["the pool", "a room"], ["pool", "room"])


def test_intervals() -> None:
    rng = np.random.default_rng(0)
    names = [f"f{i}" for i in range(10)]
    gold = rng.choice(names, 300).tolist()
    knows = [[feature if rng.random() < 0.6 else "f0"] for feature in gold]
    guesses = [[feature] for feature in rng.choice(names, 300)]
    matched = paired_bootstrap(fmr(knows, gold), fmr(guesses, gold))
    assert matched.drawn == "bootstrap" and matched.low < matched.difference < matched.high and matched.low > 0.3
    diverse = paired_bootstrap(div(knows, names), div(guesses, names))
    assert diverse.drawn == "halves" and 0 < diverse.low < diverse.difference < diverse.high
    assert paired_bootstrap(fcr(knows, names), fcr(guesses, names)).difference == 0

"""Words for labels, and labels from words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import DataError, SettingError, ShapeError
from tastelm.text.verbalizer import Verbalizer, letters, like_dislike, pairs, stars, yes_no

TWO = Verbalizer({"good": ["great", "Fine"], "bad": "poor"})


def test_labels_and_words_keep_their_order() -> None:
    assert TWO.labels == ("good", "bad") and TWO.columns == ("great", "Fine", "poor")
    assert TWO.words("good") == ("great", "Fine") and TWO.words("bad") == ("poor",)
    with pytest.raises(SettingError, match=r"^the verbalizer has no label 'god'; did you mean 'good'\?$"):
        TWO.words("god")


@pytest.mark.parametrize(("text", "label"), [("great", "good"), (" FINE\n", "good"), ("poor", "bad"), ("good", None), ("great!", None), ("", None)])
def test_label_of_takes_whole_words_only(text: str, label: str | None) -> None:
    assert TWO.label_of(text) == label


def test_a_score_is_the_mean_of_the_words_of_a_label() -> None:
    # good: (1 + 3) / 2 = 2 against bad: 6; the second row cannot say "poor".
    logits = np.log([[1.0, 3.0, 6.0], [1.0, 1.0, 1.0]])
    logits[1, 2] = -np.inf
    np.testing.assert_allclose(np.exp(TWO.score(logits)), [[2 / 8, 6 / 8], [1, 0]])


@given(st.lists(st.tuples(*[st.floats(-800, 800)] * 3), min_size=1, max_size=4), st.floats(-100, 100))
def test_scores_are_log_probabilities_and_a_constant_changes_nothing(rows: list[tuple[float, ...]], constant: float) -> None:
    logits = np.array(rows)
    scores = TWO.score(logits)
    np.testing.assert_allclose(np.exp(scores).sum(1), 1)
    np.testing.assert_allclose(TWO.score(logits + constant), scores, atol=1e-9)


def test_a_second_word_that_is_as_likely_gives_no_advantage() -> None:
    np.testing.assert_allclose(TWO.score(np.zeros((1, 3), np.float16)), np.log([[0.5, 0.5]]))
    assert TWO.score(np.zeros((0, 3))).shape == (0, 2)


def test_logits_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"scores logits of \(batch, 3 words\), not \(1, 2\)"):
        TWO.score(np.zeros((1, 2)))
    for row in ([-np.inf] * 3, [np.nan, 0, 0], [np.inf, 0, 0]):
        with pytest.raises(DataError, match=r"^row 1 of the logits cannot be compared: .*; at least one must be finite"):
            TWO.score(np.array([[0.0, 0, 0], row]))


def test_the_factories() -> None:
    assert stars(1, 5).labels == ("1", "2", "3", "4", "5") == stars(1, 5).columns
    assert letters(3).labels == ("A", "B", "C") and letters(26).labels[-1] == "Z" and letters(3).label_of("b") == "B"
    assert yes_no().labels == ("yes", "no") and like_dislike().labels == ("like", "dislike")
    assert pairs(["good", "fine"], "bad").table == {"positive": ("good", "fine"), "negative": ("bad",)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Verbalizer({}), r"^a verbalizer without labels: give at least one label"),
        (lambda: Verbalizer({"a": []}), r"^label 'a' of the verbalizer has the words \[\]: give at least one"),
        (lambda: Verbalizer({"a": ["x", " "]}), r"^label 'a' of the verbalizer has the word ' ': give each label"),
        (lambda: Verbalizer({"a": [1]}), r"^label 'a' of the verbalizer has the word 1: give each label"),  # type: ignore[list-item]
        (lambda: Verbalizer({"a": ["x", "x"]}), r"^label 'a' of the verbalizer has the words \['x', 'x'\]: give at least one, each of them once"),
        (lambda: Verbalizer({"a": "Yes", "b": [" yes"]}), r"^the word ' yes' of the verbalizer belongs to 'a' and to 'b': leave it to one of them\.$"),
        (lambda: stars(5, 5), r"^stars\(5, 5\): the first number must be the smaller one"),
        (lambda: letters(27), r"^letters\(27\): there are letters for 1 to 26 options"),
        (lambda: letters(0), r"^letters\(0\)"),
    ],
)
def test_what_a_verbalizer_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()

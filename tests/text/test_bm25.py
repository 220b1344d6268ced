"""BM25 against the formula written out, word by word."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.text.bm25 import BM25, words_of

TEXTS = st.lists(st.lists(st.sampled_from(["red", "Red", "blue", "box", "2", "é", "-"]), max_size=6).map(" ".join), min_size=1, max_size=8)


def naive(texts: list[str], query: str, k1: float, b: float) -> list[float]:
    lists = [words_of(text) for text in texts]
    mean = sum(map(len, lists)) / len(lists)
    found = []
    for words in lists:
        score = 0.0
        for word in words_of(query):
            having, times = sum(word in other for other in lists), words.count(word)
            if times:
                rarity = math.log(1 + (len(lists) - having + 0.5) / (having + 0.5))
                score += rarity * times * (k1 + 1) / (times + k1 * (1 - b + b * len(words) / mean))
        found.append(score)
    return found


@given(TEXTS, TEXTS, st.sampled_from([0.0, 0.5, 1.2, 9.0]), st.sampled_from([0.0, 0.4, 1.0]))
def test_scores_are_those_of_the_formula(texts: list[str], queries: list[str], k1: float, b: float) -> None:
    found = BM25(texts, k1=k1, b=b).scores([*queries, "green", ""])
    expected = [naive(texts, query, k1, b) for query in [*queries, "green", ""]]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert (found >= 0).all() and not found[-2:].any(), "what nobody knows is found nowhere"


@given(TEXTS, st.permutations(range(4)))
def test_the_order_of_words_and_of_texts_tells_nothing(texts: list[str], order: list[int]) -> None:
    query = np.array(["red", "blue", "box", "2"])
    plain = BM25(texts).scores([" ".join(query)])[0]
    np.testing.assert_allclose(BM25(texts).scores([" ".join(query[order])])[0], plain, rtol=1e-12)
    np.testing.assert_allclose(BM25(texts[::-1]).scores([" ".join(query)])[0][::-1], plain, rtol=1e-12)


def test_rare_words_count_more_and_long_texts_less() -> None:
    index = BM25(["red box", "blue box", "green box", "red box with a handle and a lid"])
    red, box = index.scores(["red", "box"])
    assert red[0] > red[3] > 0 == red[1] and red[0] > box[0] and len(index) == 4


def test_what_k1_and_b_do() -> None:
    texts = ["red blue", "red red blue", "red blue green grey"]
    once = BM25(texts, k1=0.0, b=0.0).scores(["red"])[0]
    assert once[0] == pytest.approx(once[1]) == pytest.approx(once[2])
    often = BM25(texts, k1=1.2, b=0.0).scores(["red"])[0]
    assert often[1] > often[0] == pytest.approx(often[2])
    short = BM25(texts, k1=1.2, b=1.0).scores(["red"])[0]
    assert short[0] > short[2]


def test_equal_texts_score_the_same_to_the_bit() -> None:
    scores = BM25(["a red box", "a blue box", "a red box"]).scores(["red box a a", "blue"])
    assert (scores[:, 0] == scores[:, 2]).all()


def test_nothing_to_search() -> None:
    assert BM25([]).scores(["red"]).shape == (1, 0) and BM25(["", ""]).scores(["red"]).tolist() == [[0, 0]] and BM25(["a"]).scores([]).shape == (0, 1)

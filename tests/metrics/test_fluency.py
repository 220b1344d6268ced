"""Perplexity, Distinct in its four meanings, USR and entropy: by hand, and the ways to get them wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import DataError, SettingError
from tastelm.metrics.fluency import (
    bits_per_character,
    distinct_adjusted,
    distinct_corpus,
    distinct_per_sentence_count,
    distinct_sentence_mean,
    entropy_n,
    perplexity,
    usr,
)
from tastelm.metrics.paired_text import TextScore, check_comparable, paired_bootstrap

OUTPUTS = [["a", "b", "a"], ["a", "b"], ["c"]]
TOKENS = st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=8)


def sentences(rng: np.random.Generator, count: int, kinds: int) -> list[list[int]]:
    """Sentences of three tokens, a few of them much more frequent than the rest."""
    shares = 1 / np.arange(1, kinds + 1) ** 1.2
    return [[int(kind), int(kind) % 7, -1] for kind in rng.choice(kinds, size=count, p=shares / shares.sum())]


def test_perplexity_by_hand() -> None:
    # a uniform guess among 8 has perplexity 8 whatever the lengths
    assert perplexity([2 * log(8), 5 * log(8)], [2, 5], tokenizer="words").value == pytest.approx(8)
    assert perplexity(6.0, 3, tokenizer="words").value == pytest.approx(exp(2))


def test_trap_mean_of_per_batch_exponentials() -> None:
    nll, tokens = np.array([10.0, 2.0, 30.0, 1.0]), np.array([5, 4, 6, 9])
    pooled = perplexity(nll, tokens, tokenizer="words").value
    assert pooled == pytest.approx(exp(43 / 24))
    assert np.exp(nll / tokens).mean() > 5 * pooled
    # batches of any size give the same number
    assert perplexity(nll.reshape(2, 2).sum(1), tokens.reshape(2, 2).sum(1), tokenizer="words").value == pytest.approx(pooled)


def test_trap_perplexities_of_two_tokenizers() -> None:
    # the same text at the same probability in 10 words or in 20 pieces
    words, pieces = perplexity([20.0] * 3, [10] * 3, tokenizer="words"), perplexity([20.0] * 3, [20] * 3, tokenizer="bpe")
    assert words.value > 2 * pieces.value
    with pytest.raises(SettingError, match=r"perplexity \(tokenizer words, own model\) and perplexity \(tokenizer bpe, own model\) are different measures"):
        paired_bootstrap(words, pieces)
    bits = [bits_per_character([20.0] * 3, [50] * 3) for _ in range(2)]
    assert bits[0].value == pytest.approx(20 / log(2) / 50)
    assert paired_bootstrap(*bits).difference == 0


def test_perplexity_under_an_outside_model_is_another_number() -> None:
    own, outside = perplexity(1.0, 1, tokenizer="bpe"), perplexity(1.0, 1, tokenizer="bpe", under="smollm2")
    with pytest.raises(SettingError, match="under smollm2"):
        check_comparable(own, outside)
    with pytest.raises(SettingError, match="tokenizer = '': name the tokenizer"):
        perplexity(1.0, 1, tokenizer=" ")


@pytest.mark.parametrize(
    ("nll", "tokens", "message"),
    [
        ([1.0], [1, 2], r"nll has shape \(1,\), tokens \(2,\)"),
        ([-1.0], [1], "nll holds negative or undefined"),
        ([np.nan], [1], "nll holds negative or undefined"),
        ([0.0], [0], "tokens must be whole numbers from 0 up, at least one"),
        ([1.0], [1.5], "tokens must be whole numbers"),
        ([], [], "tokens must be whole numbers"),
    ],
)
def test_bad_totals(nll: list[float], tokens: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        perplexity(nll, tokens, tokenizer="words")


def test_four_distincts_by_hand() -> None:
    # unigrams a 3, b 2, c 1; bigrams ab 2, ba 1
    assert distinct_corpus(OUTPUTS, 1).value == pytest.approx(3 / 6) and distinct_corpus(OUTPUTS, 2).value == pytest.approx(2 / 3)
    assert distinct_per_sentence_count(OUTPUTS, 1).value == pytest.approx(3 / 3) and distinct_per_sentence_count(OUTPUTS, 2).value == pytest.approx(2 / 3)
    assert distinct_sentence_mean(OUTPUTS, 1).value == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert distinct_sentence_mean(OUTPUTS, 2).value == pytest.approx(1)
    np.testing.assert_array_equal(distinct_sentence_mean(OUTPUTS, 2).per_case, [1, 1, np.nan])
    assert distinct_adjusted(OUTPUTS, 1, vocabulary=10).value == pytest.approx(3 / (10 * (1 - 0.9**6)))
    assert distinct_adjusted([[7, 7]], 1, vocabulary=1).value == 1


def test_distinct_per_sentence_count_exceeds_1() -> None:
    assert distinct_per_sentence_count([["a", "b", "c"], ["d", "e", "f"]], 1).value == 3


@pytest.mark.parametrize("outputs", [[], [[]], [["a"], ["b"]]])
def test_without_an_n_gram_distinct_is_0(outputs: list[list[str]]) -> None:
    for function in (distinct_corpus, distinct_sentence_mean, distinct_per_sentence_count, entropy_n):
        assert function(outputs, 2).value == 0
    assert distinct_adjusted(outputs, 2, vocabulary=9).value == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: distinct_corpus(x, 1),
        lambda x: distinct_sentence_mean(x, 1),
        lambda x: distinct_per_sentence_count(x, 1),
        lambda x: entropy_n(x, 1),
        lambda x: distinct_adjusted(x, 1, vocabulary=99),
        usr,
    ],
)
@pytest.mark.parametrize(("outputs", "place"), [("a b", 0), ([["a"], "a b"], 1), (["a", "b"], 0)])
def test_trap_character_n_grams_of_a_raw_string(function: Callable[[Any], TextScore], outputs: Any, place: int) -> None:
    with pytest.raises(DataError, match=f"output {place} is a string, so its n-grams would be of characters: give a list of tokens"):
        function(outputs)


def test_trap_distinct_falls_with_the_corpus() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2000, (4000, 5)).tolist()
    few, many = words[:200], words
    assert distinct_corpus(few, 1).value > 5 * distinct_corpus(many, 1).value
    assert distinct_per_sentence_count(few, 1).value > 5 * distinct_per_sentence_count(many, 1).value
    # the same uniform writer: the adjusted form stays at 1
    for outputs in (few, many):
        assert distinct_adjusted(outputs, 1, vocabulary=2000).value == pytest.approx(1, abs=0.03)


def test_a_vocabulary_must_hold_what_occurs() -> None:
    with pytest.raises(SettingError, match="vocabulary = 2 is smaller than the 3 different 1-grams"):
        distinct_adjusted(OUTPUTS, 1, vocabulary=2)
    with pytest.raises(SettingError, match="n = 0: an n-gram has at least 1 token"):
        distinct_corpus(OUTPUTS, 0)


def test_entropy_by_hand() -> None:
    shares = np.array([3, 2, 1]) / 6
    assert entropy_n(OUTPUTS, 1).value == pytest.approx(-(shares @ np.log(shares)))
    assert entropy_n([[1, 2, 3, 4]], 1).value == pytest.approx(log(4))
    assert str(entropy_n([[1, 1]], 1).value) == "0.0"


def test_usr_by_hand() -> None:
    score = usr([["a", "b"], ["a", "b"], ["b", "a"], ["A", "b"], []])
    assert score.value == 4 / 5 and score.counts == {"unique": 4}
    assert usr([[1, 2, 0, 9], [1, 2], [1, 2, 0]], end=0).counts == {"unique": 1}
    assert usr([[1, 2, 0, 9], [1, 2], [1, 2, 0]]).counts == {"unique": 3}
    assert usr([["same"]] * 50).value == 1 / 50
    with pytest.raises(DataError, match="no output"):
        usr([])


@given(TOKENS, st.integers(1, 3))
def test_what_holds_for_all_outputs(outputs: list[list[int]], n: int) -> None:
    grams = [tuple(tokens[i : i + n]) for tokens in outputs for i in range(len(tokens) - n + 1)]
    assert distinct_corpus(outputs, n).value == pytest.approx(len(set(grams)) / max(len(grams), 1))
    assert distinct_per_sentence_count(outputs, n).value == pytest.approx(len(set(grams)) / len(outputs))
    assert 0 <= entropy_n(outputs, n).value <= log(max(len(set(grams)), 1)) + 1e-9
    assert usr(outputs).value == len(set(map(tuple, outputs))) / len(outputs)
    for score in (distinct_corpus(outputs, n), usr(outputs), entropy_n(outputs, n)):
        assert score.weighted(np.full(len(outputs), 1.0)) == score.value


def test_trap_a_case_drawn_twice_is_no_repetition() -> None:
    """All sentences differ: drawn with replacement they seem to repeat, and the interval misses the value it is about."""
    a, b = usr([[i] for i in range(400)]), usr([[i // 2] for i in range(400)])
    fair, naive = paired_bootstrap(a, b), paired_bootstrap(replace(a, distinct=False), replace(b, distinct=False))
    assert fair.difference == naive.difference == 0.5
    assert fair.drawn == "halves" and fair.low <= 0.5 <= fair.high
    assert naive.drawn == "bootstrap" and naive.high < 0.3


def test_the_interval_of_usr_covers() -> None:
    rng = np.random.default_rng(1)
    pairs = [(usr(sentences(rng, 80, 1000)), usr(sentences(rng, 80, 60))) for _ in range(60)]
    truth = float(np.mean([a.value - b.value for a, b in pairs]))
    found = [paired_bootstrap(a, b, seed=seed, resamples=100) for seed, (a, b) in enumerate(pairs)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.9
    assert np.mean([one.high - one.low for one in found]) < 0.4


def test_halves_of_a_mean_are_as_wide_as_its_bootstrap() -> None:
    values = np.random.default_rng(2).normal(size=301)
    a = replace(perplexity(np.exp(values), np.ones(301), tokenizer="words"), weighted=lambda weights: float(weights @ values / weights.sum()))
    b = replace(a, weighted=lambda weights: 0.0)
    drawn, halves = paired_bootstrap(a, b, resamples=2000), paired_bootstrap(replace(a, distinct=True), b, resamples=2000)
    assert halves.high - halves.low == pytest.approx(drawn.high - drawn.low, rel=0.08)
    assert halves.low == pytest.approx(drawn.low, abs=0.02)


def test_same_seed_same_interval_and_bad_pairs() -> None:
    a, b = (perplexity(np.random.default_rng(seed).random(30), np.ones(30), tokenizer="w") for seed in (0, 1))
    assert paired_bootstrap(a, b, seed=3) == paired_bootstrap(a, b, seed=3) != paired_bootstrap(a, b, seed=4)
    back = paired_bootstrap(b, a, seed=3)
    assert (back.low, back.high) == pytest.approx((-paired_bootstrap(a, b, seed=3).high, -paired_bootstrap(a, b, seed=3).low))
    with pytest.raises(DataError, match="computed on 30 and on 1 cases"):
        paired_bootstrap(a, perplexity(1.0, 1, tokenizer="w"))
    for bad in ({"resamples": 0}, {"level": 1.0}):
        with pytest.raises(SettingError, match="at least 1 resample is needed, and a level between 0 and 1"):
            paired_bootstrap(a, b, **bad)  # type: ignore[arg-type]
    nothing = replace(a, weighted=lambda weights: float("nan"))
    with pytest.raises(DataError, match="perplexity has no value for one of the two systems"):
        paired_bootstrap(a, nothing)

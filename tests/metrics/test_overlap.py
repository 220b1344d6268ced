"""BLEU and ROUGE: hand examples, parity with sacrebleu, nltk and rouge-score, and the ways to get them wrong."""

from __future__ import annotations

import builtins
import sys
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastelm.errors import DataError, MissingExtra, SettingError
from tastelm.metrics.ngrams import spaced
from tastelm.metrics.overlap import bleu_corpus, bleu_sentence_mean, bleu_statistics, ngram_precision, rouge
from tastelm.metrics.paired_text import paired_bootstrap

sacrebleu = pytest.importorskip("sacrebleu")
rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")
nltk_bleu = pytest.importorskip("nltk.translate.bleu_score")  # comes with rouge-score

HYPOTHESES = ["the room was clean and the bed was soft", "great pizza, great staff!", "i like it", "the view of the harbour is the best of all"]
REFERENCES = [
    "the room was very clean and the bed was hard",
    "great pizza and friendly staff",
    "i don't like it",
    "the view of the harbour at night is the best",
]

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=9)


def test_spaced_words() -> None:
    assert spaced("It's good!! (don't wait; they're...  quick): go") == (
        ["It", "'s", "good", "!", "(", "do", "n't", "wait", ".", "they", "'re", ".", "quick", ")", ",", "go"]
    )
    assert spaced("  ") == []


def test_statistics_and_corpus_bleu_by_hand() -> None:
    # 'the' is clipped to 1 of 3; bigrams: 'the cat' once; lengths 4 and 3
    assert bleu_statistics(["the the the cat"], ["the cat sat"], 2).tolist() == [[2, 1, 4, 3, 4, 3]]
    assert bleu_corpus(["the the the cat"], ["the cat sat"], 2, "spaced").value == pytest.approx(100 * sqrt(2 / 4 * 1 / 3))
    # 2 tokens against 4: brevity penalty exp(1 - 4/2)
    assert bleu_corpus(["a b"], ["a b c d"], 2, "spaced").value == pytest.approx(100 * exp(-1))


def test_13a_is_sacrebleu_with_its_signature() -> None:
    score = bleu_corpus(HYPOTHESES, REFERENCES)
    assert score.value == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert score.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    several = [[reference, "the room"] for reference in REFERENCES]
    streams = [REFERENCES, ["the room"] * 4]
    assert bleu_corpus(HYPOTHESES, several, 2).value == pytest.approx(sacrebleu.BLEU(max_ngram_order=2).corpus_score(HYPOTHESES, streams).score)
    ragged = bleu_corpus(HYPOTHESES, [[REFERENCES[0], "a clean room"], *REFERENCES[1:]])
    assert ragged.signature.startswith("nrefs:var") and 0 < ragged.value < 100


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=2, max_size=2)), min_size=1, max_size=5), st.integers(1, 4))
def test_spaced_is_nltk_and_sacrebleu_on_the_same_tokens(cases: list[tuple[list[str], list[list[str]]]], n: int) -> None:
    hypotheses = [" ".join(words) for words, _ in cases]
    references = [[" ".join(words) for words in several] for _, several in cases]
    score = bleu_corpus(hypotheses, references, n, "spaced")
    plain = sacrebleu.BLEU(max_ngram_order=n, tokenize="none", smooth_method="none", force=True)
    assert score.value == pytest.approx(plain.corpus_score(hypotheses, list(zip(*references, strict=True))).score, abs=1e-9)
    # nltk sees an n-gram in sentences that are too short for one; without a match of some order it warns and returns about 1e-230
    if score.value and min(len(words) for words, _ in cases) >= n:
        assert score.value == pytest.approx(100 * nltk_bleu.corpus_bleu([several for _, several in cases], [words for words, _ in cases], (1 / n,) * n))


@pytest.mark.parametrize(("smoothing", "method"), [("floor", "method1"), ("add-k", "method2"), ("exp", "method3")])
def test_smoothed_sentences_are_those_of_nltk(smoothing: Any, method: str) -> None:
    score = bleu_sentence_mean(HYPOTHESES, REFERENCES, smoothing=smoothing, effective_order=False)
    smooth = getattr(nltk_bleu.SmoothingFunction(), method)
    expected = [100 * nltk_bleu.sentence_bleu([spaced(r)], spaced(h), smoothing_function=smooth) for h, r in zip(HYPOTHESES, REFERENCES, strict=True)]
    longer = [0, 1, 3]  # with three words nltk smooths the order that does not exist; sacrebleu gives 0
    assert score.per_case is not None
    np.testing.assert_allclose(score.per_case[longer], np.array(expected)[longer])
    assert score.value == pytest.approx(score.per_case.mean())
    assert score.signature == f"nrefs:1|case:mixed|eff:no|tok:spaced|smooth:{smoothing}"


def test_trap_corpus_against_sentence_mean() -> None:
    corpus = bleu_corpus(HYPOTHESES, REFERENCES, 4, "spaced")
    mean = bleu_sentence_mean(HYPOTHESES, REFERENCES, 4, smoothing="none")
    assert abs(corpus.value - mean.value) > 5
    with pytest.raises(SettingError, match=r"bleu_corpus-4 .* and bleu_sentence_mean-4 .* are different measures"):
        paired_bootstrap(corpus, mean)
    # pooled counts do not care how the sentences are grouped, means do
    assert bleu_corpus(HYPOTHESES * 3, REFERENCES * 3, 4, "spaced").value == pytest.approx(corpus.value)


def test_trap_weights_0_1_0_0_is_a_precision() -> None:
    lists = [[spaced(reference)] for reference in REFERENCES], [spaced(hypothesis) for hypothesis in HYPOTHESES]
    called_bleu = 100 * nltk_bleu.corpus_bleu(*lists, weights=(0, 1, 0, 0))
    with_penalty = ngram_precision(HYPOTHESES, REFERENCES, 2, brevity_penalty=True)
    assert with_penalty.value == pytest.approx(called_bleu)
    assert bleu_corpus(HYPOTHESES, REFERENCES, 2, "spaced").value > called_bleu + 5
    matched, total = bleu_statistics(HYPOTHESES, REFERENCES, 2).sum(0)[[1, 3]]
    assert ngram_precision(HYPOTHESES, REFERENCES, 2).value == pytest.approx(100 * matched / total)
    assert ngram_precision(HYPOTHESES, REFERENCES, 2).name == "ngram_precision-2"
    assert ngram_precision(["a"], ["a"], 2).value == 0


def test_trap_swapped_hypothesis_and_reference() -> None:
    short, long = ["good room"], ["good room with a view of the sea"]
    assert ngram_precision(short, long, 1).value == 100 and ngram_precision(long, short, 1).value == pytest.approx(25)
    assert bleu_corpus(short, long, 1, "spaced").value == pytest.approx(100 * exp(1 - 8 / 2))
    with pytest.raises(DataError, match=r"hypothesis 0 is no text but list: only references may be several. Are the two swapped"):
        bleu_corpus([["good room", "nice room"]], ["good"], tokenize="spaced")  # type: ignore[list-item]


@settings(deadline=None, max_examples=30)
@given(st.lists(WORDS.filter(lambda words: len(words) > 3), min_size=1, max_size=4))
def test_bleu_of_itself_is_100(cases: list[list[str]]) -> None:
    texts = [" ".join(words) for words in cases]
    for score in (bleu_corpus(texts, texts), bleu_corpus(texts, texts, 4, "spaced"), bleu_sentence_mean(texts, texts)):
        assert score.value == pytest.approx(100)


def test_sentences_shorter_than_n() -> None:
    assert bleu_sentence_mean(["good food"], ["good food"]).value == pytest.approx(100)
    assert bleu_sentence_mean(["good food"], ["good food"], effective_order=False).value == 0
    assert bleu_corpus(["good food"], ["good food"], 4, "spaced").value == 0


def test_an_empty_hypothesis_is_0_and_still_counts() -> None:
    for tokenize in ("13a", "spaced"):
        assert bleu_corpus(["", " "], ["a b", "c"], tokenize=tokenize).value == 0  # type: ignore[arg-type]
        np.testing.assert_array_equal(bleu_sentence_mean(["", "a b c d"], ["a b", "a b c d"], tokenize=tokenize).per_case, [0, 100.00000000000004])  # type: ignore[arg-type]
    # the words it owes enter the brevity penalty
    assert bleu_corpus(["", "a b"], ["c d", "a b"], 1, "spaced").value == pytest.approx(100 * exp(-1))
    assert [part.value for part in rouge(["", "a b"], ["a b", "a b"])] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL"])
def test_rouge_is_that_of_the_library(kind: Any) -> None:
    scorer = rouge_scorer.RougeScorer([kind], use_stemmer=True)
    expected = np.array([scorer.score(r, h)[kind] for h, r in zip(HYPOTHESES, REFERENCES, strict=True)])
    scores = rouge(HYPOTHESES, REFERENCES, kind, stem=True)
    for column, score in enumerate(scores):
        np.testing.assert_allclose(score.per_case, expected[:, column])
        assert score.value == pytest.approx(expected[:, column].mean())
    assert [score.name for score in scores] == [f"{kind}-precision", f"{kind}-recall", f"{kind}-f1"]


def test_rouge_by_hand() -> None:
    # longest common subsequence 'a c' of 'a b c' (P 2/3) and 'a c d e' (R 2/4)
    precision, recall, f1 = rouge(["a b c"], ["a c d e"])
    assert (precision.value, recall.value, f1.value) == pytest.approx((2 / 3, 1 / 2, 4 / 7))
    assert rouge(["a b c"], [["x y", "A b, C!"]]).f1.value == 1
    assert rouge(["running"], ["runs"], "rouge1").f1.value == 0 and rouge(["running"], ["runs"], "rouge1", stem=True).f1.value == 1


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_rouge_precision_and_recall_swap(cases: list[tuple[list[str], list[str]]]) -> None:
    left, right = [" ".join(a) for a, _ in cases], [" ".join(b) for _, b in cases]
    for kind in ("rouge1", "rouge2", "rougeL"):
        there, back = rouge(left, right, kind), rouge(right, left, kind)  # type: ignore[arg-type]
        assert there.precision.value == pytest.approx(back.recall.value) and there.f1.value == pytest.approx(back.f1.value)


def test_trap_rouge_of_other_alphabets() -> None:
    with pytest.raises(DataError, match="reference 1 has no letter a-z and no digit"):
        rouge(["good", "好吃"], ["good", "好吃"])


def test_resampled_corpus_bleu_is_that_of_the_resampled_sentences() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 4, 4)
    for tokenize in ("13a", "spaced"):
        score = bleu_corpus(HYPOTHESES, REFERENCES, 2, tokenize)  # type: ignore[arg-type]
        again = bleu_corpus([HYPOTHESES[i] for i in drawn], [REFERENCES[i] for i in drawn], 2, tokenize)  # type: ignore[arg-type]
        assert score.weighted(np.bincount(drawn, minlength=4).astype(float)) == pytest.approx(again.value)


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "0 hypotheses but 0 references: give one of each per case, at least one"),
        (["a"], ["a", "b"], "1 hypotheses but 2 references"),
        (["a", "b"], ["a", " "], "reference 1 is empty: nothing can overlap"),
        (["a"], [[]], "reference 0 is empty"),
        (["a"], [["a", ""]], "reference 0 is empty"),
        ("a b", ["a", " ", "b"], "must be lists of texts, got one text"),
    ],
)
def test_bad_texts(hypotheses: Any, references: Any, message: str) -> None:
    for function in (bleu_corpus, bleu_sentence_mean, rouge):
        with pytest.raises(DataError, match=message):
            function(hypotheses, references)


def test_bad_settings() -> None:
    with pytest.raises(SettingError, match="n = 0: BLEU needs at least order 1"):
        bleu_corpus(["a"], ["a"], 0)
    with pytest.raises(SettingError, match="tokenize = 'space' is unknown: did you mean 'spaced'"):
        bleu_corpus(["a"], ["a"], 1, "space")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="smoothing = 'method7' is unknown: known are: add-k, exp, floor, none"):
        bleu_sentence_mean(["a"], ["a"], smoothing="method7")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="kind = 'rouge3' is unknown: did you mean 'rouge"):
        rouge(["a"], ["a"], "rouge3")  # type: ignore[arg-type]


def test_missing_packages_are_named_and_spaced_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] in ("sacrebleu", "rouge_score"):
            raise ImportError(name)
        return genuine(name, *rest, **more)

    for name in [name for name in sys.modules if name.split(".")[0] in ("sacrebleu", "rouge_score")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert bleu_corpus(["a b"], ["a b"], 2, "spaced").value == pytest.approx(100)
    with pytest.raises(MissingExtra, match=r"BLEU with 13a needs the package 'sacrebleu'. Install it with: pip install 'tastelm\[text\]'"):
        bleu_corpus(["a"], ["a"])
    with pytest.raises(MissingExtra, match="ROUGE needs the package 'rouge-score'"):
        rouge(["a"], ["a"])

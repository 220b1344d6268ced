"""Overlap of generated texts with references: BLEU and ROUGE. Hypotheses come first, references second; neither metric is symmetric.

BLEU is on the scale 0..100, ROUGE on 0..1, as their libraries have it. A reference is one text or several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from tastelm.errors import DataError, MissingExtra, SettingError, nearest
from tastelm.metrics.ngrams import ngrams, spaced
from tastelm.metrics.paired_text import TextScore, mean_score
from tastelm.metrics.ranks import FloatArray, IntArray

if TYPE_CHECKING:
    from sacrebleu import BLEU

References = Sequence[str | Sequence[str]]
Tokenize = Literal["13a", "spaced"]
Smoothing = Literal["none", "floor", "add-k", "exp"]
Kind = Literal["rouge1", "rouge2", "rougeL"]


def bleu_corpus(hypotheses: Sequence[str], references: References, n: int = 4, tokenize: Tokenize = "13a") -> TextScore:
    """Corpus BLEU-n x 100: clipped counts pooled over all sentences, brevity penalty against the closest reference length.

    tokenize  '13a': sacrebleu with its defaults (exponential smoothing of orders without a match), its signature is kept;
              'spaced': the convention of PETER and PEPLER, see `spaced`, unsmoothed: 0 if an order has no match at all
    An empty hypothesis matches nothing. Raises DataError for an empty reference, unequal lengths or no case, SettingError for n < 1 or
    an unknown tokenizer, MissingExtra without sacrebleu for '13a'. Source: Papineni et al. 2002; Post 2018.
    """
    table = bleu_statistics(hypotheses, references, n, tokenize)
    if tokenize == "spaced":
        signature = f"nrefs:{_n_references(references)}|case:mixed|eff:no|tok:spaced|smooth:none"
        return TextScore(f"bleu_corpus-{n}", len(table), lambda weights: _unsmoothed(weights @ table, n), signature)
    scorer = _sacrebleu(n, "corpus BLEU with 13a")
    several = [_several(reference) for reference in references]
    streams: list[list[Any]] = [[row[place] if place < len(row) else None for row in several] for place in range(max(map(len, several)))]
    scorer.corpus_score(hypotheses, streams)  # the signature is not known before
    signature = str(scorer.get_signature())
    return TextScore(f"bleu_corpus-{n}", len(table), lambda weights: _sacrebleu_score(scorer, weights @ table, n, "exp", False), signature)


def bleu_sentence_mean(
    hypotheses: Sequence[str],
    references: References,
    n: int = 4,
    *,
    smoothing: Smoothing = "exp",
    effective_order: bool = True,
    tokenize: Tokenize = "spaced",
) -> TextScore:
    """Mean of the sentences' own BLEU-n x 100: another metric than `bleu_corpus`, common for conversation systems.

    smoothing        of orders without a match, in sacrebleu's words: 'floor' is nltk's method 1 with .1, 'add-k' method 2, 'exp' method 3
    effective_order  True: orders longer than the hypothesis do not count; False: they make the sentence 0
    `per_case` holds the sentences' values. Raises as `bleu_corpus`, and SettingError for an unknown smoothing; needs sacrebleu.
    Source: Chen and Cherry 2014.
    """
    known = ("none", "floor", "add-k", "exp")
    if smoothing not in known:
        raise SettingError(f"smoothing = '{smoothing}' is unknown: {nearest(smoothing, known)}")
    table = bleu_statistics(hypotheses, references, n, tokenize)
    scorer = _sacrebleu(n, "sentence BLEU")
    values = np.array([_sacrebleu_score(scorer, row.astype(np.float64), n, smoothing, effective_order) for row in table])
    order = "yes" if effective_order else "no"
    signature = f"nrefs:{_n_references(references)}|case:mixed|eff:{order}|tok:{tokenize}|smooth:{smoothing}"
    return mean_score(f"bleu_sentence_mean-{n}", values, signature)


def ngram_precision(
    hypotheses: Sequence[str], references: References, n: int, tokenize: Tokenize = "spaced", *, brevity_penalty: bool = False
) -> TextScore:  # fmt: skip
    """Clipped n-gram precision of order n alone x 100, pooled over the corpus. It is not BLEU-n, which averages the orders 1..n.

    brevity_penalty  True: times the brevity penalty, which is what nltk calls BLEU with weights=(0, 1, 0, 0) for n = 2
    0 if no hypothesis has n tokens. Raises as `bleu_corpus`.
    """
    table = bleu_statistics(hypotheses, references, n, tokenize)

    def weighted(weights: FloatArray) -> float:
        row = weights @ table
        precision = 100 * row[n - 1] / max(row[2 * n - 1], 1)
        return float(precision * (_brevity(row[-2], row[-1]) if brevity_penalty else 1.0))

    return TextScore(f"ngram_precision-{n}", len(table), weighted, f"tok:{tokenize}|brevity penalty:{'yes' if brevity_penalty else 'no'}")


def bleu_statistics(hypotheses: Sequence[str], references: References, n: int = 4, tokenize: Tokenize = "spaced") -> IntArray:
    """(N, 2n + 2) int64, what BLEU is made of; corpus BLEU reads the sums of the columns.

    Columns: clipped matches of orders 1..n, n-grams of orders 1..n, tokens of the hypothesis, tokens of the reference of closest length
    (the shorter of two). Raises as `bleu_corpus`.
    """
    if n < 1:
        raise SettingError(f"n = {n}: BLEU needs at least order 1, 4 is usual.")
    if tokenize not in ("13a", "spaced"):
        raise SettingError(f"tokenize = '{tokenize}' is unknown: {nearest(tokenize, ('13a', 'spaced'))}")
    _check(hypotheses, references)
    several = [_several(reference) for reference in references]
    if tokenize == "spaced":
        rows = [_count(spaced(hypothesis), [spaced(text) for text in texts], n) for hypothesis, texts in zip(hypotheses, several, strict=True)]
    else:
        scorer = _sacrebleu(n, "BLEU with 13a", effective_order=True)
        scores = [scorer.sentence_score(hypothesis, texts) for hypothesis, texts in zip(hypotheses, several, strict=True)]
        rows = [[*score.counts, *score.totals, score.sys_len, score.ref_len] for score in scores]
    return np.array(rows, dtype=np.int64)


class Rouge(NamedTuple):
    """Three means over the sentences, each 0..1. The mean F1 is not the F1 of the means."""

    precision: TextScore
    recall: TextScore
    f1: TextScore


def rouge(hypotheses: Sequence[str], references: References, kind: Kind = "rougeL", *, stem: bool = False) -> Rouge:
    """ROUGE-1, ROUGE-2 (n-gram multisets) or ROUGE-L (longest common subsequence of the whole text) as Google's rouge-score has them.

    stem  True: Porter's stemmer on words of more than three letters
    Its tokenizer lower-cases and keeps a-z and 0-9 only. Of several references the one with the best F1 counts. An empty hypothesis is 0.
    Not to be mixed with the script of PETER and PEPLER, which weights and rounds differently. Raises DataError for a reference without
    such a token, unequal lengths or no case, SettingError for an unknown kind, MissingExtra without rouge-score. Source: Lin 2004.
    """
    known = ("rouge1", "rouge2", "rougeL")
    if kind not in known:
        raise SettingError(f"kind = '{kind}' is unknown: {nearest(kind, known)}")
    _check(hypotheses, references)
    try:
        from rouge_score import rouge_scorer, tokenizers
    except ImportError as error:
        raise MissingExtra("rouge-score", "text", "ROUGE") from error
    tokenizer = tokenizers.DefaultTokenizer(stem)
    scorer = rouge_scorer.RougeScorer([kind], tokenizer=tokenizer)
    rows = []
    for place, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        texts = _several(reference)
        if not all(tokenizer.tokenize(text) for text in texts):
            raise DataError(f"reference {place} has no letter a-z and no digit, which is all that ROUGE counts: leave the case out or use BLEU.")
        rows.append(scorer.score_multi(texts, hypothesis)[kind])
    table = np.array(rows, dtype=np.float64)
    signature = f"nrefs:{_n_references(references)}|rouge-score|stem:{'yes' if stem else 'no'}"
    precision, recall, f1 = (mean_score(f"{kind}-{part}", table[:, column], signature) for column, part in enumerate(("precision", "recall", "f1")))
    return Rouge(precision, recall, f1)


def _check(hypotheses: Sequence[str], references: References) -> None:
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise DataError("hypotheses and references must be lists of texts, got one text: put it into a list.")
    if len(hypotheses) != len(references) or not len(hypotheses):
        raise DataError(f"{len(hypotheses)} hypotheses but {len(references)} references: give one of each per case, at least one.")
    for place, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        if not isinstance(hypothesis, str):
            raise DataError(f"hypothesis {place} is no text but {type(hypothesis).__name__}: only references may be several. Are the two swapped?")
        texts = _several(reference)
        if not texts or not all(text.strip() for text in texts):
            raise DataError(f"reference {place} is empty: nothing can overlap with it. Leave the case out.")


def _several(reference: str | Sequence[str]) -> list[str]:
    return [reference] if isinstance(reference, str) else list(reference)


def _n_references(references: References) -> str:
    counts = {len(_several(reference)) for reference in references}
    return str(counts.pop()) if len(counts) == 1 else "var"


def _count(hypothesis: list[str], references: list[list[str]], n: int) -> list[int]:
    """One row of `bleu_statistics`; an n-gram matches as often as in the reference that has it most often."""
    matches, totals = [], []
    for order in range(1, n + 1):
        own = Counter(ngrams(hypothesis, order))
        theirs: Counter[Any] = Counter()
        for tokens in references:
            theirs |= Counter(ngrams(tokens, order))
        matches.append((own & theirs).total())
        totals.append(own.total())
    closest = min((len(tokens) for tokens in references), key=lambda length: (abs(length - len(hypothesis)), length))
    return [*matches, *totals, len(hypothesis), closest]


def _unsmoothed(row: FloatArray, n: int) -> float:
    """BLEU x 100 of summed statistics; 0 if any order has no match."""
    if not row[:n].all():
        return 0.0
    return float(100 * _brevity(row[-2], row[-1]) * np.exp(np.log(row[:n] / row[n : 2 * n]).mean()))


def _brevity(length: float, reference: float) -> float:
    return float(np.exp(min(0.0, 1 - reference / length))) if length else 0.0


def _sacrebleu(n: int, purpose: str, *, effective_order: bool = False) -> BLEU:
    try:
        from sacrebleu import BLEU
    except ImportError as error:
        raise MissingExtra("sacrebleu", "text", purpose) from error
    return BLEU(max_ngram_order=n, tokenize="13a", effective_order=effective_order)


def _sacrebleu_score(scorer: BLEU, row: FloatArray, n: int, smoothing: str, effective_order: bool) -> float:
    # it adds to the lists it is given
    matches, totals = row[:n].tolist(), row[n : 2 * n].tolist()
    return float(scorer.compute_bleu(matches, totals, int(row[-2]), int(row[-1]), smoothing, None, effective_order, n).score)

"""How predictable and how varied generated text is. Outputs are token lists (words or ids); a raw string is refused.

Four ratios of the literature go by the name Distinct-n; each has its own function here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tastelm.errors import DataError, SettingError
from tastelm.metrics.ngrams import ngram_table, token_lists
from tastelm.metrics.paired_text import TextScore, mean_score
from tastelm.metrics.ranks import FloatArray

Outputs = Sequence[Sequence[Hashable]]


def perplexity(nll: ArrayLike, tokens: ArrayLike, *, tokenizer: str, under: str | None = None) -> TextScore:
    """exp(total NLL / total scored tokens); not a mean of the perplexities of sentences or batches.

    nll        (N,) or (), >= 0: summed negative log-likelihood of each case in nats, without padding, dropout or label smoothing
    tokens     (N,) or (), whole numbers >= 0: tokens that were scored, the end token among them if it was
    tokenizer  what the tokens are: perplexities of two tokenizers are not comparable and are refused in `paired_bootstrap`
    under      name of the outside language model that scored generated text; None: the system's own model scored the references
    Raises DataError for shapes that differ, undefined or negative values or no token, SettingError for an empty tokenizer name.
    """
    if not tokenizer.strip():
        raise SettingError("tokenizer = '': name the tokenizer whose tokens were scored, for example 'smollm2-bpe-49152'.")
    total, scored = _totals(nll, tokens, "tokens")
    signature = f"tokenizer {tokenizer}, {f'under {under}' if under else 'own model'}"
    return TextScore("perplexity", len(total), lambda weights: float(np.exp(weights @ total / (weights @ scored))), signature)


def bits_per_character(nll: ArrayLike, characters: ArrayLike, *, under: str | None = None) -> TextScore:
    """Total NLL / (ln 2 x total characters): what remains comparable when tokenizers differ. Arguments as for `perplexity`.

    characters  (N,) or (), whole numbers >= 0: length of the scored texts in characters, the same for every tokenizer
    """
    total, length = _totals(nll, characters, "characters")
    signature = f"under {under}" if under else "own model"
    return TextScore("bits_per_character", len(total), lambda weights: float(weights @ total / (np.log(2) * (weights @ length))), signature)


def distinct_corpus(outputs: Outputs, n: int) -> TextScore:
    """Different n-grams / all n-grams of all outputs together, 0..1; 0 without any n-gram. Source: Li et al. 2016.

    It falls as the corpus grows, for the same way of writing: compare only equal numbers of tokens, or use `distinct_adjusted`.
    """
    table = ngram_table(outputs, n)
    return TextScore(
        f"distinct_corpus-{n}", table.shape[1], lambda weights: float((table @ weights > 0).sum() / max((table @ weights).sum(), 1)), distinct=True,
        within=(0, 1),
    )  # fmt: skip


def distinct_adjusted(outputs: Outputs, n: int, *, vocabulary: int) -> TextScore:
    """Expectation-adjusted distinct: different n-grams / those that as many draws from V equally likely n-grams would show.

    vocabulary  V >= the n-grams seen: n-grams that could occur, for n = 1 the size of the vocabulary; the same for all systems compared
    U / (V (1 - (1 - 1/V)^C)) with U different of C n-grams; 0 without any n-gram. Hardly depends on the length of the outputs.
    Raises SettingError if V is smaller than what occurs. Source: Liu et al. 2022, equation 3.
    """
    table = ngram_table(outputs, n)
    if vocabulary < max(table.shape[0], 1):
        raise SettingError(f"vocabulary = {vocabulary} is smaller than the {table.shape[0]} different {n}-grams of the outputs: give how many could occur.")

    def weighted(weights: FloatArray) -> float:
        counts = table @ weights
        expected = -vocabulary * np.expm1(counts.sum() * np.log1p(-1 / vocabulary)) if vocabulary > 1 else 1.0
        return float((counts > 0).sum() / expected) if counts.any() else 0.0

    return TextScore(f"distinct_adjusted-{n}", table.shape[1], weighted, f"vocabulary {vocabulary}", distinct=True)


def distinct_sentence_mean(outputs: Outputs, n: int) -> TextScore:
    """Mean over the outputs of different n-grams / n-grams within the output ("intra"), 0..1.

    An output shorter than n has no value (NaN in `per_case`) and is skipped; 0 if all are.
    """
    table = ngram_table(outputs, n)
    different, total = np.asarray((table > 0).sum(0), np.float64).ravel(), np.asarray(table.sum(0)).ravel()
    return mean_score(f"distinct_sentence_mean-{n}", np.divide(different, total, out=np.full(len(total), np.nan), where=total > 0), empty=0.0)


def distinct_per_sentence_count(outputs: Outputs, n: int) -> TextScore:
    """Different n-grams of all outputs / number of outputs, as conversation systems report it: values above 1 are common, 0 without output.

    KGSF, UniCRS and MESE print this as Dist-n. It falls as the number of outputs grows.
    """
    table = ngram_table(outputs, n)
    return TextScore(
        f"distinct_per_sentence_count-{n}", table.shape[1], lambda weights: float((table @ weights > 0).sum() / max(weights.sum(), 1)), distinct=True
    )  # fmt: skip


def entropy_n(outputs: Outputs, n: int) -> TextScore:
    """Shannon entropy of the n-grams of all outputs together, in nats; 0 without any n-gram. Source: Zhang et al. 2018 (Ent-n)."""
    table = ngram_table(outputs, n)

    def weighted(weights: FloatArray) -> float:
        counts = table @ weights
        shares = counts[counts > 0] / max(counts.sum(), 1)
        return float(abs(shares @ np.log(shares)))  # never positive before abs, which also turns -0. into 0.

    return TextScore(f"entropy-{n}", table.shape[1], weighted, distinct=True)


def usr(outputs: Outputs, *, end: Hashable | None = None) -> TextScore:
    """Unique sentence ratio: different outputs / outputs, 0..1; same means the same tokens in the same order, so case counts.

    end  token that ends an output; it and all that follows are cut before outputs are compared. None: nothing is cut
    `counts["unique"]` is the number of different outputs. Raises DataError for raw strings or no output. Source: Li et al. 2020 (NETE).
    """
    cut = [tokens[: tokens.index(end)] if end is not None and end in tokens else tokens for tokens in token_lists(outputs)]
    if not cut:
        raise DataError("no output: the ratio of unique sentences needs at least one.")
    codes: dict[tuple[Hashable, ...], int] = {}
    kind = np.array([codes.setdefault(tokens, len(codes)) for tokens in cut])
    return TextScore(
        "usr",
        len(cut),
        lambda weights: float((np.bincount(kind, weights) > 0).sum() / weights.sum()),
        "the same tokens in the same order are one",
        counts={"unique": len(codes)},
        distinct=True,
        within=(0, 1),
    )


def _totals(nll: ArrayLike, units: ArrayLike, what: str) -> tuple[FloatArray, FloatArray]:
    total, counted = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (nll, units))
    if total.ndim != 1 or total.shape != counted.shape:
        raise DataError(f"nll has shape {total.shape}, {what} {counted.shape}: give one of each per case.")
    if not (np.isfinite(total).all() and (total >= 0).all()):
        raise DataError("nll holds negative or undefined values: give the summed negative log-likelihood of each case in nats.")
    if not ((counted >= 0).all() and (counted == np.round(counted)).all() and np.isfinite(counted).all() and counted.sum()):
        raise DataError(f"{what} must be whole numbers from 0 up, at least one of them above 0.")
    return total, counted

"""Do explanations name features, the right ones and many of them? FMR, FCR and DIV of NETE, PETER and PEPLER.

Outputs are token lists; a feature is written as words with blanks between. A feature is found where its words stand in the output one
after the other, exactly as written: lower-case both, or neither, beforehand. The authors' code finds features of one word only.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from scipy import sparse

from tastelm.errors import DataError
from tastelm.metrics.ngrams import Tokens, ngrams, token_lists
from tastelm.metrics.paired_text import TextScore, mean_score
from tastelm.metrics.ranks import FloatArray

Outputs = Sequence[Sequence[Hashable]]
# When a feature is named; part of every signature.
NAMED = "a feature is named where all its words stand one after the other"


def fmr(outputs: Outputs, gold: Sequence[str]) -> TextScore:
    """Feature matching ratio: share of the outputs in which the feature of the true explanation is found, 0..1; `per_case` is 0 or 1.

    gold  one feature per output
    It is high by construction for a system that was given the feature. Raises DataError for raw strings as outputs, an empty feature,
    unequal lengths or no output. Source: Li et al. 2020 (NETE).
    """
    tokens, wanted = token_lists(outputs), _features(gold)
    if len(tokens) != len(wanted) or not tokens:
        raise DataError(f"{len(tokens)} outputs but {len(wanted)} gold features: give one of each per case, at least one.")
    return mean_score(
        "fmr", np.array([feature in ngrams(output, len(feature)) for output, feature in zip(tokens, wanted, strict=True)], dtype=np.float64), NAMED
    )


def fcr(outputs: Outputs, features: Sequence[str]) -> TextScore:
    """Feature coverage ratio: features found in any output / all features, 0..1.

    features  every feature of the data, training and test; repetitions count once
    It grows with the number of outputs. Raises DataError for raw strings as outputs, an empty feature, no feature or no output.
    Source: Li et al. 2020 (NETE).
    """
    found = found_features(outputs, features)
    return TextScore(
        "fcr", found.shape[1], lambda weights: float((found @ weights > 0).mean()), f"{found.shape[0]} features, {NAMED}", distinct=True, within=(0, 1)
    )


def div(outputs: Outputs, features: Sequence[str]) -> TextScore:
    """Feature diversity: mean number of features that two outputs share, over all pairs of outputs, >= 0; LOWER is better.

    Worked out from how many outputs each feature is found in: sum_f C(n_f, 2) / C(N, 2), the same number without going over the pairs.
    Undefined for one output. Raises DataError then, and as `fcr`. Source: Li et al. 2020 (NETE).
    """
    found = found_features(outputs, features)
    if found.shape[1] < 2:
        raise DataError("1 output: DIV compares pairs of outputs and is undefined for fewer than two.")

    def weighted(weights: FloatArray) -> float:
        counts, n = found @ weights, weights.sum()
        return float(counts @ (counts - 1) / (n * (n - 1))) if n > 1 else float("nan")

    return TextScore("div", found.shape[1], weighted, f"{found.shape[0]} features, {NAMED}", distinct=True, within=(0, np.inf))


def found_features(outputs: Outputs, features: Sequence[str]) -> sparse.csr_matrix:
    """(F, N) float64, 1 where one of the F different features is found in one of the N outputs. Raises as `fcr`."""
    tokens, codes = token_lists(outputs), {feature: code for code, feature in enumerate(dict.fromkeys(_features(features)))}
    if not tokens or not codes:
        raise DataError(f"{len(tokens)} outputs and {len(codes)} features: at least one of each is needed.")
    lengths = sorted({len(feature) for feature in codes})
    found = [sorted({codes[gram] for length in lengths for gram in ngrams(output, length) if gram in codes}) for output in tokens]
    rows = np.array([code for row in found for code in row], dtype=np.int64)
    columns = np.repeat(np.arange(len(found)), [len(row) for row in found])
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (len(codes), len(tokens)))


def _features(features: Sequence[str]) -> list[Tokens]:
    split: list[Tokens] = [tuple(feature.split()) for feature in features]
    if () in split:
        raise DataError(f"feature {split.index(())} is empty: every output would name it. Leave it out.")
    return split

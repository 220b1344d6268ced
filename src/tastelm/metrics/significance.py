"""How sure a difference is: bootstrap intervals over cases, a paired randomisation test, and Holm's correction for many comparisons.

Values are per case; NaN marks a case in which the metric is undefined, and it is skipped wherever it occurs. If one user has several
cases, average them first: users are the independent units.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tastelm.errors import DataError, SettingError
from tastelm.metrics.ranks import FloatArray

Key = TypeVar("Key", bound=Hashable)

_CHUNK = 1 << 21  # resampled numbers held at once: 16 MB as float64


def bootstrap_ci(values: ArrayLike, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Percentile bootstrap interval of the mean over cases.

    values     (M, C) or (C,), NaN = skipped; all M metrics see the same resamples, so that their intervals belong together
    resamples  >= 1
    level      0 < level < 1
    Returns (low, high), each (M,), or () for values (C,); NaN where a metric has no value at all.
    Raises DataError without cases, SettingError if a setting is out of range.
    Source: Efron and Tibshirani 1993, chapter 13.
    """
    _check(resamples, level)
    table = np.asarray(values, dtype=np.float64)
    if table.ndim not in (1, 2) or table.shape[-1] == 0:
        raise DataError(f"values must be (metrics, cases) or (cases,) with at least one case, got shape {table.shape}.")
    low, high = _percentiles(_resampled_means(np.atleast_2d(table), resamples, seed), level)
    return low.reshape(table.shape[:-1]), high.reshape(table.shape[:-1])


def stratified_ci(
    strata: Sequence[ArrayLike], resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Percentile bootstrap interval of the mean of the strata's means, each of equal weight; cases are resampled within their stratum.

    strata  one or more arrays, each (M, C_s), NaN = skipped: M metrics, and as many cases as the stratum has
    Returns (low, high), each (M,). Raises DataError without strata or cases, or where M differs, SettingError if a setting is out of range.
    Source: Efron and Tibshirani 1993, chapter 8 (several samples).
    """
    _check(resamples, level)
    tables = [np.asarray(values, dtype=np.float64) for values in strata]
    shapes = [table.shape for table in tables]
    if not tables or any(len(shape) != 2 or shape[1] == 0 or shape[0] != shapes[0][0] for shape in shapes):
        raise DataError(f"strata must be arrays (metrics, cases) of equally many metrics with at least one case each, got shapes {shapes}.")
    means = [_resampled_means(table, resamples, (seed, place)) for place, table in enumerate(tables)]
    return _percentiles(np.mean(means, axis=0), level)


def ratio_ci(a: ArrayLike, b: ArrayLike, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of mean(a) / mean(b), both means over the same resampled cases.

    a, b  (C,) values of two systems; a case undefined (NaN) in either is skipped
    NaN where b's mean is 0 in every resample. Raises DataError if the case counts differ or no case has both values.
    """
    _check(resamples, level)
    both = ~np.isnan(_differences(a, b, "the first system", "the second"))
    means = _resampled_means(np.stack([np.asarray(values, dtype=np.float64)[both] for values in (a, b)]), resamples, seed)
    ratios = np.divide(means[:, 0], means[:, 1], out=np.full(resamples, np.nan), where=means[:, 1] != 0)
    low, high = _percentiles(ratios[:, None], level)
    return float(low[0]), float(high[0])


def _resampled_means(rows: FloatArray, resamples: int, seed: int | tuple[int, int]) -> FloatArray:
    """(M, C) -> (R, M) means over resampled cases, the same ones for every row; NaN where a resample meets no value of a row."""
    n_cases = rows.shape[1]
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0).T
    # a metric without gaps is divided by C; only those with gaps need their own count
    gaps = np.flatnonzero(~known.all(axis=1))
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, len(rows)))
    for start, size in _chunks(resamples, n_cases):
        drawn = rng.integers(0, n_cases, size=(size, n_cases)) + n_cases * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n_cases).reshape(size, n_cases).astype(np.float64)
        sums = counts @ filled
        used = np.full_like(sums, n_cases)
        if gaps.size:
            used[:, gaps] = counts @ known[gaps].T.astype(np.float64)
        # a resample may miss every known case of a sparse metric: it then says nothing about that metric
        means[start : start + size] = np.divide(sums, used, out=np.full_like(sums, np.nan), where=used > 0)
    return means


def _percentiles(means: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """(R, M) -> low and high, each (M,), that leave out equal tails; NaN for a column without a number."""
    tail = 100 * (1 - level) / 2
    bounds = np.full((2, means.shape[1]), np.nan)
    for row, column in enumerate(means.T):
        if not np.isnan(column).all():
            bounds[:, row] = np.percentile(column[~np.isnan(column)], [tail, 100 - tail])
    return bounds[0], bounds[1]


def paired_test(a: ArrayLike, b: ArrayLike, seed: int = 0, resamples: int = 9999) -> float:
    """Two-sided p-value of a sign-flip randomisation test on the differences of the same cases.

    a, b       (C,) values of two systems; a case undefined (NaN) in either is skipped
    resamples  >= 1: random sign patterns; the smallest possible p is 1 / (resamples + 1)
    Under the null hypothesis either system could have given either value, so each difference may change its sign.
    p = (1 + patterns at least as extreme) / (1 + patterns), so it is never 0 and the test keeps its level.
    Raises DataError if the case counts differ or no case has both values, SettingError for resamples < 1.
    Source: Smucker, Allan and Carterette 2007; the +1 is Phipson and Smyth 2010.
    """
    _check(resamples, 0.5)
    return float(_sign_flip(_differences(a, b, "the first system", "the second")[None], seed, resamples)[0])


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Holm's step-down correction: p-values that may be read together, in the order given; each >= its original, <= 1.

    Raises DataError for a value outside 0..1. Source: Holm 1979.
    """
    p = np.array(list(p_values.values()), dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"p-values must lie in 0..1, got {dict(p_values)}.")
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    # the smallest p counts for all m comparisons, the next for m - 1, and none may end up smaller than one before it
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return dict(zip(p_values, corrected.tolist(), strict=True))


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same cases, one metric.

    difference  mean of a - b over the `cases` in which both have a value
    low, high   bootstrap interval of that mean
    p           two-sided sign-flip p-value; p_holm the same, corrected for all comparisons made together
    """

    system_a: str
    system_b: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    cases: int


def compare_systems(
    values: Mapping[str, ArrayLike],
    *,
    pairs: Literal["best", "all"] = "best",
    higher_is_better: bool = True,
    seed: int = 0,
    resamples: int = 9999,
    level: float = 0.95,
) -> list[Comparison]:
    """Compare systems on one metric: the best with each of the others, or all pairs.

    values            name -> (C,) values of the same cases in the same order
    pairs             'best' (the best mean against the rest, in the order given) or 'all'
    higher_is_better  which end is the best, see `Metric.higher_is_better`
    resamples         sign patterns of the tests; intervals use 1000 resamples
    All comparisons share their resamples. Raises DataError if case counts differ or fewer than two systems are given.
    """
    _check(resamples, level)
    if pairs not in ("best", "all"):
        raise SettingError(f"pairs = '{pairs}' is unknown: choose 'best' or 'all'.")
    if len(values) < 2:
        raise DataError(f"a comparison needs at least two systems, got {len(values)}.")
    chosen = list(combinations(values, 2))
    if pairs == "best":
        best = _best(values, higher_is_better)
        chosen = [(best, rival) for rival in values if rival != best]
    table = np.stack([_differences(values[a], values[b], a, b) for a, b in chosen])
    p = dict(zip(chosen, _sign_flip(table, seed, resamples).tolist(), strict=True))
    p_holm = holm(p)
    low, high = bootstrap_ci(table, seed=seed, level=level)
    return [
        Comparison(*pair, float(np.nanmean(row)), float(low[i]), float(high[i]), p[pair], p_holm[pair], int((~np.isnan(row)).sum()))
        for i, (pair, row) in enumerate(zip(chosen, table, strict=True))
    ]


def _best(values: Mapping[str, ArrayLike], higher_is_better: bool) -> str:
    means = {}
    for name, row in values.items():
        array = np.asarray(row, dtype=np.float64)
        known = array[~np.isnan(array)]
        if not known.size:
            raise DataError(f"{name} has no case with a value: there is nothing to compare.")
        means[name] = float(known.mean())
    return (max if higher_is_better else min)(means, key=lambda name: means[name])


def _differences(a: ArrayLike, b: ArrayLike, name_a: str, name_b: str) -> FloatArray:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise DataError(f"{name_a} has values of shape {first.shape}, {name_b} of {second.shape}: a paired comparison needs the same cases for both.")
    difference = first - second
    if np.isnan(difference).all():
        raise DataError(f"{name_a} and {name_b} have no case in which both have a value: there is nothing to compare.")
    return difference


def _sign_flip(differences: FloatArray, seed: int, resamples: int) -> FloatArray:
    """(M, C) -> (M,) p-values; all rows share their sign patterns, so that the patterns are drawn once."""
    table = np.nan_to_num(differences, nan=0.0)
    table = table[:, (table != 0).any(axis=0)]  # a zero stays zero with either sign: most cases of a hit rate drop out here
    n_cases = table.shape[1]
    total = table.sum(axis=1)
    # sums are equal up to rounding when patterns merely permute equal differences; such ties must count as extreme
    bar = np.abs(total) - 1e-12 * np.abs(table).sum(axis=1)
    rng = np.random.default_rng(seed)
    extreme = np.zeros(len(table), dtype=np.int64)
    for _, size in _chunks(resamples, n_cases):
        bits = rng.integers(0, 256, size=(size, -(-n_cases // 8)), dtype=np.uint8)
        kept = np.unpackbits(bits, axis=1, count=n_cases).astype(np.float64)
        # with 1 for + and 0 for -, the signed sum is twice the kept part less the total
        extreme += (np.abs(2 * (kept @ table.T) - total) >= bar).sum(axis=0)
    return (1 + extreme) / (1 + resamples)


def _chunks(resamples: int, n_cases: int) -> list[tuple[int, int]]:
    """(start, size) of runs of resamples that together hold at most `_CHUNK` numbers."""
    step = max(1, _CHUNK // max(1, n_cases))
    return [(start, min(step, resamples - start)) for start in range(0, resamples, step)]


def _check(resamples: int, level: float) -> None:
    if resamples < 1:
        raise SettingError(f"resamples = {resamples}: at least 1 is needed, 1000 is usual.")
    if not 0 < level < 1:
        raise SettingError(f"level = {level}: it must lie between 0 and 1, for example 0.95.")

"""Ranking metrics: how high the targets stand. G targets of a case, k places that count, relevance is yes or no.

Ties are fair: with one target a metric is its expected value over all orders of the tied candidates, in closed form, so that a constant
scorer gets exactly the value of random guessing, HR@k = min(k, candidates) / candidates. With several targets one order is drawn
(`resolve_ties`). A target that is no candidate is a miss, never skipped. Definitions that differ between libraries are named at each
metric. All functions take (ranks, k) and return (C,) float64 in 0..1.
"""

from __future__ import annotations

import numpy as np

from tastelm.metrics.base import declare
from tastelm.metrics.ranks import FloatArray, Ranks


@declare("hr", reads="ranks")
def hit_rate(ranks: Ranks, k: int) -> FloatArray:
    """Hit rate: 1 if any target is among the first k. Equals recall when there is one target; also called Success@k."""
    settled = ranks.settled
    return _expected(settled, _ones(ranks, k))[settled.offsets[:-1]]


@declare("recall", reads="ranks")
def recall(ranks: Ranks, k: int) -> FloatArray:
    """Recall: share of the targets among the first k, |G in top k| / |G|."""
    return _hits(ranks, k) / ranks.n_targets


@declare("recall_capped", reads="ranks")
def recall_capped(ranks: Ranks, k: int) -> FloatArray:
    """Recall divided by min(k, |G|), so that 1 can be reached with more than k targets (Liang et al. 2018, Mult-VAE)."""
    return _hits(ranks, k) / np.minimum(ranks.n_targets, k)


@declare("precision", reads="ranks")
def precision(ranks: Ranks, k: int) -> FloatArray:
    """Precision: share of the k places that hold a target; divided by k even where fewer than k candidates exist (trec_eval)."""
    return _hits(ranks, k) / k


@declare("f1", reads="ranks")
def f1(ranks: Ranks, k: int) -> FloatArray:
    """F1: harmonic mean of precision and recall of each case, then averaged (not the F1 of the averages)."""
    # with h hits P = h/k and R = h/|G|, so 2PR / (P + R) = 2h / (k + |G|): linear in h, hence exact in expectation, and 0 at h = 0
    return 2 * _hits(ranks, k) / (k + ranks.n_targets)


@declare("ndcg", reads="ranks")
def ndcg(ranks: Ranks, k: int) -> FloatArray:
    """NDCG: sum of 1/log2(place + 1) over the targets in the first k, divided by the same sum for min(k, |G|) targets on top."""
    most = int(max(ranks.n_candidates.max(initial=0), ranks.n_targets.max(initial=0)))
    discount: FloatArray = 1 / np.log2(np.arange(2, min(k, most) + 2))
    ideal: FloatArray = np.cumsum(discount)[np.minimum(ranks.n_targets, k) - 1]
    # the two sums are added in different orders; without the cap a perfect list may come out at 1 + 2e-16
    gained = _per_case(_expected(ranks.settled, discount), ranks)
    return np.minimum(gained / ideal, 1.0)


@declare("mrr", reads="ranks", k="optional")
def reciprocal_rank(ranks: Ranks, k: int | None) -> FloatArray:
    """MRR: 1 / place of the best target, 0 beyond k. (MIND averages over all targets instead: another metric.)"""
    settled = ranks.settled
    return _expected(settled, _reciprocals(ranks, k))[settled.offsets[:-1]]


@declare("map", reads="ranks", k="optional")
def average_precision(ranks: Ranks, k: int | None) -> FloatArray:
    """MAP: sum of the precision at the place of each target in the first k, divided by min(|G|, k); without k by |G|.

    trec_eval divides by |G| also with k. Dividing by the targets found, as some code does, inflates: not offered.
    """
    settled = ranks.settled
    found = np.arange(settled.above.size) - settled.offsets[settled.case] + 1  # the n-th best target of a case has n targets up to it
    total = _per_case(found * _expected(settled, _reciprocals(ranks, k)), ranks)
    # a single closed-form sum may exceed its bound by a rounding
    return np.minimum(total / (ranks.n_targets if k is None else np.minimum(ranks.n_targets, k)), 1.0)


@declare("auc", reads="ranks", k="none")
def auc(ranks: Ranks, k: None = None) -> FloatArray:
    """AUC: chance that a target scores above a candidate that is no target, ties count half. NaN (skipped) without such candidates.

    A mean of per-case values; one AUC over the pooled pairs of all cases is another number. Targets that are no candidates lose all.
    """
    places = np.where(ranks.present, ranks.above + ranks.tied / 2, 0.0)
    there = _per_case(ranks.present.astype(np.float64), ranks)
    negatives = ranks.n_candidates - there
    # Of two targets either one is above the other (1 + 0) or both tie (1/2 + 1/2): in a case of m candidates that are targets their
    # mutual comparisons add up to m(m-1)/2, whatever the scores. What is left are losses against negatives.
    losses = _per_case(places, ranks) - there * (there - 1) / 2 + (ranks.n_targets - there) * negatives
    pairs = ranks.n_targets * negatives
    return np.where(pairs > 0, 1 - losses / np.maximum(pairs, 1), np.nan)


def _per_case(values: FloatArray, ranks: Ranks) -> FloatArray:
    """(P,) -> (C,) sums over the targets of each case; no case is empty, as reduceat needs."""
    return np.add.reduceat(values, ranks.offsets[:-1]) if values.size else np.zeros(0)


def _hits(ranks: Ranks, k: int) -> FloatArray:
    """(C,) expected number of targets in the first k."""
    return _per_case(_expected(ranks.settled, _ones(ranks, k)), ranks)


def _ones(ranks: Ranks, k: int) -> FloatArray:
    return np.ones(_places(ranks, k))


def _reciprocals(ranks: Ranks, k: int | None) -> FloatArray:
    return 1 / np.arange(1, _places(ranks, k) + 1)


def _places(ranks: Ranks, k: int | None) -> int:
    """Places that can be worth something: k, but no more than the longest list has (a huge k must not build a huge table)."""
    longest = int(ranks.n_candidates.max(initial=0))
    return longest if k is None else min(k, longest)


def _expected(settled: Ranks, gain: FloatArray) -> FloatArray:
    """(P,) expected gain of each target: gain (J,) is worth of places 0..J-1, later places are worth nothing.

    A tied target is uniform over places above..above+tied, so its expectation is a difference of two cumulative sums.
    """
    beyond = gain.size
    first = np.minimum(settled.above, beyond)
    value = np.append(gain, 0.0)[first]
    loose = np.flatnonzero(settled.tied)  # the untied keep the exact table value: a difference of sums would round it
    if loose.size:
        total = np.concatenate(([0.0], np.cumsum(gain)))
        end = np.minimum(settled.above[loose] + settled.tied[loose] + 1, beyond)
        value[loose] = (total[end] - total[first[loose]]) / (settled.tied[loose] + 1)
    return np.where(settled.present, value, 0.0)

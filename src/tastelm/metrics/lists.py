"""Metrics beyond accuracy: what the lists look like, whether or not they hit. All functions take (lists, k); -1 is no item.

Popularity of an item is its number of training interactions. A case with an empty list has no value (NaN) and is skipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastelm.metrics.base import Lists, declare
from tastelm.metrics.ranks import FloatArray, IntArray

_CHUNK = 1 << 22  # numbers held at once by `diversity`: 32 MB


@declare("coverage", reads="lists", per_case=False)
def coverage(lists: Lists, k: int) -> float:
    """Coverage: share of the catalogue that is recommended to anyone, 0..1."""
    return float((_exposure(lists, k) > 0).sum() / lists.n_items)


@declare("gini", reads="lists", per_case=False, higher_is_better=False)
def gini(lists: Lists, k: int) -> float:
    """Gini index of exposure: 0 = every item is recommended equally often, 1 - 1/n_items = one item takes all. NaN without any item."""
    exposure = np.sort(_exposure(lists, k))
    n, total = lists.n_items, int(exposure.sum())
    if total == 0:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ exposure / (n * total))


@declare("novelty", reads="lists")
def novelty(lists: Lists, k: int) -> FloatArray:
    """Novelty: mean surprise -log2 p(item) of the list in bits, >= 0. p = (popularity + 1) / (total + n_items).

    Source: Zhou et al. 2010; the added one is ours and keeps items without training interactions finite.
    """
    surprise = np.log2(lists.popularity.sum() + lists.n_items) - np.log2(lists.popularity + 1)
    return _mean_over_list(surprise, lists, k)


@declare("popularity", reads="lists", higher_is_better=False)
def popularity(lists: Lists, k: int) -> FloatArray:
    """Average recommendation popularity (ARP): mean training interactions of the list's items, >= 0."""
    return _mean_over_list(lists.popularity, lists, k)


@declare("popularity_lift", reads="lists", higher_is_better=False, needs=("history_popularity",))
def popularity_lift(lists: Lists, k: int) -> FloatArray:
    """Popularity lift: (ARP of the list - ARP of the history) / ARP of the history, >= -1; 0 = as popular as what the user had.

    NaN for an empty history and for a history without any training interaction (Abdollahpouri et al. 2020, for single users).
    """
    assert lists.history_popularity is not None  # Metric has checked `needs`
    history = np.where(lists.history_popularity > 0, lists.history_popularity, np.nan)
    return (_mean_over_list(lists.popularity, lists, k) - history) / history


@declare("diversity", reads="lists", needs=("vectors",))
def diversity(lists: Lists, k: int) -> FloatArray:
    """Intra-list diversity: mean of 1 - cosine over all pairs of the list, 0..2. NaN with fewer than two items.

    A zero vector has cosine 0 with everything. Needs item vectors.
    """
    assert lists.vectors is not None  # Metric has checked `needs`
    items = lists.top(k)
    length = np.sqrt(np.einsum("nd,nd->n", lists.vectors, lists.vectors, dtype=np.float64))
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    cosines = np.empty(len(items))
    step = max(1, _CHUNK // max(1, lists.vectors.shape[1]))
    for start in range(0, len(items), step):
        part = items[start : start + step]
        # the cosines of all pairs at once: |sum of unit vectors|^2 = sum of |unit|^2 + 2 * sum of cosines over pairs
        total = np.zeros((len(part), lists.vectors.shape[1]))
        own = np.zeros(len(part))
        for place in part.T:
            weight = np.where(place >= 0, scale[place], 0.0)
            total += lists.vectors[place] * weight[:, None]
            own += weight > 0
        cosines[start : start + step] = (np.einsum("cd,cd->c", total, total) - own) / 2
    count = (items >= 0).sum(axis=1)
    pairs = count * (count - 1) / 2
    return np.where(pairs > 0, np.clip(1 - cosines / np.maximum(pairs, 1), 0.0, 2.0), np.nan)


def _exposure(lists: Lists, k: int) -> IntArray:
    """(n_items,) how often each item is recommended."""
    items = lists.top(k)
    return np.bincount(items[items >= 0], minlength=lists.n_items)


def _mean_over_list(value: FloatArray, lists: Lists, k: int) -> FloatArray:
    """(n_items,) -> (C,) mean over the items of each list, NaN for an empty list."""
    items: NDArray[np.int32] = lists.top(k)
    there = items >= 0
    count = there.sum(axis=1)
    return np.where(count > 0, (value[items] * there).sum(axis=1) / np.maximum(count, 1), np.nan)

"""k-means that gives the same clusters for the same seed, and no empty one while there are different points to fill it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastelm.item_tokens.base import Codes

Points = NDArray[np.float32]

ROUNDS = 50
_BLOCK = 1 << 22  # distances held at once: 16 MB


def kmeans(points: Points, count: int, rng: np.random.Generator) -> tuple[Codes, Points]:
    """(N, D) points -> (N,) cluster of each, and (K, D) the means of the clusters.

    K is `count`, or the number of different points where that is smaller. Starts by k-means++ (Arthur and Vassilvitskii 2007), then at most
    50 rounds of Lloyd; a cluster that loses all its points starts again at the point that is farthest from its own mean.
    """
    centres = _start(points, count, rng)
    labels = np.full(len(points), -1)
    for _ in range(ROUNDS):
        found, distances = _nearest(points, centres)
        empty = np.flatnonzero(np.bincount(found, minlength=len(centres)) == 0)
        found[np.argsort(-distances, kind="stable")[: len(empty)]] = empty
        if np.array_equal(found, labels):
            break
        labels = found
        centres = _means(points, labels, centres)
    return labels, centres


def _start(points: Points, count: int, rng: np.random.Generator) -> Points:
    """Each next centre is a point drawn by its squared distance from the centres so far."""
    chosen = [int(rng.integers(len(points)))]
    distances = _squares(points, points[chosen[0]])
    while len(chosen) < count and distances.any():
        mass = np.cumsum(distances, dtype=np.float64)
        # The draw may equal the total by rounding; and a point at distance 0 must not be drawn again.
        place = int(np.searchsorted(mass, rng.random() * mass[-1], side="right"))
        chosen.append(min(place, int(np.flatnonzero(distances)[-1])))
        distances = np.minimum(distances, _squares(points, points[chosen[-1]]))
    return points[chosen]


def _squares(points: Points, centre: Points) -> Points:
    """Exactly 0 for a point that equals the centre, which the expanded square is not."""
    apart = points - centre
    return np.asarray(np.einsum("nd,nd->n", apart, apart))


def _nearest(points: Points, centres: Points) -> tuple[Codes, Points]:
    """(N,) the nearest centre of each point, and the squared distance but for rounding."""
    labels, distances = np.empty(len(points), np.int64), np.empty(len(points), np.float32)
    lengths = np.einsum("kd,kd->k", centres, centres)
    step = max(1, _BLOCK // len(centres))
    for start in range(0, len(points), step):
        block = points[start : start + step]
        away = lengths - 2 * (block @ centres.T)
        nearest = away.argmin(1)
        labels[start : start + step] = nearest
        distances[start : start + step] = away[np.arange(len(block)), nearest] + np.einsum("nd,nd->n", block, block)
    return labels, distances


def _means(points: Points, labels: Codes, centres: Points) -> Points:
    """(K, D) means of the points of each cluster; the old centre where there are none."""
    counts = np.bincount(labels, minlength=len(centres))
    member = sparse.csr_array((np.ones(len(points), np.float32), (labels, np.arange(len(points)))), shape=(len(centres), len(points)))
    means = (member @ points) / np.maximum(counts, 1)[:, None].astype(np.float32)
    return np.where(counts[:, None] > 0, means, centres).astype(np.float32)

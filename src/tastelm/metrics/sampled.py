"""What a full rank would have become among sampled negatives, to read papers that ranked the target against, say, 99 random items.

The way back does not exist: many full ranks share one sampled rank, and sampling can reverse the order of two systems (Krichene and
Rendle 2020). Only uniform sampling without replacement is covered; popularity-sampled negatives need the popularities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tastelm.errors import SettingError
from tastelm.metrics.ranks import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class SampledRank:
    """The distribution of the rank among sampled negatives: rank - 1 ~ hypergeometric(n_candidates - 1, full rank - 1, negatives).

    rank          (P,) int64, 1..n_candidates: true place of the target among all candidates, 1 = best
    n_candidates  (P,) int64, >= 2: all candidates, the target among them
    negatives     (P,) int64, 1..n_candidates-1: candidates drawn to stand against the target
    All three broadcast to one shape, that of the results.
    """

    rank: IntArray
    n_candidates: IntArray
    negatives: IntArray

    @property
    def mean(self) -> FloatArray:
        """(P,) expected sampled rank, >= 1."""
        return 1 + self.negatives * (self.rank - 1) / (self.n_candidates - 1)

    def probability(self, places: ArrayLike) -> FloatArray:
        """(P, J) probability that the sampled rank is each of `places` (J,), 1 = best."""
        # here and not on top: scipy.stats is slow to import, and only this estimate needs it
        from scipy.stats import hypergeom

        better = np.atleast_1d(np.asarray(places, dtype=np.int64)) - 1
        others, ahead, drawn = (x[..., None] for x in (self.n_candidates - 1, self.rank - 1, self.negatives))
        return np.asarray(hypergeom.pmf(better, others, ahead, drawn), dtype=np.float64)

    def hr(self, k: int) -> FloatArray:
        """(P,) expected HR@k of the sampled ranking."""
        return self._expected(np.ones(k))

    def ndcg(self, k: int) -> FloatArray:
        """(P,) expected NDCG@k of the sampled ranking, one target."""
        return self._expected(1 / np.log2(np.arange(2, k + 2)))

    def mrr(self, k: int) -> FloatArray:
        """(P,) expected MRR@k of the sampled ranking."""
        return self._expected(1 / np.arange(1, k + 1))

    def _expected(self, gain: FloatArray) -> FloatArray:
        places = np.arange(1, min(gain.size, int(self.negatives.max(initial=0)) + 1) + 1)
        # probabilities come from logarithms and may add up to 1 + 1e-14
        return np.minimum(self.probability(places) @ gain[: places.size], 1.0)


def estimate_sampled(rank: ArrayLike, n_candidates: ArrayLike, negatives: ArrayLike) -> SampledRank:
    """Translate a full rank to the rank among `negatives` uniformly drawn candidates: `estimate_sampled(40, 12101, 99).hr(10)`.

    rank          1..n_candidates, 1 = best (with Ranks: above + 1 + tied / 2, rounded)
    n_candidates  >= 2, the target included
    negatives     1..n_candidates-1, drawn without replacement
    Returns a SampledRank. Raises SettingError if a value is out of range.
    """
    full, n, m = np.broadcast_arrays(*(np.asarray(x, dtype=np.int64) for x in (rank, n_candidates, negatives)))
    if not ((full >= 1) & (full <= n)).all():
        raise SettingError(f"rank must lie in 1..n_candidates, got {full.min()}..{full.max()} with {n.min()}..{n.max()} candidates.")
    if not ((m >= 1) & (m < n)).all():
        raise SettingError(f"negatives must lie in 1..n_candidates-1, got {m.min()}..{m.max()} with {n.min()}..{n.max()} candidates.")
    return SampledRank(full, n, m)

"""Where the targets of each case were ranked: all that a ranking metric reads.

A case is one question put to a recommender (a user at one moment); a target is an item that would have been right. An evaluator keeps
two counts per target instead of a ranked list: how many candidates score strictly higher, and how many others score the same. Both are
independent of the order in which equal scores happen to be sorted, so no metric can reward an accident of sorting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastelm.errors import DataError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ranks:
    """What a ranking evaluation leaves of P (case, target) pairs in C cases.

    above         (P,) int64, 0..n_candidates: candidates scored strictly above the target; a target that is not among the candidates
                  has above = n_candidates and tied = 0, and is a miss at every k
    tied          (P,) int64, >= 0: OTHER candidates with exactly the score of the target (further targets of the case included)
    offsets       (C + 1,) int64: the pairs of case c are offsets[c]:offsets[c + 1]; every case has at least one target
    n_candidates  (C,) int64, >= 0: candidates ranked in the case, targets among them
    tie_seed      the draw that settles ties in cases with several targets, see `resolve_ties`
    Raises DataError if shapes or ranges do not fit.
    """

    above: IntArray
    tied: IntArray
    offsets: IntArray
    n_candidates: IntArray
    tie_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("above", "tied", "offsets", "n_candidates"):
            object.__setattr__(self, name, _integers(getattr(self, name), f"Ranks.{name}"))
        if self.tied.shape != self.above.shape:
            raise DataError(f"Ranks.tied has {self.tied.size} values, above has {self.above.size}: give one of each per target.")
        if self.offsets.size != self.n_candidates.size + 1:
            raise DataError(f"Ranks.offsets has {self.offsets.size} values for {self.n_candidates.size} cases: it must have one more than cases.")
        if self.offsets[0] != 0 or self.offsets[-1] != self.above.size:
            raise DataError(f"Ranks.offsets runs from {self.offsets[0]} to {self.offsets[-1]}: it must run from 0 to the {self.above.size} targets.")
        empty = np.flatnonzero(self.n_targets < 1)
        if empty.size:
            raise DataError(f"Ranks: case {empty[0]} has no target ({empty.size} of {self.n_cases} cases). Leave such cases out.")
        n = self.n_candidates[self.case]
        missing = (self.above == n) & (self.tied == 0)
        placed = (self.above >= 0) & (self.tied >= 0) & (self.above + self.tied < n)
        bad = np.flatnonzero(~(missing | placed))
        if bad.size:
            at = bad[0]
            raise DataError(
                f"Ranks: target {at} (case {self.case[at]}) has {self.above[at]} candidates above and {self.tied[at]} tied, which does "
                f"not fit {n[at]} candidates ({bad.size} such targets). A target that is no candidate has above = {n[at]}, tied = 0."
            )

    @property
    def n_cases(self) -> int:
        return int(self.n_candidates.size)

    @cached_property
    def n_targets(self) -> IntArray:
        """(C,) targets of each case, >= 1."""
        return np.diff(self.offsets)

    @cached_property
    def case(self) -> IntArray:
        """(P,) the case of each target."""
        return np.repeat(np.arange(self.n_cases), self.n_targets)

    @cached_property
    def present(self) -> BoolArray:
        """(P,) whether the target is among the candidates at all."""
        return self.above < self.n_candidates[self.case]

    @cached_property
    def settled(self) -> Ranks:
        """`resolve_ties(self, self.tie_seed)`, kept: every metric of one evaluation reads the same draw."""
        return resolve_ties(self, self.tie_seed)


def resolve_ties(ranks: Ranks, seed: int = 0) -> Ranks:
    """Sort the targets of each case best first and give every tied target of a case with several targets one definite place.

    A target tied with t others lies somewhere in places above..above+t, all orders being equally likely. With one target the expected
    value of a metric has a closed form, so cases with one target keep their ties and metrics give that expectation. With several
    targets it has none that is cheap, so ONE order is drawn: targets of a case that are tied with each other get distinct places of
    their common range, every set of places with the same probability. The draw depends on the seed and on the order of the cases; over
    many cases its effect on a mean is far below the confidence interval.

    Returns Ranks of the same cases, pairs sorted by place within each case, tied = 0 wherever a case has several targets.
    Raises DataError if two targets of one case claim the same place.
    """
    if ranks.n_targets.max(initial=0) <= 1:
        return ranks
    case = ranks.case
    order = np.lexsort((ranks.above, case))
    above, tied, present = ranks.above[order], ranks.tied[order], ranks.present[order]
    group, size = _tie_groups(case, above, tied, present)
    loose = (tied > 0) & (ranks.n_targets[case] > 1)
    if loose.any():
        place = _distinct_places(group[loose], size[loose], tied[loose] + 1, np.random.default_rng(seed))
        above[loose] += place
        tied[loose] = 0
        above = above[np.lexsort((above, case))]
    return replace(ranks, above=above, tied=tied)


def _integers(values: ArrayLike, name: str) -> IntArray:
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise DataError(f"{name} must be one row of whole numbers, got shape {array.shape} of {array.dtype}.")
    return array.astype(np.int64, copy=False)


def _tie_groups(case: IntArray, above: IntArray, tied: IntArray, present: BoolArray) -> tuple[IntArray, IntArray]:
    """For pairs sorted by (case, above): (P,) the number of each pair's tie group and (P,) how many targets that group has."""
    fresh = np.ones(case.size, dtype=bool)
    same_case = case[1:] == case[:-1]
    fresh[1:] = ~same_case | (above[1:] != above[:-1])
    group = np.cumsum(fresh) - 1
    size = np.bincount(group)[group]
    clash = size > tied + 1
    # the next group starts after the last place of this one, and members of a group agree on how many share their score
    clash[1:] |= same_case & fresh[1:] & (above[1:] <= above[:-1] + tied[:-1])
    clash[1:] |= ~fresh[1:] & (tied[1:] != tied[:-1])
    bad = np.flatnonzero(clash & present)
    if bad.size:
        raise DataError(
            f"Ranks: two targets of case {case[bad[0]]} claim the same place near {above[bad[0]]}. Give each target once, "
            "and count the tied targets of a case in each other's `tied`."
        )
    return group, size


def _distinct_places(group: IntArray, size: IntArray, width: IntArray, rng: np.random.Generator) -> IntArray:
    """(L,) a uniform random place 0..width-1 for each target, distinct within its group.

    group (L,) ascending, size (L,) targets of the group, width (L,) places of the group. Crowded groups shuffle all their places (fewer
    than 2 L in all); roomy ones draw freely and draw again where two targets collide, which ends after about log2(L) rounds. Drawing
    again treats all places alike, so every set of places stays equally likely.
    """
    places = np.empty(group.size, dtype=np.int64)
    crowded = 2 * size > width
    if crowded.any():
        _, first = np.unique(group[crowded], return_index=True)
        widths, sizes = width[crowded][first], size[crowded][first]
        owner = np.repeat(np.arange(first.size), widths)
        slot = np.arange(owner.size) - np.repeat(np.cumsum(widths) - widths, widths)
        shuffled = slot[np.lexsort((rng.random(owner.size), owner))]
        places[crowded] = shuffled[slot < sizes[owner]]
    open_ = np.flatnonzero(~crowded)
    places[open_] = rng.integers(0, width[open_])
    while open_.size:
        open_ = open_[np.lexsort((places[open_], group[open_]))]
        again = np.zeros(open_.size, dtype=bool)
        again[1:] = (group[open_[1:]] == group[open_[:-1]]) & (places[open_[1:]] == places[open_[:-1]])
        collided = open_[again]
        places[collided] = rng.integers(0, width[collided])
        open_ = open_[np.isin(group[open_], group[collided])]
    return places

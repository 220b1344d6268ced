"""Ranks refuse what cannot be, and a tie draw gives distinct places, each set equally likely."""

from __future__ import annotations

from collections import Counter
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from tastelm.errors import DataError
from tastelm.metrics import Metric, Ranks, resolve_ties

from .cases import ranks_of


def _ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize(
    ("above", "tied", "offsets", "n", "message"),
    [
        ([0], [0, 0], [0, 1], [3], r"Ranks\.tied has 2 values, above has 1"),
        ([0], [0], [0], [3], r"Ranks\.offsets has 1 values for 1 cases"),
        ([0], [0], [0, 2], [3], r"offsets runs from 0 to 2: it must run from 0 to the 1 targets"),
        ([0], [0], [0, 1, 1], [3, 3], r"case 1 has no target \(1 of 2 cases\)"),
        ([2], [1], [0, 1], [3], r"target 0 \(case 0\) has 2 candidates above and 1 tied, which does not fit 3"),
        ([4], [0], [0, 1], [3], r"has 4 candidates above"),
        ([-1], [0], [0, 1], [3], r"has -1 candidates above"),
        ([0.5], [0], [0, 1], [3], r"Ranks\.above must be one row of whole numbers, got shape \(1,\) of float64"),
        ([[0]], [0], [0, 1], [3], r"got shape \(1, 1\) of int64"),
    ],
)
def test_impossible_ranks_are_refused(above: list[int], tied: list[int], offsets: list[int], n: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Ranks(np.array(above), np.array(tied), np.array(offsets), np.array(n))


@pytest.mark.parametrize(
    ("above", "tied"),
    [([2, 2], [0, 0]), ([2, 2], [1, 3]), ([2, 3], [2, 0]), ([1, 1, 1], [1, 1, 1])],
    ids=["same place", "tied differ", "inside another group", "more targets than places"],
)
def test_targets_that_claim_one_place_are_refused(above: list[int], tied: list[int]) -> None:
    ranks = Ranks(np.array(above), np.array(tied), _ints(0, len(above)), _ints(9))
    with pytest.raises(DataError, match="two targets of case 0 claim the same place near"):
        resolve_ties(ranks)


def test_missing_targets_share_the_place_beyond_the_list() -> None:
    ranks = ranks_of(([3, 2, 1], [7, 1, 8]))
    assert ranks.present.tolist() == [False, True, False]
    assert ranks.settled.above.tolist() == [1, 3, 3]


def test_one_target_keeps_its_tie_even_beside_cases_with_several() -> None:
    settled = ranks_of(([1, 1, 1], [0]), ([2, 2, 1], [1, 0])).settled
    assert settled.tied.tolist() == [2, 0, 0]
    assert settled.above.tolist() == [0, 0, 1]
    assert resolve_ties(settled).above.tolist() == settled.above.tolist()


def test_a_draw_is_repeatable_and_follows_the_seed() -> None:
    case = ([1.0] * 50, [3, 4, 5])
    drawn = [resolve_ties(ranks_of(case), seed).above.tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert ranks_of(case, seed=1).settled.above.tolist() == drawn[2]


@pytest.mark.parametrize(("width", "targets"), [(3, 2), (5, 2), (4, 4)], ids=["crowded", "roomy", "full"])
def test_every_set_of_places_is_equally_likely(width: int, targets: int) -> None:
    n_cases = 6000
    above = np.full(n_cases * targets, 2)
    ranks = Ranks(above, np.full_like(above, width - 1), np.arange(n_cases + 1) * targets, np.full(n_cases, width + 5))
    places = ranks.settled.above.reshape(n_cases, targets) - 2
    assert (np.diff(places, axis=1) > 0).all()
    assert places.min() == 0 and places.max() == width - 1
    counts = np.array(list(Counter(map(tuple, places.tolist())).values()))
    assert counts.size == comb(width, targets)
    expected = n_cases / counts.size
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


def test_several_tie_groups_in_one_case_stay_apart() -> None:
    scores = [9, 9, 9, 9, 9, 5, 5, 5, 1]
    for seed in range(20):
        places = ranks_of((scores, [5, 0, 6, 1, 8]), seed=seed).settled.above
        assert (places[:2] < 5).all() and set(places[2:4]) < {5, 6, 7} and places[4] == 8
        assert (np.diff(places) > 0).all()


def test_no_cases_give_no_values() -> None:
    nothing = Ranks(_ints(), _ints(), _ints(0), _ints())
    for name in ("hr@5", "ndcg@5", "mrr", "map", "auc"):
        assert np.asarray(Metric.parse(name)(nothing)).shape == (0,)
        assert np.isnan(Metric.parse(name).mean(nothing))

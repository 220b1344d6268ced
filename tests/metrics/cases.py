"""Ranks built from dense scores the slow and obvious way, and metrics computed from explicit lists: what the tests compare against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, permutations, product
from math import log2

import numpy as np

from tastelm.metrics import Ranks

Case = tuple[Sequence[float], Sequence[int]]  # scores of the candidates, target positions (a position beyond them is no candidate)


def ranks_of(*cases: Case, seed: int = 0) -> Ranks:
    above, tied, offsets = [], [], [0]
    for scores, targets in cases:
        for target in targets:
            if target < len(scores):
                above.append(sum(s > scores[target] for s in scores))
                tied.append(sum(s == scores[target] for s in scores) - 1)
            else:
                above.append(len(scores))
                tied.append(0)
        offsets.append(len(above))
    a, t, o, n = (np.array(x, dtype=np.int64) for x in (above, tied, offsets, [len(s) for s, _ in cases]))
    return Ranks(a, t, o, n, tie_seed=seed)


def orders(scores: Sequence[float]) -> Iterator[list[int]]:
    """Every ranking of the candidates, best first, that equal scores allow."""
    best_first = sorted(range(len(scores)), key=lambda i: -scores[i])
    groups = [list(group) for _, group in groupby(best_first, key=lambda i: scores[i])]
    for choice in product(*(permutations(group) for group in groups)):
        yield [i for group in choice for i in group]


def by_hand(name: str, order: Sequence[int], targets: Sequence[int], k: int) -> float:
    """The textbook definition on one explicit ranking."""
    hits = [item in targets for item in order[:k]]
    size = len(targets)
    p, r = sum(hits) / k, sum(hits) / size
    return {
        "hr": float(any(hits)),
        "recall": r,
        "recall_capped": sum(hits) / min(size, k),
        "precision": p,
        "f1": 2 * p * r / (p + r) if p + r else 0.0,
        "ndcg": sum(h / log2(j + 2) for j, h in enumerate(hits)) / sum(1 / log2(j + 2) for j in range(min(size, k))),
        "mrr": 1 / (hits.index(True) + 1) if any(hits) else 0.0,
        "map": sum(h * sum(hits[: j + 1]) / (j + 1) for j, h in enumerate(hits)) / min(size, k),
    }[name]


AT_K = ("hr", "recall", "recall_capped", "precision", "f1", "ndcg", "mrr", "map")

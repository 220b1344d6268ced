"""Which items are ranked: all of them by default, a drawn few only by name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.data.split import Cases, Split
from tastelm.errors import DataError, SettingError


@dataclass(frozen=True)
class Ranking:
    """How a question is put: `full`, `uniform-99` or `popularity-100`.

    kind   all items, or each target against items drawn uniformly, by training popularity, or among those its user disliked (a task of
           its own, see `tastelm.tasks.liked`)
    count  items drawn
    """

    kind: Literal["full", "uniform", "popularity", "disliked"] = "full"
    count: int = 0

    @classmethod
    def parse(cls, text: str) -> Ranking:
        """Raises SettingError for anything but the three forms."""
        if text == "full":
            return cls()
        match = re.fullmatch(r"(uniform|popularity)-(\d{1,6})", text)
        if match is None or int(match[2]) < 1:
            raise SettingError(f"protocol: '{text}' is not known; use full, or a sampled one by name: uniform-99, popularity-100.")
        return cls("uniform" if match[1] == "uniform" else "popularity", int(match[2]))

    def __str__(self) -> str:
        return self.kind if self.kind == "full" else f"{self.kind}-{self.count}"


def draw_negatives(ranking: Ranking, cases: Cases, split: Split, seed: int, *, block: int = 256) -> NDArray[np.int32]:
    """(C, count) items drawn without replacement for each case, neither in its history nor among its targets; the same for every system.

    Raises DataError if the catalogue is too small to draw so many.
    """
    n_items, rng = len(split.items), np.random.default_rng(seed)
    longest = int((cases.histories.lengths + cases.targets.lengths).max(initial=0))
    if ranking.count > n_items - longest:
        raise DataError(f"{split.dataset.name}: {ranking} needs {ranking.count} items beside a user's own, but the catalogue holds {n_items}. Use full.")
    weight = np.ones(n_items) if ranking.kind == "uniform" else split.popularity + 1e-6
    drawn = np.empty((len(cases), ranking.count), np.int32)
    for at in range(0, len(cases), block):
        rows = np.arange(at, min(at + block, len(cases)))
        # The largest of log(weight) + Gumbel noise are a weighted draw without replacement.
        keys = np.log(weight) + rng.gumbel(size=(len(rows), n_items))
        for own in (cases.histories.take(rows), cases.targets.take(rows)):
            keys[own.owners, own.values] = -np.inf
        drawn[rows] = np.argpartition(-keys, ranking.count - 1, axis=1)[:, : ranking.count]
    return drawn


def fingerprint(negatives: NDArray[np.int32] | None) -> str:
    """16 hex digits of the stored candidates, or `full`."""
    return "full" if negatives is None else hashlib.sha256(negatives.tobytes()).hexdigest()[:16]


def allowed(negatives: NDArray[np.int32], targets: Sequences, n_items: int) -> NDArray[np.bool_]:
    """(B, N) whether an item is a candidate: drawn, or a target."""
    mask = np.zeros((len(negatives), n_items), dtype=bool)
    mask[np.arange(len(negatives))[:, None], negatives] = True
    mask[targets.owners, targets.values] = True
    return mask

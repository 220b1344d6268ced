"""What the training explanations of a user and of an item were about, as words of a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tastelm.data.explanations import Explanations
from tastelm.data.sequences import Sequences
from tastelm.errors import DataError
from tastelm.nn.ragged import Ragged
from tastelm.nn.texts import Texts


class FeatureWords(nn.Module):
    """The features of users and items (Li et al. 2023, PEPLER, discrete prompt): one entry for each explanation, so that they can be counted."""

    def __init__(self) -> None:
        super().__init__()
        self.names, self.users, self.items = Texts(), Ragged(), Ragged()
        self._names: list[str] = []
        self._common: list[str] = []

    def know(self, told: Explanations, users: int, items: int, *, instead: str = "prompt=continuous") -> None:
        """Take over the features of the training explanations of U users and N items. Raises DataError if there is none; `instead` is the setting that
        does without."""
        kept = np.array([place for place, feature in enumerate(told.features) if feature], np.int64)
        if not len(kept):
            raise DataError(f"no explanation of the training part is about a feature, so there are no words for a prompt. Use {instead}.")
        names = sorted({told.features[place] for place in kept})
        numbers = {name: number for number, name in enumerate(names)}
        codes = np.array([numbers[told.features[place]] for place in kept], np.int32)
        self.names.write(names)
        self.users.fill(_grouped(codes, told.users[kept], users))
        self.items.fill(_grouped(codes, told.items[kept], items))
        self._names, self._common = [], []

    def chosen(self, user: int, item: int, without: str = "") -> list[str]:
        """Features for a user and an item, -1 for strangers: those they share, then all others; within both the frequent ones first, equal ones
        by their names. Where nothing is known of either they are those of everybody.

        without  a feature of which one explanation of the two is not counted
        """
        self._read()
        mine, its = self._counted(self.users, user, without), self._counted(self.items, item, without)
        found = sorted(mine | its, key=lambda name: (not (name in mine and name in its), -(mine[name] + its[name]), name))
        return found or self._common

    def _counted(self, told: Ragged, code: int, without: str) -> Counter[str]:
        row = told.values[told.offsets[code] : told.offsets[code + 1]].tolist() if code >= 0 else []
        counts = Counter(self._names[number] for number in row)
        counts.subtract([without] if without else [])
        return +counts

    def _read(self) -> None:
        if not self._names:
            self._names = self.names.texts()
            counts: Iterable[tuple[str, int]] = Counter(self._names[number] for number in self.users.values.tolist()).items()
            self._common = [name for name, _ in sorted(counts, key=lambda pair: (-pair[1], pair[0]))]


def _grouped(codes: NDArray[np.int32], owners: NDArray[np.int32], count: int) -> Sequences:
    order = np.argsort(owners, kind="stable")
    return Sequences.from_lengths(codes[order], np.bincount(owners, minlength=count))

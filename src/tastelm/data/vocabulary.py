"""Names to codes and back: the ids of a catalogue or of users, coded 0 .. n-1, with -1 for what is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import DataError

UNKNOWN = -1


class Vocabulary:
    """An immutable list of distinct ids, each known by its place.

    The places come from the sorted ids, never from the order of a file: a code must not tell when an item first appeared.

    >>> v = Vocabulary(["b", "a"])
    >>> v.encode(["a", "z"]).tolist(), v.decode([1])
    ([0, -1], ['b'])
    """

    def __init__(self, ids: Iterable[str], *, ordered: bool = False) -> None:
        """`ids` are sorted unless they are `ordered`, as when they come back from a run folder. Raises DataError on duplicates."""
        names = list(ids) if ordered else sorted(ids)
        self.ids: tuple[str, ...] = tuple(names)
        if len(self._codes) != len(self.ids):
            raise DataError(f"a vocabulary holds each id once, but {len(self.ids) - len(self._codes)} of its {len(self.ids)} ids are repeats.")

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, name: object) -> bool:
        return name in self._codes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    def encode(self, names: Iterable[str]) -> NDArray[np.int32]:
        """(n,) codes of `names`, -1 where unknown."""
        return np.fromiter((self._codes.get(name, UNKNOWN) for name in names), dtype=np.int32)

    def decode(self, codes: Sequence[int] | NDArray[np.integer]) -> list[str]:
        """Names of `codes`, each within 0 .. n-1."""
        return [self.ids[code] for code in codes]

"""The one sequence layout of the library: all values end to end, and where each sequence begins. No padding anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class Sequences:
    """B ragged sequences of integer codes.

    values   (T,) int32 or int64, all sequences end to end; may be a read-only memory map
    offsets  (B+1,) int64, sequence b is `values[offsets[b]:offsets[b + 1]]`; starts at 0, never falls, ends at T

    >>> s = Sequences.of([[3, 1], [], [2]])
    >>> len(s), s.lengths.tolist(), s[0].tolist()
    (3, [2, 0, 1], [3, 1])
    """

    values: NDArray[np.integer]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise ShapeError(f"Sequences take 1-d values and offsets, not {self.values.shape} and {self.offsets.shape}.")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise ShapeError(f"offsets must rise from 0 to the number of values, {len(self.values)}.")

    @classmethod
    def of(cls, sequences: Iterable[Iterable[int]]) -> Sequences:
        """Sequences from lists of codes."""
        arrays = [np.asarray(list(sequence) if not isinstance(sequence, np.ndarray) else sequence, dtype=np.int32) for sequence in sequences]
        return cls.from_lengths(np.concatenate(arrays) if arrays else np.empty(0, np.int32), [len(array) for array in arrays])

    @classmethod
    def from_lengths(cls, values: NDArray[np.integer], lengths: Iterable[int] | NDArray[np.integer]) -> Sequences:
        """Sequences of `lengths` (B,) cut from `values` (T,) in order."""
        lengths = np.asarray(lengths if isinstance(lengths, np.ndarray) else list(lengths), dtype=np.int64)
        return cls(values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.integer]:
        if not 0 <= index < len(self):
            raise IndexError(f"sequence {index} of {len(self)}")
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[NDArray[np.integer]]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(B,) number of values of each sequence."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> NDArray[np.int64]:
        """(T,) index of the sequence that each value belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def windows(self, starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> Sequences:
        """New sequences `values[start:start + length]`, one for each of the given places."""
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        places = np.arange(offsets[-1]) + np.repeat(np.asarray(starts, np.int64) - offsets[:-1], lengths)
        return Sequences(np.asarray(self.values[places]), offsets)

    def take(self, index: NDArray[np.integer]) -> Sequences:
        """The sequences at `index` (n,), in that order, repeats allowed."""
        return self.windows(self.offsets[:-1][index], self.lengths[index])

    def last(self, count: int) -> Sequences:
        """The last `count` values of each sequence (fewer where a sequence is shorter)."""
        lengths = np.minimum(self.lengths, count)
        return self.windows(self.offsets[1:] - lengths, lengths)

    def append(self, value: int) -> Sequences:
        """Each sequence with `value` behind it."""
        return Sequences(np.insert(self.values, self.offsets[1:], value), self.offsets + np.arange(len(self.offsets)))

    def save(self, folder: Path) -> None:
        """Write `values.npy` and `offsets.npy`, which `load` can memory-map."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "values.npy", self.values, allow_pickle=False)
        np.save(folder / "offsets.npy", self.offsets, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, *, memory_map: bool = True) -> Sequences:
        """Read what `save` wrote. Raises DataError if a file is missing or damaged."""
        try:
            values, offsets = (_array(folder / f"{name}.npy", memory_map) for name in ("values", "offsets"))
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: not a folder of sequences ({error}). Write it again with Sequences.save.") from error
        return cls(values, offsets)


def _array(path: Path, memory_map: bool) -> NDArray[Any]:
    # A file of 128 bytes is the header of an empty array, and nothing cannot be mapped.
    array: NDArray[Any] = np.load(path, mmap_mode="r" if memory_map and path.stat().st_size > 128 else None, allow_pickle=False)
    return array

"""The one sequence layout of the library: all values end to end, and where each sequence begins. No padding anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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
    times    (T,) float64 seconds at which each value was met, or None where nobody knows

    >>> s = Sequences.of([[3, 1], [], [2]])
    >>> len(s), s.lengths.tolist(), s[0].tolist()
    (3, [2, 0, 1], [3, 1])
    """

    values: NDArray[np.integer]
    offsets: NDArray[np.int64]
    times: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.offsets.ndim != 1 or len(self.offsets) == 0:
            raise ShapeError(f"Sequences take 1-d values and offsets, not {self.values.shape} and {self.offsets.shape}.")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise ShapeError(f"offsets must rise from 0 to the number of values, {len(self.values)}.")
        if self.times is not None and self.times.shape != self.values.shape:
            raise ShapeError(f"there must be a time for each value, {self.values.shape}, not {self.times.shape}.")

    @classmethod
    def of(cls, sequences: Iterable[Iterable[int]]) -> Sequences:
        """Sequences from lists of codes."""
        arrays = [np.asarray(list(sequence) if not isinstance(sequence, np.ndarray) else sequence, dtype=np.int32) for sequence in sequences]
        return cls.from_lengths(np.concatenate(arrays) if arrays else np.empty(0, np.int32), [len(array) for array in arrays])

    @classmethod
    def from_lengths(cls, values: NDArray[np.integer], lengths: Iterable[int] | NDArray[np.integer], times: NDArray[np.float64] | None = None) -> Sequences:
        """Sequences of `lengths` (B,) cut from `values` (T,) in order."""
        lengths = np.asarray(lengths if isinstance(lengths, np.ndarray) else list(lengths), dtype=np.int64)
        return cls(values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]), times)

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
        return Sequences(np.asarray(self.values[places]), offsets, None if self.times is None else np.asarray(self.times[places]))

    def keep(self, chosen: NDArray[np.bool_]) -> Sequences:
        """The sequences without the values that are not `chosen` (T,)."""
        lengths = np.bincount(self.owners[chosen], minlength=len(self))
        return Sequences.from_lengths(self.values[chosen], lengths, None if self.times is None else self.times[chosen])

    def replaced(self, values: NDArray[np.integer]) -> Sequences:
        """Other values (T,) at the same places and times."""
        return Sequences(values, self.offsets, self.times)

    def take(self, index: NDArray[np.integer]) -> Sequences:
        """The sequences at `index` (n,), in that order, repeats allowed."""
        return self.windows(self.offsets[:-1][index], self.lengths[index])

    def last(self, count: int) -> Sequences:
        """The last `count` values of each sequence (fewer where a sequence is shorter)."""
        lengths = np.minimum(self.lengths, count)
        return self.windows(self.offsets[1:] - lengths, lengths)

    def append(self, value: int) -> Sequences:
        """Each sequence with `value` behind it, at the time of its last value (0 in an empty one)."""
        times = self.times
        if times is not None:
            last = np.zeros(len(self))
            last[self.lengths > 0] = times[self.offsets[1:][self.lengths > 0] - 1]
            times = np.insert(times, self.offsets[1:], last)
        return Sequences(np.insert(self.values, self.offsets[1:], value), self.offsets + np.arange(len(self.offsets)), times)

    def joined(self, other: Sequences) -> Sequences:
        """The sequences of both, those of `other` behind. Times are kept where both have them."""
        times = None if self.times is None or other.times is None else np.concatenate([self.times, other.times])
        return Sequences(np.concatenate([self.values, other.values]), np.concatenate([self.offsets, other.offsets[1:] + len(self.values)]), times)

    def save(self, folder: Path) -> None:
        """Write `values.npy` and `offsets.npy` (and `times.npy`), which `load` can memory-map."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("values", "offsets", "times"):
            array = getattr(self, name)
            if array is not None:
                np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, *, memory_map: bool = True) -> Sequences:
        """Read what `save` wrote. Raises DataError if a file is missing or damaged."""
        try:
            values, offsets = (_array(folder / f"{name}.npy", memory_map) for name in ("values", "offsets"))
            times = _array(folder / "times.npy", memory_map) if (folder / "times.npy").exists() else None
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: not a folder of sequences ({error}). Write it again with Sequences.save.") from error
        return cls(values, offsets, times)


@dataclass(frozen=True, eq=False)
class UserWindows(Sequences):
    """Sequences, and whose each is: (B,) int64 places among the sequences they were cut from."""

    users: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def owned(cls, sequences: Sequences, users: NDArray[np.integer]) -> UserWindows:
        """`sequences`, each with whose it is; -1 for a stranger."""
        return cls(sequences.values, sequences.offsets, sequences.times, users.astype(np.int64))

    def keep(self, chosen: NDArray[np.bool_]) -> UserWindows:
        return self.owned(super().keep(chosen), self.users)

    def replaced(self, values: NDArray[np.integer]) -> UserWindows:
        return self.owned(super().replaced(values), self.users)

    def last(self, count: int) -> UserWindows:
        return self.owned(super().last(count), self.users)


def _array(path: Path, memory_map: bool) -> NDArray[Any]:
    # A file of 128 bytes is the header of an empty array, and nothing cannot be mapped.
    array: NDArray[Any] = np.load(path, mmap_mode="r" if memory_map and path.stat().st_size > 128 else None, allow_pickle=False)
    return array

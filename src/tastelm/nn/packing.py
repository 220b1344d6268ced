"""Where the tokens of ragged sequences stand for attention: several sequences share a row, so that padding nearly vanishes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Narrower rows would waste the end of each on sequences that no longer fit; wider ones waste attention between strangers.
ROW_WIDTH = 64


@dataclass(frozen=True)
class Packing:
    """A layout of T tokens of B sequences in R rows of width W.

    place      (T,) int64, index of each token in the flattened rows
    segment    (R, W) int32, 1 + the sequence that fills the place, 0 where it is empty
    position   (T,) int64, 0 for the first token of a sequence
    from_end   (T,) int64, 0 for the last token of a sequence
    """

    place: Tensor
    segment: Tensor
    position: Tensor
    from_end: Tensor

    def spread(self, flat: Tensor) -> Tensor:
        """(T, ...) tokens -> (R, W, ...) rows, zero where empty."""
        rows, width = self.segment.shape
        spread = flat.new_zeros((rows * width, *flat.shape[1:])).index_copy(0, self.place, flat)
        return spread.view(rows, width, *flat.shape[1:])

    def gather(self, rows: Tensor) -> Tensor:
        """(R, W, ...) rows -> (T, ...) tokens, in the order they came."""
        return rows.flatten(0, 1).index_select(0, self.place)

    def mask(self, *, causal: bool) -> Tensor:
        """(R, 1, W, W) bool: whether a place (third axis) may look at another (last axis).

        A place sees its own sequence, and no later place if causal. Empty places see each other, so that no row of the
        softmax is empty; nothing reads them.
        """
        same = self.segment[:, None, :, None] == self.segment[:, None, None, :]
        return same.tril() if causal else same

    def to(self, device: torch.device) -> Packing:
        return Packing(*(tensor.to(device) for tensor in (self.place, self.segment, self.position, self.from_end)))


def pack(lengths: NDArray[np.integer], width: int) -> Packing:
    """Fill rows of `width` with sequences of `lengths` (B,), the longest first, each into the fullest row that has room.

    Raises ValueError if a sequence is longer than the row.
    """
    if len(lengths) and int(lengths.max()) > width:
        raise ValueError(f"a sequence of {int(lengths.max())} tokens does not fit a row of {width}")
    starts, rows = _best_fit(lengths, width)
    ends = np.cumsum(lengths, dtype=np.int64)
    position = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    place = np.repeat(starts, lengths) + position
    segment = np.zeros(rows * width, dtype=np.int32)
    segment[place] = np.repeat(np.arange(1, len(lengths) + 1, dtype=np.int32), lengths)
    from_end = np.repeat(lengths - 1, lengths) - position
    return Packing(*(torch.from_numpy(array) for array in (place, segment.reshape(rows, width), position, from_end)))


def _best_fit(lengths: NDArray[np.integer], width: int) -> tuple[NDArray[np.int64], int]:
    """Start of each sequence in the flattened rows, and the number of rows."""
    starts = np.zeros(len(lengths), dtype=np.int64)
    with_room: list[list[int]] = [[] for _ in range(width + 1)]  # rows by the room that is left in them
    rows = 0
    for index in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[index])
        room = next((room for room in range(length, width + 1) if with_room[room]), None)
        if room is None:
            row, room, rows = rows, width, rows + 1
        else:
            row = with_room[room].pop()
        starts[index] = row * width + width - room
        with_room[room - length].append(row)
    return starts, rows

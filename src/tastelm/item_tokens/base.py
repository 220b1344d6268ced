"""What item tokens are: a short sequence of codes for each item, which a generator writes and nobody can misread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError, SettingError

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ItemTokens:
    """N items, each a sequence of token codes. No two are alike and none begins another, so whoever writes one to its end has named an item.

    kind        how they were made, in one word
    tokens      N sequences of token codes 0..V-1, none of them empty
    vocabulary  V, how many tokens there are
    levels      how many of the V codes belong to each level, in order; a sequence takes at most one token of a level, and levels rise along
                it. None where a token may stand anywhere, as the words of a title
    notes       what a reader of results must know, one sentence each
    leaky       the numbering has seen what is to be predicted: a demonstration, no result
    collisions  how many items share all their tokens with another one but the last, which was added to tell them apart

    Raises DataError if a sequence is empty, holds what is no token, or cannot be told from that of another item; it names the items.
    """

    kind: str
    tokens: Sequences
    vocabulary: int
    levels: tuple[int, ...] | None
    notes: tuple[str, ...] = ()
    leaky: bool = False
    collisions: int = 0

    def __post_init__(self) -> None:
        empty = np.flatnonzero(self.tokens.lengths == 0)
        if len(empty):
            raise DataError(f"{self.kind} item tokens: item {empty[0]} has none. Give each item at least one token.")
        wrong = np.flatnonzero((self.tokens.values < 0) | (self.tokens.values >= self.vocabulary))
        if len(wrong):
            item, token = self.tokens.owners[wrong[0]], self.tokens.values[wrong[0]]
            raise DataError(
                f"{self.kind} item tokens: item {item} has token {token}; tokens are 0..{self.vocabulary - 1}. Correct it or enlarge the vocabulary."
            )
        self._check_levels()
        self._check_endings()

    def __len__(self) -> int:
        return len(self.tokens)

    def code_of(self, sequence: Sequence[int] | NDArray[np.integer]) -> int:
        """The item that is spelled so, or -1 if none is."""
        return self._codes.get(tuple(int(token) for token in sequence), -1)

    def share_used(self) -> float:
        """Share of the vocabulary that stands in at least one item: low where codes collapsed."""
        return len(np.unique(self.tokens.values)) / self.vocabulary

    @cached_property
    def order(self) -> Codes:
        """(N,) the items in lexicographic order of their tokens."""
        begins, lengths, last = self.tokens.offsets[:-1], self.tokens.lengths, len(self.tokens.values) - 1
        places = range(int(lengths.max(initial=0)) - 1, -1, -1)
        columns = [np.where(lengths > place, self.tokens.values[np.minimum(begins + place, last)], -1) for place in places]
        return np.lexsort(columns) if columns else np.zeros(0, np.int64)

    @cached_property
    def _codes(self) -> dict[tuple[int, ...], int]:
        return {tuple(sequence.tolist()): code for code, sequence in enumerate(self.tokens)}

    def _check_levels(self) -> None:
        if self.levels is None:
            return
        if sum(self.levels) != self.vocabulary:
            raise DataError(f"{self.kind} item tokens: levels of {self.levels} codes do not add up to a vocabulary of {self.vocabulary}. Correct one of them.")
        level = np.searchsorted(np.cumsum(self.levels), self.tokens.values, side="right")
        owners = self.tokens.owners
        falls = np.flatnonzero((np.diff(level) <= 0) & (owners[1:] == owners[:-1]))
        if len(falls):
            item = int(owners[falls[0]])
            raise DataError(
                f"{self.kind} item tokens: the levels of item {item}, {self.tokens[item].tolist()}, do not rise. Sort its tokens, or give levels=None."
            )

    def _check_endings(self) -> None:
        """A sequence that begins others is followed by one of them in lexicographic order."""
        order = self.order
        short, long = order[:-1], order[1:]
        sizes = self.tokens.lengths[short]
        fits = np.flatnonzero(sizes <= self.tokens.lengths[long])
        heads = self.tokens.windows(self.tokens.offsets[short[fits]], sizes[fits])
        others = self.tokens.windows(self.tokens.offsets[long[fits]], sizes[fits])
        differs = np.bincount(heads.owners[heads.values != others.values], minlength=len(fits)) > 0
        found = fits[~differs]
        if len(found):
            first, second = int(short[found[0]]), int(long[found[0]])
            alike = "has the same tokens as" if sizes[found[0]] == self.tokens.lengths[second] else "begins like"
            raise DataError(
                f"{self.kind} item tokens: item {second}, {self.tokens[second].tolist()}, {alike} item {first}, {self.tokens[first].tolist()}, "
                "so a generator cannot tell them apart. Put a token behind one of them, or end every item with the same token."
            )


def of_levels(codes: Codes, sizes: tuple[int, ...]) -> Sequences:
    """(N, L) codes, each 0..size-1 of its level, -1 where an item leaves a level out -> tokens in which the levels lie one behind the other."""
    begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    there = codes >= 0
    return Sequences.from_lengths((codes + begins)[there].astype(np.int32), there.sum(1))


def digits(numbers: Codes, base: int, width: int) -> Codes:
    """(N,) numbers from 0 -> (N, width) their digits, the highest first. Raises SettingError if `base` is none."""
    if base < 2:
        raise SettingError(f"base: {base} does not fit; numbers are written with at least 2 digits.")
    return numbers[:, None] // base ** np.arange(width - 1, -1, -1) % base


def numbered(groups: NDArray[np.integer], rng: np.random.Generator) -> Codes:
    """(N,) which group each item is of -> (N,) its number within the group, from 0, in shuffled order: the order of the codes may tell something."""
    shuffled = rng.permutation(len(groups))
    order = shuffled[np.argsort(groups[shuffled], kind="stable")]
    begins = np.searchsorted(groups[order], groups[order])
    numbers = np.empty(len(groups), np.int64)
    numbers[order] = np.arange(len(groups)) - begins
    return numbers

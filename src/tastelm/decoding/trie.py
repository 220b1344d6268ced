"""The catalogue as a tree of tokens: which token may come next, and which item is named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError

Codes = NDArray[np.int64]


class Trie:
    """States are 0 (nothing written yet) .. S-1, in order of depth; -1 is no state and leads nowhere.

    tokens      N sequences of token codes 0..vocabulary-1; one may begin another
    vocabulary  V
    order       (N,) the items in lexicographic order; the items at and below a state stand side by side in it

    Raises DataError for an empty sequence, a code that is no token, or two items with the same tokens.
    """

    def __init__(self, tokens: Sequences, vocabulary: int) -> None:
        lengths = tokens.lengths
        if len(tokens) and (not lengths.all() or tokens.values.min() < 0 or tokens.values.max() >= vocabulary):
            raise DataError(f"a trie takes items of at least one token each, 0..{vocabulary - 1}: correct the item tokens.")
        self.vocabulary = vocabulary
        longest = int(lengths.max(initial=0))
        columns = [np.where(lengths > at, tokens.values[np.minimum(tokens.offsets[:-1] + at, len(tokens.values) - 1)], -1) for at in range(longest)]
        self.order: Codes = np.lexsort(columns[::-1]) if columns else np.zeros(0, np.int64)
        # Every edge makes one state: edge e, of key parent * V + token, leads to state e + 1. In this order of items, those of one state
        # are neighbours at every depth, so states are found as runs and the keys come out sorted.
        here = np.zeros(len(tokens), np.int64)
        keys, firsts, sizes, n_states = [], [np.zeros(1, np.int64)], [np.full(1, len(tokens))], 1
        for column in columns:
            column = column[self.order]
            going = np.flatnonzero(column >= 0)
            key = here[going] * vocabulary + column[going]
            begins = np.flatnonzero(np.diff(key, prepend=-1))
            here[going] = n_states + np.repeat(np.arange(len(begins)), np.diff(begins, append=len(key)))
            keys.append(key[begins])
            firsts.append(going[begins])
            sizes.append(np.diff(begins, append=len(key)))
            n_states += len(begins)
        same = np.flatnonzero(np.diff(here) == 0)
        if len(same):
            first, second = self.order[same[0]], self.order[same[0] + 1]
            raise DataError(f"items {first} and {second} have the same tokens, {tokens[first].tolist()}: put another token behind one of them.")
        self._keys: Codes = np.concatenate(keys) if keys else np.zeros(0, np.int64)
        self._begins = np.searchsorted(self._keys, np.arange(n_states + 1) * vocabulary)
        self._low, self._size = np.concatenate(firsts), np.concatenate(sizes)
        self._item = np.full(n_states, -1, np.int64)
        self._item[here] = self.order

    def __len__(self) -> int:
        """S, the number of states."""
        return len(self._item)

    @property
    def n_items(self) -> int:
        return len(self.order)

    def step(self, states: Codes, tokens: NDArray[np.integer]) -> Codes:
        """(B,) states and a token for each -> (B,) the states they lead to, -1 where they lead nowhere."""
        known = (states >= 0) & (tokens >= 0) & (tokens < self.vocabulary)
        keys = states * self.vocabulary + tokens
        edges = np.searchsorted(self._keys, keys)
        found = np.append(self._keys, -1)[edges] == keys
        return np.where(known & found, edges + 1, -1)

    def children(self, states: Codes) -> tuple[Codes, Codes, Codes]:
        """(B,) states -> every way on: of which of the B it is, by which token, to which state; three (C,), the B one after the other."""
        begins = np.where(states >= 0, self._begins[states], 0)
        counts = np.where(states >= 0, self._begins[states + 1], 0) - begins
        owners = np.repeat(np.arange(len(states)), counts)
        edges = np.arange(len(owners)) + (begins - (np.cumsum(counts) - counts))[owners]
        return owners, self._keys[edges] % self.vocabulary, edges + 1

    def allowed(self, states: Codes) -> NDArray[np.bool_]:
        """(B,) states -> (B, V) whether a token may come next."""
        owners, tokens, _ = self.children(states)
        allowed = np.zeros((len(states), self.vocabulary), np.bool_)
        allowed[owners, tokens] = True
        return allowed

    def item(self, states: Codes) -> Codes:
        """(B,) the item that ends at each state, -1 where none does."""
        return np.where(states >= 0, self._item[states], -1)

    def below(self, states: Codes) -> tuple[Codes, Codes]:
        """(B,) states, none -1 -> the places in `order` of the items that end further down: from the first (B,), up to the second (B,) without it."""
        return self._low[states] + (self._item[states] >= 0), self._low[states] + self._size[states]

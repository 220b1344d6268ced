"""Sequential tokens: items numbered as they are met along the histories of the users, so that neighbours in a history share digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError
from tastelm.item_tokens.base import Codes, ItemTokens, digits, of_levels

# A digit of 100 is about what the pieces of a number are to a language model.
BASE = 100


def sequential_tokens(train: Sequences, n_items: int, *, base: int = BASE, seed: int) -> ItemTokens:
    """The numbering of P5 (Geng et al. 2022) along the training histories only; items never met there come last, shuffled.

    train    a sequence of item codes 0..N-1 for each user, oldest first
    n_items  N
    base     how many digits there are; a number has as many as the largest needs, and each place has tokens of its own

    P5 walks the whole histories, with the items that are to be predicted: see `file_order_tokens`.
    Raises DataError for a code that is no item, SettingError for a base below 2.
    """
    order = first_met(train, n_items, seed=seed)
    unseen = n_items - len(np.unique(train.values))
    return ItemTokens("sequential", *_written(order, base), notes=(f"{unseen} of {n_items} items are not in the training histories and stand last, shuffled.",))


def file_order_tokens(order: NDArray[np.integer], *, base: int = BASE) -> ItemTokens:
    """A demonstration of a leak, never a result: items numbered by an `order` that was taken from all data.

    order  (N,) item codes, the first gets number 0; `first_met` of whole histories gives the one of P5

    Where an item stands beside the last one of a history because a user went from one to the other in the test part, its number gives
    the answer away. Raises DataError if `order` does not hold each item once.
    """
    if not np.array_equal(np.sort(order), np.arange(len(order))):
        raise DataError(f"order: it must hold each of the {len(order)} items once. Take it from `first_met`.")
    note = "Leaky: the numbers follow all data, with the items that are to be predicted; what it scores is no measure of a model."
    return ItemTokens("file-order", *_written(order.astype(np.int64), base), notes=(note,), leaky=True)


def first_met(histories: Sequences, n_items: int, *, seed: int) -> Codes:
    """(N,) item codes in the order in which a walk along the histories, one after the other, first meets them; the rest behind, shuffled.

    Raises DataError for a code that is no item.
    """
    check_items(histories, n_items)
    met, places = np.unique(histories.values, return_index=True)
    rest = np.setdiff1d(np.arange(n_items), met)
    return np.concatenate([met[np.argsort(places)].astype(np.int64), np.random.default_rng(seed).permutation(rest)])


def check_items(histories: Sequences, n_items: int) -> None:
    """Raises DataError for a code that is no item."""
    wrong = np.flatnonzero((histories.values < 0) | (histories.values >= n_items))
    if len(wrong):
        user, code = histories.owners[wrong[0]], histories.values[wrong[0]]
        raise DataError(f"history {user}: {code} is no item of a catalogue of {n_items}; codes are 0..{n_items - 1}. Give the histories of this catalogue.")


def _written(order: Codes, base: int) -> tuple[Sequences, int, tuple[int, ...]]:
    """Tokens, vocabulary and levels of items numbered by `order` (N,)."""
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order))
    width = 1
    while base > 1 and base**width < len(order):
        width += 1
    levels = (base,) * width
    return of_levels(digits(numbers, base, width), levels), base * width, levels

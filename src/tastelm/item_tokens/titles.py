"""Titles as item tokens: an item is spelled as a language model would write its title."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tastelm.data.sequences import Sequences
from tastelm.errors import DataError
from tastelm.item_tokens.base import ItemTokens, numbered


def title_tokens(
    token_ids: Sequence[Sequence[int]], *, end: int, vocabulary: int, number_equal: Callable[[int], Sequence[int]] | None = None, seed: int = 0
) -> ItemTokens:  # fmt: skip
    """The tokens of each title, and `end` behind them, so that no title begins another.

    token_ids     N titles by the tokenizer of a language model, without special tokens
    end           the token that ends a text
    vocabulary    V of the tokenizer
    number_equal  tokens to put behind the second, third, .. of items with one title, given that number: such as those of " (2)". Which item
                  is the second is drawn by `seed`

    Raises DataError for an empty title, one with `end` in it, and where titles are equal and `number_equal` is not given, or gives another title.
    """
    titles = [tuple(int(token) for token in title) for title in token_ids]
    for item, title in enumerate(titles):
        if not title or end in title:
            found = "is empty" if not title else f"holds token {end}, which ends a title"
            raise DataError(f"titles, item {item}: the title {found}. Correct it, or leave the item out of the catalogue.")
    places = {title: place for place, title in enumerate(dict.fromkeys(titles))}
    group = np.array([places[title] for title in titles], np.int64)
    collisions = int((np.bincount(group)[group] > 1).sum())
    if number_equal is not None:
        number = numbered(group, np.random.default_rng(seed))
        titles = [title if count == 0 else (*title, *number_equal(int(count) + 1)) for title, count in zip(titles, number, strict=True)]
    return ItemTokens("titles", Sequences.of([(*title, end) for title in titles]), vocabulary, None, collisions=collisions)

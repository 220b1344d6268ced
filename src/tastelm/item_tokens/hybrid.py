"""Hybrid tokens: what an item shares with others, and then a token of its own."""

from __future__ import annotations

import numpy as np

from tastelm.errors import SettingError
from tastelm.item_tokens.base import ItemTokens


def hybrid_tokens(index: ItemTokens, *, seed: int) -> ItemTokens:
    """The tokens of another index, with a token that the item alone has in the place of the last (Hua et al. 2023, hybrid indexing).

    index  of levels: its last token, which told an item from those beside it, says no more; that of the item is learnt as its own
    seed   of the order in which these tokens are given: none tells anything of an item

    Raises SettingError for an index without levels.
    """
    if index.levels is None:
        raise SettingError(f"{index.kind} item tokens have no levels, so no last one can be replaced. Take collaborative or semantic ones.")
    shared, items = index.levels[:-1], len(index)
    values = index.tokens.values.copy()
    values[index.tokens.offsets[1:] - 1] = sum(shared) + np.random.default_rng(seed).permutation(items)
    return ItemTokens("hybrid", index.tokens.replaced(values), sum(shared) + items, (*shared, items), index.notes, index.leaky)

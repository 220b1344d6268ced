"""Shuffled tokens: those of another index, each with another item. What they are worth is what their shape is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tastelm.item_tokens.base import ItemTokens


def shuffled_tokens(index: ItemTokens, *, seed: int) -> ItemTokens:
    """The sequences of another index, dealt out anew to all items by `seed`: as long, as many, with the same codes, but alike items share nothing
    more than others. The control for what an index tells of items.
    """
    dealt = index.tokens.take(np.random.default_rng(seed).permutation(len(index)))
    return replace(index, kind=f"shuffled {index.kind}", tokens=dealt, notes=(*index.notes, "The tokens were dealt out to the items anew."))

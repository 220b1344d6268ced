"""Random tokens: an index that tells nothing, the control of every other one."""

from __future__ import annotations

import numpy as np

from tastelm.errors import SettingError
from tastelm.item_tokens.base import ItemTokens, digits, of_levels


def random_tokens(n_items: int, *, width: int, base: int, seed: int) -> ItemTokens:
    """Every item another random sequence of `width` tokens, each of `base` codes of its own level: token = level * base + code.

    Raises SettingError if there are fewer sequences than items, base ** width < n_items, or more than 2 ** 62.
    Source: random indexing of Hua et al. 2023, with codes in place of the pieces of a number.
    """
    kinds = base**width
    if not n_items <= kinds <= 2**62:
        raise SettingError(f"base {base}, width {width}: that makes {kinds} sequences, for {n_items} items. Take from {n_items} to 2 ** 62 of them.")
    numbers = np.random.default_rng(seed).choice(kinds, n_items, replace=False)
    levels = (base,) * width
    return ItemTokens("random", of_levels(digits(numbers, base, width), levels), base * width, levels)

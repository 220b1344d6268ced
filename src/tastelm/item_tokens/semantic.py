"""Semantic tokens: what an item is about, coarse first, so that alike items share their first tokens and new items have tokens too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tastelm.errors import DataError, SettingError
from tastelm.item_tokens.base import ItemTokens, numbered, of_levels
from tastelm.item_tokens.kmeans import kmeans


def semantic_tokens(vectors: NDArray[np.float32], *, levels: int, codes: int, seed: int) -> ItemTokens:
    """Residual k-means of item vectors: a level names the nearest of `codes` means, the next level does so for what is left over.

    vectors  (N, D) of the contents of the items, as the frozen sentence vectors of their texts. No interactions: items never sold have one
    levels   at least 1
    codes    at least 1, of each level; fewer are used where the vectors differ less

    One more token tells items with the same codes apart. It is given in shuffled order, so it does not tell which item is older or sells
    better; an item that shares its codes with none has 0 there. Raises DataError for vectors that are not (N, D) finite numbers.

    Source: TIGER (Rajput et al. 2023). It differs: there an autoencoder is trained together with its code books (RQ-VAE, 3 levels of 256);
    here the vectors stay as they are and k-means makes the code books, one level after the other.
    """
    _check(vectors, levels, codes)
    rng = np.random.default_rng(seed)
    rest = np.asarray(vectors, np.float32)
    columns = []
    for _ in range(levels):
        labels, centres = kmeans(rest, codes, rng)
        columns.append(labels)
        rest = rest - centres[labels]
    coded = np.stack(columns, 1)
    group = np.unique(coded, axis=0, return_inverse=True)[1].reshape(-1)
    last = numbered(group, rng)
    sizes = (*(codes,) * levels, int(last.max()) + 1)
    alone = np.bincount(group)[group] == 1
    used = [f"Level {level + 1} uses {len(np.unique(labels))} of {codes} codes." for level, labels in enumerate(columns)]
    collisions = int((~alone).sum())
    told = f"{collisions} of {len(vectors)} items share their codes with another and are told apart by the last token."
    return ItemTokens("semantic", of_levels(np.column_stack([coded, last]), sizes), sum(sizes), sizes, (*used, told), collisions=collisions)


def _check(vectors: NDArray[np.float32], levels: int, codes: int) -> None:
    for name, value in (("levels", levels), ("codes", codes)):
        if value < 1:
            raise SettingError(f"{name}: {value} does not fit; it takes a whole number from 1.")
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise DataError(f"vectors of shape {vectors.shape}: give one vector for each item, (items, width).")
    wrong = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(wrong):
        raise DataError(f"vectors, item {wrong[0]}: not all numbers are finite ({len(wrong)} of {len(vectors)} items). Encode its text again.")

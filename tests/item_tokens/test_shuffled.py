"""Shuffled tokens: the same sequences, of other items."""

import numpy as np

from tastelm.item_tokens.semantic import semantic_tokens
from tastelm.item_tokens.shuffled import shuffled_tokens

VECTORS = np.repeat(np.eye(8, dtype=np.float32), 5, 0) + 0.01 * np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
TOLD = semantic_tokens(VECTORS, levels=1, codes=8, seed=0)


def neighbours(first: np.ndarray) -> float:
    """Share of neighbours, which mean the same here, that begin alike."""
    return float((first[0::5] == first[1::5]).mean())


def test_the_same_sequences_with_other_items() -> None:
    made = shuffled_tokens(TOLD, seed=0)
    assert made.kind == "shuffled semantic" and (made.levels, made.vocabulary, made.collisions) == (TOLD.levels, TOLD.vocabulary, TOLD.collisions)
    assert sorted(map(tuple, made.tokens)) == sorted(map(tuple, TOLD.tokens))
    assert neighbours(TOLD.tokens.values[TOLD.tokens.offsets[:-1]]) == 1
    assert neighbours(made.tokens.values[made.tokens.offsets[:-1]]) < 0.6


def test_the_seed_deals() -> None:
    dealt = [shuffled_tokens(TOLD, seed=seed).tokens.values.tolist() for seed in (0, 0, 1)]
    assert dealt[0] == dealt[1] != dealt[2]

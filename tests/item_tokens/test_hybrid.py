"""Hybrid tokens: the way is shared, the end is an item's own."""

import numpy as np
import pytest

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.collaborative import collaborative_tokens
from tastelm.item_tokens.hybrid import hybrid_tokens
from tastelm.item_tokens.titles import title_tokens

RNG = np.random.default_rng(0)
TRAIN = Sequences.of(RNG.choice(30, 5, replace=False) + 30 * (user % 2) for user in range(100))
SHARED = collaborative_tokens(TRAIN, 60, clusters=2, leaf=8, seed=0)


def test_items_share_the_way_and_end_with_a_token_that_no_other_has() -> None:
    made = hybrid_tokens(SHARED, seed=0)
    assert made.kind == "hybrid" and made.levels == (*SHARED.levels[:-1], 60) and made.vocabulary == sum(made.levels)  # type: ignore[index]
    for ours, theirs in zip(made.tokens, SHARED.tokens, strict=True):
        assert ours[:-1].tolist() == theirs[:-1].tolist()
    ends = [int(tokens[-1]) for tokens in made.tokens]
    assert sorted(ends) == list(range(made.vocabulary - 60, made.vocabulary)) and made.collisions == 0
    assert all(made.code_of(tokens) == code for code, tokens in enumerate(made.tokens))


def test_the_tokens_of_items_are_in_no_order() -> None:
    ends = [[int(tokens[-1]) for tokens in hybrid_tokens(SHARED, seed=seed).tokens] for seed in (0, 0, 1)]
    assert ends[0] == ends[1] != ends[2]
    assert abs(np.corrcoef(ends[0], np.arange(60))[0, 1]) < 0.4


def test_an_item_in_a_cluster_by_itself_has_one_token() -> None:
    alone = hybrid_tokens(collaborative_tokens(Sequences.of([[0, 1, 2]]), 3, clusters=2, leaf=3, seed=0), seed=0)
    assert alone.tokens.lengths.tolist() == [1, 1, 1] and alone.vocabulary == 3


def test_titles_have_no_levels() -> None:
    titles: ItemTokens = title_tokens([[1, 2], [3]], end=0, vocabulary=4)
    with pytest.raises(SettingError, match="titles item tokens have no levels, so no last one can be replaced"):
        hybrid_tokens(titles, seed=0)

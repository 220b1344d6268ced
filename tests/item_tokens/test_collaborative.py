"""Items that the same users have share their first tokens."""

import numpy as np
import pytest

from tastelm.data import Sequences
from tastelm.errors import SettingError
from tastelm.item_tokens.base import ItemTokens
from tastelm.item_tokens.collaborative import DENSE, collaborative_tokens


def planted(sizes: list[int], users: int, seed: int = 0) -> tuple[Sequences, list[np.ndarray]]:
    """Groups of items in shuffled codes, and users who have items of one group each."""
    rng = np.random.default_rng(seed)
    groups = np.split(rng.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    return Sequences.of(rng.choice(groups[user % len(groups)], 5, replace=False) for user in range(users)), groups


def first_tokens(made: ItemTokens, items: np.ndarray) -> set[int]:
    return {int(made.tokens[item][0]) for item in items}


@pytest.mark.parametrize("sizes", [[30, 50], [2 * DENSE, DENSE]])
def test_two_planted_clusters_are_found(sizes: list[int]) -> None:
    """By all eigenvectors of a small table, and by a few of a large one; a user in five has a stray item."""
    train, groups = planted(sizes, 8 * sum(sizes))
    strays = np.random.default_rng(1).integers(0, sum(sizes), len(train.values))
    train = train.replaced(np.where(np.arange(len(train.values)) % 40 == 0, strays, train.values).astype(np.int32))
    made = collaborative_tokens(train, sum(sizes), clusters=2, leaf=max(sizes), seed=0)
    assert [len(first_tokens(made, group)) for group in groups] == [1, 1] and first_tokens(made, groups[0]) != first_tokens(made, groups[1])
    assert made.tokens.lengths.tolist() == [2] * sum(sizes) and made.levels == (2, max(sizes))
    assert made.notes == (f"2 clusters of at most {max(sizes)} items, 1 levels deep.",)


def test_a_leaf_holds_no_more_than_it_may_and_large_clusters_go_deeper() -> None:
    train, groups = planted([6, 60], 600)
    made = collaborative_tokens(train, 66, clusters=2, leaf=8, seed=0)
    leaves = [tuple(sequence[:-1]) for sequence in made.tokens]
    assert max(leaves.count(leaf) for leaf in leaves) <= 8
    assert set(made.tokens.lengths[groups[0]]) == {2} and made.tokens.lengths[groups[1]].min() > 2


def test_items_that_nobody_had_together_have_a_place_of_their_own() -> None:
    train, (group, other) = planted([20, 20], 100)
    lonely = np.arange(40, 70)
    train = train.joined(Sequences.of([[item] for item in lonely[:15]]))
    made = collaborative_tokens(train, 70, clusters=3, leaf=20, seed=0)
    kinds = [first_tokens(made, items) for items in (group, other, lonely)]
    assert [len(kind) for kind in kinds] == [1, 1, 1] and len(set().union(*kinds)) == 3
    assert made.tokens.lengths[lonely].tolist() == [3] * 30, "they are divided once more, evenly"


@pytest.mark.parametrize("train", [[], [[]] * 3, [[0], [1]], [list(range(50))], [list(range(50))] * 4, [[7] * 9]])
def test_what_cannot_be_divided_is_numbered_all_the_same(train: list[list[int]]) -> None:
    made = collaborative_tokens(Sequences.of(train), 50, clusters=2, leaf=3, seed=0)
    assert len(made) == 50 and made.tokens.lengths.max() <= 12


def test_a_small_catalogue_is_one_leaf() -> None:
    made = collaborative_tokens(Sequences.of([[0, 1, 2]]), 3, clusters=2, leaf=3, seed=0)
    assert sorted(sequence.tolist() for sequence in made.tokens) == [[0], [1], [2]] and made.levels == (3,)


@pytest.mark.parametrize(("clusters", "leaf"), [(1, 5), (6, 5)])
def test_sizes_that_do_not_fit(clusters: int, leaf: int) -> None:
    with pytest.raises(SettingError, match=f"clusters {clusters}, leaf {leaf}: divide into at least 2 clusters"):
        collaborative_tokens(Sequences.of([[0, 1]]), 2, clusters=clusters, leaf=leaf, seed=0)

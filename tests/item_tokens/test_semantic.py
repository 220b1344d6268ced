"""Tokens of contents, and the k-means behind them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.errors import DataError, SettingError
from tastelm.item_tokens.kmeans import kmeans
from tastelm.item_tokens.semantic import semantic_tokens


def clouds(count: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors about `count` far points, and which each is of."""
    rng = np.random.default_rng(seed)
    centres = 10 * rng.permutation(np.eye(8))[:count]
    owner = rng.permutation(np.repeat(np.arange(count), each))
    return (centres[owner] + rng.normal(size=(count * each, 8)) / 4).astype(np.float32), owner


@pytest.mark.parametrize("seed", range(4))
def test_near_vectors_share_their_first_token(seed: int) -> None:
    vectors, owner = clouds(6, 10, seed)
    made = semantic_tokens(vectors, levels=2, codes=6, seed=seed)
    first = np.array([sequence[0] for sequence in made.tokens])
    assert len(set(zip(owner, first, strict=True))) == 6 == len(set(first))
    assert made.tokens.lengths.tolist() == [3] * 60
    assert made.levels is not None and made.levels[:2] == (6, 6) and made.notes[:2] == ("Level 1 uses 6 of 6 codes.", "Level 2 uses 6 of 6 codes.")


def test_another_level_tells_more() -> None:
    vectors, _ = clouds(4, 30)
    shared = [semantic_tokens(vectors, levels=levels, codes=4, seed=0).collisions for levels in (1, 2, 3, 6)]
    assert shared[0] == 120 and shared == sorted(shared, reverse=True) and shared[-1] < 20


def test_equal_vectors_are_told_apart_by_the_last_token() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), [4, 1, 2], axis=0)
    made = semantic_tokens(vectors, levels=2, codes=8, seed=0)
    written = [sequence.tolist() for sequence in made.tokens]
    assert made.collisions == 6 and made.levels == (8, 8, 4) and made.notes[-1].startswith("6 of 7 items share their codes with another")
    assert len({tuple(sequence[:2]) for sequence in written}) == 3
    assert sorted(sequence[2] for sequence in written[:4]) == [16, 17, 18, 19] and written[4][2] == 16
    assert made.notes[0] == "Level 1 uses 3 of 8 codes." and made.notes[1] == "Level 2 uses 1 of 8 codes."
    assert len({tuple(semantic_tokens(vectors, levels=1, codes=8, seed=seed).tokens.values[1:8:2]) for seed in range(9)}) > 3, "the order is drawn"


def test_fewer_items_than_codes() -> None:
    made = semantic_tokens(np.eye(3, dtype=np.float32), levels=2, codes=64, seed=0)
    assert made.collisions == 0 and len({sequence[0] for sequence in made.tokens}) == 3
    assert len(semantic_tokens(np.ones((1, 2), np.float32), levels=1, codes=2, seed=0)) == 1


@pytest.mark.parametrize(("vectors", "message"), [
    (np.ones(3), r"vectors of shape \(3,\): give one vector for each item"),
    (np.ones((0, 3)), r"vectors of shape \(0, 3\)"),
    (np.array([[1.0, 2], [np.nan, 0]]), r"vectors, item 1: not all numbers are finite \(1 of 2 items\)"),
])  # fmt: skip
def test_vectors_that_cannot_be_used(vectors: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        semantic_tokens(vectors.astype(np.float32), levels=2, codes=2, seed=0)


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(SettingError, match="levels: 0 does not fit"):
        semantic_tokens(np.eye(2, dtype=np.float32), levels=0, codes=2, seed=0)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=30), st.integers(1, 8), st.integers(0, 99))
def test_clusters_are_never_empty_and_their_centres_are_their_means(places: list[tuple[int, int]], count: int, seed: int) -> None:
    points = np.array(places, np.float32)
    labels, centres = kmeans(points, count, np.random.default_rng(seed))
    assert len(centres) == min(count, len(set(places))) and set(labels) == set(range(len(centres)))
    for cluster, centre in enumerate(centres):
        assert np.allclose(points[labels == cluster].mean(0), centre, atol=1e-5)
    away = ((points[:, None] - centres) ** 2).sum(2)
    assert (away[np.arange(len(points)), labels] <= away.min(1) + 1e-3).all(), "every point is with its nearest centre"


def test_kmeans_in_blocks_is_kmeans(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = clouds(5, 20)
    whole = kmeans(vectors, 5, np.random.default_rng(0))
    monkeypatch.setattr("tastelm.item_tokens.kmeans._BLOCK", 35)
    parts = kmeans(vectors, 5, np.random.default_rng(0))
    assert np.array_equal(whole[0], parts[0]) and np.allclose(whole[1], parts[1])

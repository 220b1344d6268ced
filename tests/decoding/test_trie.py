"""The trie of arrays against one of dictionaries."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data import Sequences
from tastelm.decoding.trie import Trie
from tastelm.errors import DataError

VOCABULARY = 4
catalogues = st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=4), max_size=14, unique_by=tuple)


def naive(lists: list[list[int]]) -> dict[Any, Any]:
    """token -> the dictionary below; "item" -> the item that ends here."""
    root: dict[Any, Any] = {}
    for item, tokens in enumerate(lists):
        node = root
        for token in tokens:
            node = node.setdefault(token, {})
        node["item"] = item
    return root


def items_of(node: dict[Any, Any]) -> list[int]:
    return sorted(found for key, below in node.items() for found in ([below] if key == "item" else items_of(below)))


@given(catalogues)
def test_every_state_is_that_of_the_dictionaries(lists: list[list[int]]) -> None:
    trie = Trie(Sequences.of(lists), VOCABULARY)
    level, states = [naive(lists)], np.zeros(1, np.int64)
    met = 0
    while len(states):
        met += len(states)
        assert trie.item(states).tolist() == [node.get("item", -1) for node in level]
        ways = [sorted(key for key in node if key != "item") for node in level]
        assert [np.flatnonzero(row).tolist() for row in trie.allowed(states)] == ways
        owners, tokens, below = trie.children(states)
        assert list(zip(owners, tokens, strict=True)) == [(at, token) for at, way in enumerate(ways) for token in way]
        for token in range(-1, VOCABULARY + 1):
            stepped = trie.step(states, np.full(len(states), token))
            known = {int(owner): int(state) for owner, found, state in zip(owners, tokens, below, strict=True) if found == token}
            assert stepped.tolist() == [known.get(at, -1) for at in range(len(states))]
        first, beyond = trie.below(states)
        for node, low, high in zip(level, first, beyond, strict=True):
            assert sorted(trie.order[low:high]) == items_of({key: value for key, value in node.items() if key != "item"})
        level, states = [level[owner][token] for owner, token in zip(owners, tokens, strict=True)], below
    assert met == len(trie) and trie.n_items == len(lists)
    assert [lists[item] for item in trie.order] == sorted(lists)


def test_nowhere_leads_nowhere() -> None:
    trie = Trie(Sequences.of([[0, 1], [0, 2], [3]]), VOCABULARY)
    nowhere = np.array([-1, 0, -1])
    assert trie.step(nowhere, np.array([0, 3, 3])).tolist() == [-1, 2, -1]
    assert trie.item(nowhere).tolist() == [-1, -1, -1] and trie.item(np.array([[2, -1]])).tolist() == [[2, -1]]
    assert trie.children(nowhere)[0].tolist() == [1, 1] and trie.allowed(nowhere).sum(1).tolist() == [0, 2, 0]


def test_a_large_vocabulary_does_not_overflow() -> None:
    trie = Trie(Sequences.of([[2**31 - 2, at] for at in range(9)]), 2**31 - 1)
    assert trie.item(trie.step(trie.step(np.zeros(1, np.int64), np.array([2**31 - 2])), np.array([7]))).tolist() == [7]


@pytest.mark.parametrize(("lists", "message"), [
    ([[1, 2], [0], [1, 2]], r"items 0 and 2 have the same tokens, \[1, 2\]: put another token behind one of them"),
    ([[1], []], r"a trie takes items of at least one token each, 0\.\.3"),
    ([[1], [4]], "a trie takes items"),
    ([[-1]], "a trie takes items"),
])  # fmt: skip
def test_catalogues_that_are_refused(lists: list[list[int]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Trie(Sequences.of(lists), VOCABULARY)

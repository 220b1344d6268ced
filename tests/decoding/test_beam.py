"""Beam search against the product of the conditionals, written out."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tastelm.data import Sequences
from tastelm.decoding.beam import beam_search, exhaustive
from tastelm.decoding.trie import Trie
from tastelm.errors import RunError, SettingError, ShapeError

ROWS, ITEMS, VOCABULARY = 3, 50, 6


def catalogue(seed: int, *, prefixes: bool = False) -> list[list[int]]:
    """50 items of 1 to 5 tokens, none of which begins another unless `prefixes`."""
    rng = np.random.default_rng(seed)
    found: list[list[int]] = []
    while len(found) < ITEMS:
        new = rng.integers(0, VOCABULARY, rng.choice([1, 2, 3, 4, 5], p=[0.02, 0.08, 0.3, 0.3, 0.3])).tolist()
        if new not in found and (prefixes or not any(new == old[: len(new)] or old == new[: len(old)] for old in found)):
            found.append(new)
    return found


class Table:
    """Another random distribution behind every prefix of every row; keeps the calls to be looked at."""

    def __init__(self, seed: int, sharp: float = 1.0) -> None:
        self.seed, self.sharp = seed, sharp
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def log_probs(self, row: int, prefix: list[int]) -> Tensor:
        drawn = np.random.default_rng([self.seed, row, len(prefix), *prefix]).normal(size=VOCABULARY)
        return torch.log_softmax(torch.from_numpy(self.sharp * drawn), 0)

    def __call__(self, prefixes: Tensor, owners: Tensor, parents: Tensor) -> Tensor:
        self.calls.append((prefixes, owners, parents))
        return torch.stack([self.log_probs(int(row), prefix.tolist()) for row, prefix in zip(owners, prefixes, strict=True)])


def products(table: Table, lists: list[list[int]]) -> Tensor:
    """(ROWS, N) by the chain rule."""
    return torch.tensor([[sum(float(table.log_probs(row, item[:at])[token]) for at, token in enumerate(item)) for item in lists] for row in range(ROWS)])


@pytest.mark.parametrize("prefixes", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_is_exhaustive(seed: int, prefixes: bool) -> None:
    lists, table = catalogue(seed, prefixes=prefixes), Table(seed)
    trie = Trie(Sequences.of(lists), VOCABULARY)
    truth = products(table, lists).double()
    assert torch.allclose(exhaustive(table, trie, ROWS), truth, atol=1e-6)
    for k in (1, 7, ITEMS):
        items, log_probs = beam_search(table, trie, rows=ROWS, beams=ITEMS, k=k)
        assert items.dtype == torch.int64 and torch.equal(items, truth.argsort(1, descending=True)[:, :k])
        assert torch.allclose(log_probs, truth.gather(1, items), atol=1e-6)


@given(st.integers(0, 9), st.integers(1, 6), st.integers(1, 12), st.booleans(), st.data())
def test_a_narrow_beam_finds_valid_distinct_items_with_their_own_probability(seed: int, beams: int, k: int, prefixes: bool, data: st.DataObject) -> None:
    lists, table = catalogue(seed, prefixes=prefixes), Table(seed, sharp=3)
    trie = Trie(Sequences.of(lists), VOCABULARY)
    keep = np.random.default_rng(seed).random((ROWS, ITEMS)) < data.draw(st.sampled_from([0.02, 0.5, 1.0]))
    items, log_probs = beam_search(table, trie, rows=ROWS, beams=beams, k=k, keep=keep)
    truth = products(table, lists).double()
    for row in range(ROWS):
        found = items[row][items[row] >= 0]
        assert len(found) == len(set(found.tolist())) and keep[row, found].all()
        assert (items[row, len(found) :] == -1).all() and (log_probs[row, len(found) :] == -torch.inf).all()
        assert torch.allclose(log_probs[row, : len(found)], truth[row, found], atol=1e-6)
        assert (log_probs[row, : len(found)].diff() <= 0).all()
        assert len(found) or not keep[row].any(), "prefixes without an item that may be found are not followed, so some item always is"


@pytest.mark.parametrize("seed", range(3))
def test_items_that_may_not_be_found_are_as_if_they_were_not_there(seed: int) -> None:
    lists, table = catalogue(seed), Table(seed)
    trie = Trie(Sequences.of(lists), VOCABULARY)
    keep = np.random.default_rng(seed).random((ROWS, ITEMS)) < 0.2
    truth = products(table, lists).double().masked_fill(~torch.from_numpy(keep), -torch.inf)
    items, log_probs = beam_search(table, trie, rows=ROWS, beams=ITEMS, k=30, keep=keep)
    values, best = truth.sort(1, descending=True)
    assert torch.equal(items, best[:, :30].where(values[:, :30] > -torch.inf, -1)) and torch.allclose(log_probs, values[:, :30], atol=1e-6)
    for row in range(ROWS):
        kept = np.flatnonzero(keep[row])
        alone = Trie(Sequences.of([lists[item] for item in kept]), VOCABULARY)
        narrow = beam_search(lambda p, o, q, row=row: table(p, torch.full_like(o, row), q), alone, rows=1, beams=2, k=5)[0][0]
        same = beam_search(table, trie, rows=ROWS, beams=2, k=5, keep=keep)[0][row]
        assert [int(kept[item]) if item >= 0 else -1 for item in narrow] == same.tolist(), "a narrow beam spends nothing on them"


def fixed(table: dict[tuple[int, ...], list[float]]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda prefixes, owners, parents: torch.tensor([table[tuple(prefix.tolist())] for prefix in prefixes]).log()


def test_a_finished_item_is_kept_beside_more_probable_prefixes() -> None:
    """[0] has .2; both beams go to better prefixes, [1] and [2], whose items have .16 or less."""
    trie = Trie(Sequences.of([[0], [1, 0], [1, 1], [2, 0], [2, 1]]), 3)
    score = fixed({(): [0.2, 0.4, 0.4], (1,): [0.4, 0.39, 0.21], (2,): [0.38, 0.37, 0.25]})
    items, log_probs = beam_search(score, trie, rows=1, beams=2, k=3)
    assert items.tolist() == [[0, 1, 2]] and torch.allclose(log_probs.exp(), torch.tensor([[0.2, 0.16, 0.156]]).double(), atol=1e-6)


def test_a_short_item_is_overtaken_by_a_longer_one_and_hopeless_prefixes_stop() -> None:
    trie = Trie(Sequences.of([[0], [1, 0, 0], [2, 0, 0]]), 3)
    calls = []

    def score(prefixes: Tensor, owners: Tensor, parents: Tensor) -> Tensor:
        calls.append(prefixes.tolist())
        return torch.tensor([[0.3, 0.6, 0.1]] if not prefixes.shape[1] else [[0.9, 0.05, 0.05]] * len(prefixes)).log()

    assert beam_search(score, trie, rows=1, beams=3, k=1)[0].tolist() == [[1]]
    assert calls == [[[]], [[1]], [[1, 0]]], "[2] has .1 and can never reach the .3 of [0]"


def test_parents_lead_to_the_prefixes_of_the_call_before() -> None:
    lists, table = catalogue(0), Table(0)
    beam_search(table, Trie(Sequences.of(lists), VOCABULARY), rows=ROWS, beams=4, k=5)
    prefixes, owners, parents = table.calls[0]
    assert prefixes.shape == (ROWS, 0) and owners.tolist() == parents.tolist() == [0, 1, 2]
    assert len(table.calls) > 2
    for (before, owned, _), (after, owners, parents) in zip(table.calls[:-1], table.calls[1:], strict=True):
        assert torch.equal(after[:, :-1], before[parents]) and torch.equal(owners, owned[parents])
        assert int(owners.bincount().max()) <= 4 and (owners.diff() >= 0).all()


def test_ties_follow_no_order_of_tokens_and_no_other_row() -> None:
    """A model that knows nothing must not recommend the items with the first tokens."""
    trie = Trie(Sequences.of([[at // 100, at // 10 % 10, at % 10] for at in range(1000)]), 10)

    def score(prefixes: Tensor, owners: Tensor, parents: Tensor) -> Tensor:
        return torch.zeros(len(prefixes), 10)

    items, _ = beam_search(score, trie, rows=2, beams=20, k=10)
    assert torch.equal(items[0], items[1]) and items[0].float().mean() > 200 and len({int(item) // 100 for item in items[0]}) > 3
    keep = np.ones((2, 1000), np.bool_)
    keep[1, :990] = False
    assert torch.equal(beam_search(score, trie, rows=2, beams=20, k=10, keep=keep)[0][0], items[0])


def test_items_of_probability_zero_are_not_found() -> None:
    trie = Trie(Sequences.of([[0, 0], [1, 0], [1, 1]]), 2)
    items, log_probs = beam_search(fixed({(): [0.0, 1.0], (1,): [1.0, 0.0]}), trie, rows=1, beams=3, k=3)
    assert items.tolist() == [[1, -1, -1]] and log_probs.tolist() == [[0.0, -torch.inf, -torch.inf]]


def test_no_rows_and_no_items() -> None:
    empty = Trie(Sequences.of([]), 2)
    assert beam_search(Table(0), Trie(Sequences.of([[0]]), VOCABULARY), rows=0, beams=2, k=3)[0].shape == (0, 3)
    assert beam_search(lambda p, o, q: torch.zeros(len(p), 2), empty, rows=2, beams=2, k=1)[0].tolist() == [[-1], [-1]]


def test_what_does_not_fit() -> None:
    trie = Trie(Sequences.of([[0], [1]]), 2)
    with pytest.raises(SettingError, match="beams: 0 does not fit"):
        beam_search(Table(0), trie, rows=1, beams=0, k=1)
    with pytest.raises(ShapeError, match=r"keep of shape \(1, 3\): give a yes or no for each row and item, \(1, 2\)"):
        beam_search(Table(0), trie, rows=1, beams=1, k=1, keep=np.ones((1, 3), np.bool_))
    with pytest.raises(ShapeError, match=r"a score of shape \(1, 6\) for 1 prefixes: it must be \(1, 2\)"):
        beam_search(Table(0), trie, rows=1, beams=1, k=1)
    with pytest.raises(RunError, match="not numbers"):
        beam_search(lambda p, o, q: torch.full((len(p), 2), torch.nan), trie, rows=1, beams=1, k=1)

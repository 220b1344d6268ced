"""Views: everything is shown, once an epoch, in batches of equal work."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.views import ItemSequences, Pairs

ROWS = st.lists(st.integers(0, 40), min_size=0, max_size=15)


def numbered(lengths: list[int]) -> Sequences:
    """Sequences whose every item is unlike all others, so that a place can be told by its item."""
    return Sequences.from_lengths(np.arange(sum(lengths), dtype=np.int32), lengths)


def shown(view: ItemSequences, epoch: int = 0, seed: int = 0) -> list[list[int]]:
    """Every window of an epoch."""
    batches = view.batches(epoch, seed)
    return [window.tolist() for index in range(len(batches)) for window in batches[index]]


@given(lengths=ROWS, window=st.integers(2, 9), targets=st.integers(1, 50), epoch=st.integers(0, 3))
def test_every_transition_is_a_target_once_an_epoch(lengths: list[int], window: int, targets: int, epoch: int) -> None:
    sequences = numbered(lengths)
    windows = shown(ItemSequences(sequences, window, 1, targets), epoch)
    assert all(2 <= len(row) <= window for row in windows)
    found = Counter((a, b) for row in windows for a, b in pairwise(row))
    assert found == Counter((int(a), int(b)) for row in sequences for a, b in pairwise(row))


@given(lengths=ROWS, window=st.integers(1, 9), targets=st.integers(1, 50), epoch=st.integers(0, 3))
def test_every_item_is_shown_once_an_epoch(lengths: list[int], window: int, targets: int, epoch: int) -> None:
    windows = shown(ItemSequences(numbered(lengths), window, 0, targets), epoch)
    assert all(1 <= len(row) <= window for row in windows)
    assert sorted(item for row in windows for item in row) == list(range(sum(lengths)))


@given(lengths=ROWS, window=st.integers(2, 9), targets=st.integers(1, 50), overlap=st.integers(0, 1))
def test_the_last_window_alone(lengths: list[int], window: int, targets: int, overlap: int) -> None:
    sequences = numbered(lengths)
    windows = shown(ItemSequences(sequences, window, overlap, targets, windows="last"))
    assert sorted(windows) == sorted(row[-window:].tolist() for row in sequences if len(row) > overlap)


@given(lengths=ROWS, window=st.integers(2, 30), targets=st.integers(1, 60), overlap=st.integers(0, 1))
def test_batches_hold_equal_work_and_none_is_empty(lengths: list[int], window: int, targets: int, overlap: int) -> None:
    batches = ItemSequences(numbered(lengths), window, overlap, targets).batches(0, 0)
    work = [int((batches[index].lengths - overlap).sum()) for index in range(len(batches))]
    total = sum(max(0, length - overlap) for length in lengths)
    assert sum(work) == total and all(work)
    if total:
        share = total / max(1, round(total / targets))
        assert all(abs(part - share) < window for part in work), "to within a window of its share"


@pytest.mark.parametrize("targets", [1, 2, 3])
def test_a_window_larger_than_a_batch_leaves_no_empty_batch(targets: int) -> None:
    for epoch in range(5):
        batches = ItemSequences(Sequences.of([[1, 2], list(range(8))] * 3), 10, 1, targets).batches(epoch, 0)
        assert len(batches) and all(len(batches[index]) for index in range(len(batches)))


def test_nothing_long_enough_is_no_batch() -> None:
    for sequences in (Sequences.of([[1], [2], []]), Sequences.of([]), Sequences.of([[]])):
        assert len(ItemSequences(sequences, 5, 1, 10).batches(0, 0)) == 0
    assert shown(ItemSequences(Sequences.of([[1], [4, 5], []]), 5, 1, 10)) == [[4, 5]]


def test_windows_of_fewer_items_than_are_of_use_are_not_shown() -> None:
    sequences = Sequences.of([[1], [4, 5], [], [6], [7, 8, 9]])
    for epoch in range(4):
        assert all(len(window) > 1 for window in shown(ItemSequences(sequences, 2, 0, 10, least=2), epoch))
    assert sorted(map(len, shown(ItemSequences(sequences, 5, 0, 10)))) == [1, 1, 2, 3]
    assert len(ItemSequences(Sequences.of([[1], [2]]), 5, 0, 10, least=2).batches(0, 0)) == 0


def test_the_same_seed_and_epoch_give_the_same_batches_and_others_do_not() -> None:
    view = ItemSequences(numbered([3, 17, 30, 8, 2, 40, 5] * 4), 8, 1, 32)
    assert shown(view, 2, 5) == shown(view, 2, 5)
    for epoch, seed in ((3, 5), (2, 6)):
        assert shown(view, epoch, seed) != shown(view, 2, 5)
        assert sorted(map(tuple, shown(view, epoch, seed))) != sorted(map(tuple, shown(view, 2, 5))), "the cuts of long histories move too"


def test_any_batch_can_be_asked_for_without_those_before_it() -> None:
    view = ItemSequences(numbered([9] * 20), 8, 1, 32)
    whole, again = view.batches(1, 1), view.batches(1, 1)
    for index in reversed(range(len(whole))):
        assert [row.tolist() for row in again[index]] == [row.tolist() for row in whole[index]]


def test_cuts_fall_everywhere() -> None:
    """The first item of a window is read without its past; over the epochs that befalls every item alike."""
    view = ItemSequences(numbered([60]), 10, 1, 1000)
    starts = Counter(row[0] for epoch in range(900) for row in shown(view, epoch) if row[0])
    assert set(starts) == set(range(1, 59)) and max(starts.values()) < 2 * min(starts.values())


@given(lengths=ROWS, size=st.integers(1, 20), epoch=st.integers(0, 3))
def test_pairs_show_every_interaction_once_with_its_user(lengths: list[int], size: int, epoch: int) -> None:
    sequences = numbered(lengths)
    batches = Pairs(sequences, size).batches(epoch, 0)
    found = [batches[index] for index in range(len(batches))]
    assert all(len(users) == len(items) == size for users, items in found[:-1])
    pairs = [(int(user), int(item)) for users, items in found for user, item in zip(users, items, strict=True)]
    assert sorted(pairs) == [(user, int(item)) for user, row in enumerate(sequences) for item in row]


def test_pairs_are_shuffled_by_seed_and_epoch() -> None:
    def order(epoch: int, seed: int) -> list[int]:
        return Pairs(numbered([10, 10]), 20).batches(epoch, seed)[0][1].tolist()

    assert order(0, 0) == order(0, 0) and len({tuple(order(epoch, seed)) for epoch in (0, 1) for seed in (0, 1)}) == 4
    assert order(0, 0) != sorted(order(0, 0))

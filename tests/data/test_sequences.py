import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data import Sequences
from tastelm.data.sequences import UserWindows
from tastelm.errors import DataError, ShapeError

ragged = st.lists(st.lists(st.integers(0, 99), max_size=6), max_size=8)


def plain(sequences):
    return [sequence.tolist() for sequence in sequences]


@given(ragged)
def test_lists_come_back(lists):
    made = Sequences.of(lists)
    assert plain(made) == lists and len(made) == len(lists)
    assert made.lengths.tolist() == [len(one) for one in lists]
    assert made.owners.tolist() == [index for index, one in enumerate(lists) for _ in one]
    assert plain(Sequences.of(np.asarray(one, np.int64) for one in lists)) == lists


@given(ragged, st.integers(0, 4))
def test_last_values(lists, count):
    assert plain(Sequences.of(lists).last(count)) == [one[max(0, len(one) - count) :] for one in lists]


@given(ragged, st.integers(0, 9))
def test_append(lists, value):
    assert plain(Sequences.of(lists).append(value)) == [[*one, value] for one in lists]


@given(ragged.filter(bool), st.data())
def test_take(lists, data):
    index = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=9))
    assert plain(Sequences.of(lists).take(np.asarray(index, np.int64))) == [lists[one] for one in index]


def test_windows_by_hand():
    made = Sequences.of([[1, 2, 3, 4], [5]])
    assert plain(made.windows(np.array([1, 0, 4]), np.array([2, 0, 1]))) == [[2, 3], [], [5]]
    assert plain(Sequences.from_lengths(np.arange(3), [1, 2])) == [[0], [1, 2]]


@given(ragged, st.booleans())
def test_saved_sequences_come_back(tmp_path_factory, lists, memory_map):
    folder = tmp_path_factory.mktemp("sequences")
    Sequences.of(lists).save(folder)
    assert plain(Sequences.load(folder, memory_map=memory_map)) == lists


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(DataError, match=r"not a folder of sequences .* Write it again with Sequences.save"):
        Sequences.load(tmp_path)
    (tmp_path / "values.npy").write_bytes(b"oops")
    with pytest.raises(DataError, match="not a folder of sequences"):
        Sequences.load(tmp_path)


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 3], [0, 2, 1, 2], [[0, 2]]])
def test_offsets_that_do_not_fit(offsets):
    with pytest.raises(ShapeError):
        Sequences(np.array([7, 8]), np.array(offsets, np.int64))


@pytest.mark.parametrize("index", [-1, 2])
def test_places_outside(index):
    with pytest.raises(IndexError, match=f"sequence {index} of 2"):
        Sequences.of([[1], [2]])[index]


def test_windows_stay_those_of_their_users_when_items_fall_away_or_change() -> None:
    windows = UserWindows.owned(Sequences.of([[1, 2, 3], [4], [5, 6]]), np.array([7, -1, 2], np.int32))
    for made in (windows.keep(windows.values != 4), windows.replaced(windows.values + 1), windows.last(1)):
        assert isinstance(made, UserWindows) and made.users.tolist() == [7, -1, 2] and made.users.dtype == np.int64
    assert windows.last(1).values.tolist() == [3, 4, 6] and windows.keep(windows.values != 4).lengths.tolist() == [3, 0, 2]

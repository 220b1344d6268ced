"""Changed copies: what they keep, how long they are, and that they follow the generator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.objectives.augment import Crop, Insert, Mask, OneOf, Reorder, Substitute, like, shuffled_within, some_of_each

from .toys import rng

ALIKE = np.array([[1, 2], [0, -1], [-1, -1], [4, 0], [3, 1], [0, 1]])
BATCH = Sequences.of([[0, 1, 2, 3, 4, 5], [5], [4, 3, 2, 1], [2, 2, 2]])
CHANGES = [Crop(0.5), Mask(6, 0.5), Reorder(0.7), Substitute(ALIKE, 0.5), Insert(ALIKE, 6, 0.5), OneOf((Crop(0.5), Mask(6), Reorder()))]
ragged = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=9), min_size=1, max_size=8)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
@given(rows=ragged, seed=st.integers(0, 9))
def test_every_sequence_keeps_something_and_the_same_generator_gives_the_same_copy(change: Crop, rows: list[list[int]], seed: int) -> None:
    batch = Sequences.of(rows)
    before = batch.values.copy()
    made, again = change(batch, rng(seed)), change(batch, rng(seed))
    assert len(made) == len(batch) and (made.lengths >= 1).all() and (made.lengths <= np.maximum(batch.lengths, 6)).all()
    assert (made.values == again.values).all() and (made.offsets == again.offsets).all()
    assert (batch.values == before).all()


def test_a_crop_is_a_stretch_of_its_sequence() -> None:
    for seed in range(20):
        made = Crop(0.5)(BATCH, rng(seed))
        assert made.lengths.tolist() == [3, 1, 2, 1]
        first = made[0].tolist()
        assert first == list(range(first[0], first[0] + 3))
    assert len({Crop(0.5)(BATCH, rng(seed))[0][0] for seed in range(40)}) == 4, "a crop begins anywhere"


def test_a_mask_hides_its_share_and_leaves_the_rest() -> None:
    made = Mask(6, 0.5)(BATCH, rng())
    hidden = made.values == 6
    assert [int(hidden[made.owners == row].sum()) for row in range(4)] == [3, 0, 2, 1]
    assert (made.values[~hidden] == BATCH.values[~hidden]).all()


def test_a_reordering_keeps_the_items_and_what_stands_outside_its_stretch() -> None:
    moved = 0
    for seed in range(20):
        made = Reorder(0.5)(BATCH, rng(seed))
        assert all(sorted(a) == sorted(b) for a, b in zip(made, BATCH, strict=True))
        changed = np.flatnonzero(made[0] != BATCH[0])
        assert len(changed) == 0 or changed[-1] - changed[0] < 3
        moved += len(changed) > 0
    assert moved > 5


def test_substitutes_and_insertions_are_alike() -> None:
    made = Substitute(ALIKE, 1.0)(BATCH, rng())
    assert all(new in ALIKE[old] if (ALIKE[old] >= 0).any() else new == old for new, old in zip(made.values, BATCH.values, strict=True))
    longer = Insert(ALIKE, 20, 1.0)(Sequences.of([[0, 2, 3]]), rng())[0].tolist()
    assert len(longer) == 5 and longer[1] == 0 and longer[2] == 2 and longer[4] == 3 and longer[0] in (1, 2) and longer[3] in (0, 4)
    assert Insert(ALIKE, 3, 1.0)(Sequences.of([[0, 2, 3]]), rng())[0].tolist() == longer[-3:]


def test_times_stay_with_their_places() -> None:
    timed = Sequences.of([[0, 1, 2, 3]])
    timed = Sequences(timed.values, timed.offsets, np.array([1.0, 2.0, 3.0, 4.0]))
    assert Reorder(1.0)(timed, rng()).times.tolist() == [1, 2, 3, 4]  # type: ignore[union-attr]
    assert np.diff(Insert(ALIKE, 9, 1.0)(timed, rng()).times).min() >= 0  # type: ignore[arg-type]
    crop = Crop(0.5)(timed, rng())
    assert (crop.times == crop.values + 1).all()


def test_one_of_draws_for_each_sequence_on_its_own() -> None:
    made = OneOf((Crop(0.01), Mask(6, 1.0)))(Sequences.of([[0, 1, 2, 3]] * 60), rng())
    assert {len(row) for row in made} == {1, 4} and all((row == 6).all() or len(row) == 1 for row in made)


def test_some_of_each_draws_without_putting_back() -> None:
    chosen = some_of_each(BATCH, np.array([2, 1, 9, 0]), rng())
    assert [int(chosen[BATCH.owners == row].sum()) for row in range(4)] == [2, 1, 4, 0]


def test_shuffling_stays_within_the_owner() -> None:
    owners, inside = np.array([0, 0, 0, 1, 1, 1]), np.array([True, True, False, True, True, True])
    orders = np.array([shuffled_within(owners, inside, rng(seed)) for seed in range(50)])
    assert (np.sort(orders, axis=1) == np.arange(6)).all() and (orders[:, 2] == 2).all()
    assert (owners[orders] == owners).all() and len(np.unique(orders, axis=0)) == 12


def test_like_takes_none_from_an_empty_row() -> None:
    assert like(ALIKE, np.array([2, 1]), rng()).tolist() == [-1, 0]

"""Packing: every token has one place, sequences share rows and nothing else, and little room is wasted."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tastelm.nn.packing import pack

LENGTHS = st.lists(st.integers(0, 20), min_size=0, max_size=60)
WIDTHS = st.integers(20, 70)


@given(lengths=LENGTHS, width=WIDTHS)
def test_every_token_has_one_place_beside_its_own(lengths: list[int], width: int) -> None:
    layout = pack(np.array(lengths, dtype=np.int64), width)
    place, rows = layout.place.tolist(), layout.segment.shape[0]
    assert len(place) == sum(lengths) == len(set(place)) and all(0 <= at < rows * width for at in place)
    at = 0
    for code, length in enumerate(lengths):
        own = place[at : at + length]
        assert own == list(range(own[0], own[0] + length)) if length else own == [], "a sequence stands together"
        assert len({spot // width for spot in own}) <= 1, "in one row"
        assert (layout.segment.flatten()[own] == code + 1).all(), "under its own number"
        assert layout.position[at : at + length].tolist() == list(range(length))
        assert layout.from_end[at : at + length].tolist() == list(range(length))[::-1]
        at += length
    empty = np.setdiff1d(np.arange(rows * width), place)
    assert (layout.segment.flatten()[empty] == 0).all()


@given(lengths=LENGTHS, width=WIDTHS)
def test_little_is_wasted(lengths: list[int], width: int) -> None:
    """All rows but one are more than half full, as of any best fit: two half-empty rows would have been one."""
    layout = pack(np.array(lengths, dtype=np.int64), width)
    filled = (layout.segment > 0).sum(1)
    assert (filled * 2 <= width).sum() <= 1


def test_realistic_histories_fill_their_rows() -> None:
    lengths = np.minimum(np.random.default_rng(0).geometric(0.12, size=400) + 2, 50)
    layout = pack(lengths, 64)
    assert lengths.sum() / layout.segment.numel() > 0.98


def test_full_rows_waste_nothing() -> None:
    assert pack(np.array([40, 24, 64, 32, 32]), 64).segment.shape == (3, 64)


def test_a_sequence_longer_than_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="a sequence of 21 tokens does not fit a row of 20"):
        pack(np.array([3, 21]), 20)


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_who_may_look_at_whom(lengths: list[int]) -> None:
    layout = pack(np.array(lengths), 8)
    both, causal = layout.mask(causal=False), layout.mask(causal=True)
    assert both.shape == causal.shape == (layout.segment.shape[0], 1, 8, 8)
    for row, segments in enumerate(layout.segment.tolist()):
        for place, mine in enumerate(segments):
            for other, theirs in enumerate(segments):
                assert both[row, 0, place, other] == (mine == theirs)
                assert causal[row, 0, place, other] == (mine == theirs and other <= place)


@given(lengths=LENGTHS.filter(any), width=WIDTHS)
def test_spread_and_gather_undo_each_other(lengths: list[int], width: int) -> None:
    layout = pack(np.array(lengths, dtype=np.int64), width)
    flat = torch.randn(sum(lengths), 3)
    spread = layout.spread(flat)
    assert spread.shape == (*layout.segment.shape, 3) and torch.equal(layout.gather(spread), flat)
    assert (spread[layout.segment == 0] == 0).all()
    assert layout.spread(layout.position).shape == layout.segment.shape

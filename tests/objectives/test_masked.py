"""The cloze task: how many items are hidden, which, and what is asked about them."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.item_loss import BCE, FullSoftmax, Negatives
from tastelm.objectives.masked import MaskedItems, hide

from .toys import Recorder, rng

ROWS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=12), min_size=1, max_size=8)
BATCH = Sequences.of([[4, 2, 5], [1], [3, 3, 3, 1, 0]])
Count = Literal["exact", "bernoulli"]


def per_row(hidden: np.ndarray, batch: Sequences) -> list[list[bool]]:
    return [part.tolist() for part in np.split(hidden, batch.offsets[1:-1])]


@given(rows=ROWS, rate=st.floats(0.01, 1.0), seed=st.integers(0, 99))
def test_the_count_is_the_papers(rows: list[list[int]], rate: float, seed: int) -> None:
    batch = Sequences.of(rows)
    for row in per_row(hide(batch, rate, 0.0, "exact", rng(seed)), batch):
        assert sum(row) == max(1, round(rate * len(row)))


@given(rows=ROWS, rate=st.floats(0.0, 1.0), last=st.floats(0.0, 1.0), count=st.sampled_from(["exact", "bernoulli"]), seed=st.integers(0, 99))
def test_every_sequence_asks_something(rows: list[list[int]], rate: float, last: float, count: Count, seed: int) -> None:
    batch = Sequences.of(rows)
    assert all(any(row) for row in per_row(hide(batch, rate, last, count, rng(seed)), batch))


@given(rows=ROWS, count=st.sampled_from(["exact", "bernoulli"]), seed=st.integers(0, 99))
def test_where_the_last_alone_is_hidden_it_is_the_one_label(rows: list[list[int]], count: Count, seed: int) -> None:
    batch = Sequences.of(rows)
    for row in per_row(hide(batch, 0.9, 1.0, count, rng(seed)), batch):
        assert row == [False] * (len(row) - 1) + [True]


@pytest.mark.parametrize(("count", "expected"), [("exact", 0.3), ("bernoulli", 0.3 + 0.7 / 10)])
def test_every_place_is_hidden_equally_often(count: Count, expected: float) -> None:
    """By chance each item is hidden with the rate, and one of the ten in any case."""
    batch = Sequences.of([range(10)] * 3000)
    share = np.array(per_row(hide(batch, 0.3, 0.0, count, rng()), batch)).mean(0)
    np.testing.assert_allclose(share, expected, atol=0.035)


@given(rows=ROWS, rate=st.floats(0.0, 1.0), seed=st.integers(0, 99))
def test_by_chance_something_stays_to_be_seen(rows: list[list[int]], rate: float, seed: int) -> None:
    batch = Sequences.of(rows)
    assert all(not all(row) or len(row) == 1 for row in per_row(hide(batch, rate, 0.0, "bernoulli", rng(seed)), batch))


def test_by_chance_counts_differ_from_sequence_to_sequence() -> None:
    batch = Sequences.of([range(10)] * 3000)
    counts = np.array(per_row(hide(batch, 0.3, 0.0, "bernoulli", rng()), batch)).sum(1)
    assert counts.var() == pytest.approx(9 * 0.3 * 0.7, rel=0.1), "a drawn item, and a binomial number of the nine others"
    certain = np.array(per_row(hide(batch, 1.0, 0.0, "bernoulli", rng()), batch))
    assert (certain.sum(1) == 9).all() and certain.mean(0) == pytest.approx(0.9, abs=0.03), "the one that is shown is drawn too"


@pytest.mark.parametrize("last", [0.0, 0.25, 1.0])
def test_the_share_of_sequences_that_ask_for_the_last_alone(last: float) -> None:
    batch = Sequences.of([range(10)] * 2000)
    hidden = np.array(per_row(hide(batch, 0.5, last, "exact", rng()), batch))
    alone = (hidden.sum(1) == 1).mean()
    assert alone == pytest.approx(last, abs=0.04)


def test_masks_are_drawn_anew_from_the_generator_handed_in() -> None:
    batch = Sequences.of([range(20)] * 5)
    first, again, other = (hide(batch, 0.3, 0.1, "exact", rng(seed)) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("count", ["exact", "bernoulli"])
def test_hidden_items_are_replaced_by_the_mask_and_asked_for(count: Count) -> None:
    module = Recorder(mask=True, bias=True)
    outcome = MaskedItems(FullSoftmax(), rate=0.4, last=0.3, count=count)(module, BATCH, rng(3))
    hidden = hide(BATCH, 0.4, 0.3, count, rng(3))
    shown = np.concatenate([np.array(row) for row in module.shown])
    assert (shown[hidden] == 6).all() and (shown[~hidden] == BATCH.values[~hidden]).all(), "code 6 is the mask of six items"
    labels = torch.from_numpy(BATCH.values[hidden].astype(np.int64))
    states = module.places[: len(shown)][torch.from_numpy(hidden)]
    torch.testing.assert_close(outcome.loss, F.cross_entropy(module.items.scores(states), labels))
    assert outcome.targets == hidden.sum()


def test_what_is_not_hidden_is_no_label() -> None:
    module, objective = Recorder(mask=True), MaskedItems(FullSoftmax(), rate=0.4)
    hidden = hide(BATCH, 0.4, 0.1, "exact", rng())
    other = Sequences(np.where(hidden, BATCH.values, (BATCH.values + 1) % 6).astype(np.int32), BATCH.offsets)
    assert torch.equal(objective(module, BATCH, rng()).loss, objective(module, other, rng()).loss)
    objective(module, BATCH, rng()).loss.backward()
    assert (module.places.grad[: len(hidden)][torch.from_numpy(~hidden)] == 0).all()  # type: ignore[index]
    assert (module.places.grad[: len(hidden)][torch.from_numpy(hidden)] != 0).any(1).all()  # type: ignore[index]


def test_the_batch_is_left_as_it_was() -> None:
    before = BATCH.values.copy()
    objective, module = MaskedItems(BCE(Negatives(3))), Recorder(mask=True)
    losses = [float(objective(module, BATCH, rng(seed)).loss.detach()) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2] and (BATCH.values == before).all()

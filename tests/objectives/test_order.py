"""Was it rearranged, do two parts follow each other: labels, balance, and what is left alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from tastelm.data.sequences import Sequences
from tastelm.objectives.order import FollowingPart, RearrangedSequence, pooled, rearrange

from .toys import Recorder, rng

BATCH = Sequences.of([[0, 1, 2, 3], [5, 4, 3], [1, 2, 5, 0, 4], [2]])


class Judge(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Linear(4, 1)
        self.timed: list[bool] = []

    def forward(self, sequences: Sequences) -> torch.Tensor:
        self.timed.append(sequences.times is not None)
        return super().forward(sequences)


@given(rows=st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=6), seed=st.integers(0, 5))
def test_a_rearranged_sequence_keeps_its_items_and_the_label_tells_whether_it_changed(rows: list[list[int]], seed: int) -> None:
    batch, wanted = Sequences.of(rows), rng(seed).random(len(rows)) < 0.5
    values, changed = rearrange(batch, wanted, rng(seed))
    made = batch.replaced(values)
    for index, (old, new) in enumerate(zip(batch, made, strict=True)):
        assert sorted(old) == sorted(new) and changed[index] == (old.tolist() != new.tolist())
        assert wanted[index] or not changed[index]
        if wanted[index] and len(set(old.tolist())) > 2:
            assert changed[index], "an order that changes nothing is drawn again"


def test_half_of_the_sequences_are_rearranged() -> None:
    batch = Sequences.of([range(6)] * 600)
    _, changed = rearrange(batch, rng().random(600) < 0.5, rng(1))
    assert changed.mean() == pytest.approx(0.5, abs=0.06)


def test_the_loss_is_that_of_the_pooled_states_and_no_time_is_shown() -> None:
    module = Judge()
    timed = Sequences(BATCH.values, BATCH.offsets, np.arange(13.0))
    outcome = RearrangedSequence()(module, timed, rng(2))
    assert module.timed == [False] and outcome.targets == 4
    draws = rng(2)
    _, changed = rearrange(timed, draws.random(4) < 0.5, draws)
    logits = module.judge(pooled(module.places[:13], BATCH))[:, 0]
    torch.testing.assert_close(outcome.loss, F.binary_cross_entropy_with_logits(logits, torch.from_numpy(changed).float()))


@pytest.mark.parametrize("wrong", ["other", "swapped"])
def test_parts_follow_each_other_or_do_not(wrong: str) -> None:
    rows = [[0, 1, 2, 3], [4, 5], [1, 3, 5], [2, 4, 0, 1, 5], [3]]
    batch, right, changed = Sequences.of(rows), 0, 0
    for seed in range(30):
        module = Judge()
        outcome = FollowingPart(wrong)(module, batch, rng(seed))  # type: ignore[arg-type]
        assert outcome.targets == 4 and torch.isfinite(outcome.loss), "a single item has no two parts"
        for shown, row in zip(module.shown, rows, strict=False):
            right += shown == row
            if wrong == "swapped" and shown != row:
                assert sorted(shown) == sorted(row) and any(row[cut:] + row[:cut] == shown for cut in range(1, len(row)))
            changed += shown != row
    assert 30 < right < 90 and right + changed == 120


def test_a_sequence_alone_has_nobody_to_change_its_second_part_with() -> None:
    module = Judge()
    for seed in range(8):
        FollowingPart("other")(module, Sequences.of([[0, 1, 2]]), rng(seed))
        assert module.shown == [[0, 1, 2]]


def test_pooling_is_the_mean_and_zero_for_nothing() -> None:
    states = torch.tensor([[1.0], [3.0], [5.0]])
    assert pooled(states, Sequences.of([[0, 0], [], [1]])).flatten().tolist() == [2, 0, 5]


def test_a_batch_without_two_parts_has_no_loss() -> None:
    outcome = FollowingPart()(Judge(), Sequences.of([[1], [], [2]]), rng(0))
    assert float(outcome.loss.detach()) == 0 and outcome.loss.requires_grad and outcome.targets == 0

"""Permuted modelling: who is asked, in which turn, and that nobody sees the own answer."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tastelm.data.sequences import Sequences
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import SequenceTransformer, Shape
from tastelm.nn.two_stream import TwoStreamRecommender
from tastelm.objectives.item_loss import FullSoftmax
from tastelm.objectives.permuted import PermutedItems, draw_turns

from .toys import rng

BATCH = Sequences.of([[0, 1, 2, 3, 4], [5, 4, 3], [1, 2]])


def model(positions: str = "rotary") -> TwoStreamRecommender:
    torch.manual_seed(0)
    shape = Shape(8, 2, 2, 10, 0.0, positions=positions, init="xavier")  # type: ignore[arg-type]
    return TwoStreamRecommender(ItemTable(6, 8, mask=True, scale=20.0), SequenceTransformer(shape, causal=False), ask="mask").eval()


@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=6), rate=st.floats(0.05, 1), span=st.integers(1, 6), seed=st.integers(0, 5))
def test_something_is_known_and_something_asked_in_turns_of_its_own(lengths: list[int], rate: float, span: int, seed: int) -> None:
    batch = Sequences.of([range(length) for length in lengths])
    turns = draw_turns(batch, rate, span, 0.3, rng(seed))
    for index, length in enumerate(lengths):
        own = turns[batch.owners == index]
        asked = np.sort(own[own > 0])
        assert asked.tolist() == list(range(1, len(asked) + 1))
        assert (len(asked) == 0) if length == 1 else (1 <= len(asked) < length)


def test_the_share_that_is_asked_for_is_the_rate() -> None:
    batch = Sequences.of([range(30)] * 400)
    assert (draw_turns(batch, 0.3, 5, 0.0, rng()) > 0).mean() == pytest.approx(0.3, abs=0.03)
    last = draw_turns(batch, 0.3, 5, 1.0, rng())
    assert np.flatnonzero(last).tolist() == (batch.offsets[1:] - 1).tolist()


@pytest.mark.parametrize("positions", ["start", "end", "rotary"])
def test_a_question_is_blind_to_its_own_item_and_to_those_told_later(positions: str) -> None:
    module, turns = model(positions), torch.tensor([0, 2, 0, 1, 3, 0, 0, 1, 0, 1])
    states = module(BATCH, turns)
    for changed in range(10):
        values = BATCH.values.copy()
        values[changed] = (values[changed] + 1) % 6
        moved = (module(BATCH.replaced(values), turns) - states).abs().amax(1) > 1e-6
        for asked in torch.nonzero(turns).flatten().tolist():
            sees = BATCH.owners[asked] == BATCH.owners[changed] and turns[changed] < turns[asked]
            assert moved[asked] == bool(sees), f"item {changed} (turn {turns[changed]}) and question {asked} (turn {turns[asked]})"


def test_in_the_order_of_the_sequence_content_is_a_causal_model() -> None:
    module = model()
    turns = torch.from_numpy(np.arange(10) - BATCH.offsets[:-1][BATCH.owners] + 1)
    seen = dict[str, torch.Tensor]()
    module.backbone.blocks[-1].attention.key_value.register_forward_hook(lambda _, given, out: seen.update({str(len(seen)): given[0]}))
    module(BATCH, turns)
    causal = SequenceTransformer(module.backbone.shape, causal=True).eval()
    causal.load_state_dict(module.backbone.state_dict())
    causal.blocks[-1].attention.key_value.register_forward_hook(lambda _, given, out: seen.update(causal=given[0]))
    causal(module.items(module.codes(BATCH)), BATCH.lengths)
    # What the last block reads of the content stream, for itself and for the query stream, is what a causal encoder reads there.
    torch.testing.assert_close(seen["0"], seen["causal"])
    torch.testing.assert_close(seen["1"], seen["causal"])


def test_the_loss_is_that_of_the_asked_items() -> None:
    module = model()
    outcome = PermutedItems(FullSoftmax(), rate=0.5, span=2, last=0.0)(module, BATCH, rng(1))
    turns = draw_turns(BATCH, 0.5, 2, 0.0, rng(1))
    asked = torch.from_numpy(np.flatnonzero(turns))
    states = module(BATCH, torch.from_numpy(turns))[asked]
    expected = torch.nn.functional.cross_entropy(module.items.scores(states), torch.from_numpy(BATCH.values.astype(np.int64))[asked])
    torch.testing.assert_close(outcome.loss, expected)
    assert outcome.targets == len(asked)


def test_asking_behind_a_history_is_the_last_turn_of_all() -> None:
    module = model()
    history = Sequences.of([[0, 1, 2], [4]])
    asked = history.append(6)
    turns = torch.tensor([0, 0, 0, 1, 0, 1])
    torch.testing.assert_close(module(asked), module(asked, turns))
    nobody = np.full(2, -1, np.int32)
    torch.testing.assert_close(module.item_scores(history, nobody), module.items.scores(module(asked)[[3, 5]]))

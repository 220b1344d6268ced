"""Encoders and the recommender on top: packing changes nothing, the future is not seen, the window and the mask stand where they should."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tastelm.data.sequences import Sequences
from tastelm.errors import SettingError
from tastelm.nn.attention import rotate, rotation_of
from tastelm.nn.items import ItemTable
from tastelm.nn.sequence import ClozeHead, SequenceRecommender, SequenceTransformer, Shape, check_heads, window_for

from . import naive

DIM, MAX_LEN = 8, 12
NORMS, POSITIONS = ("pre", "post", "query"), ("start", "end", "rotary")
NOBODY = np.full(100, -1, np.int32)


def encoder(norm: str = "pre", positions: str = "start", *, causal: bool = True, layers: int = 2, max_len: int = MAX_LEN, **more: float) -> SequenceTransformer:
    made = SequenceTransformer(Shape(DIM, layers, 2, max_len, 0.3, 0.2, norm=norm, positions=positions, **more), causal=causal)  # type: ignore[arg-type]
    naive.wild(made)
    return made.eval()


def tokens(lengths: list[int], seed: int = 0) -> torch.Tensor:
    return torch.randn(sum(lengths), DIM, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("norm", "positions", "causal"), list(product(NORMS, POSITIONS, (True, False))))
def test_packed_states_are_those_written_out_for_each_sequence_alone(norm: str, positions: str, causal: bool) -> None:
    model, lengths = encoder(norm, positions, causal=causal, position_scale=1.7), [5, 12, 1, 3, 12, 7, 2, 9, 1, 11, 12, 4]
    given_tokens = tokens(lengths)
    packed = model(given_tokens, np.array(lengths))
    for part, own in zip(packed.split(lengths), given_tokens.split(lengths), strict=True):
        torch.testing.assert_close(part, model(own, np.array([len(own)])), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(part, naive.encode(model, own), atol=1e-5, rtol=1e-5)


@given(lengths=st.lists(st.integers(1, MAX_LEN), min_size=1, max_size=30), positions=st.sampled_from(POSITIONS), causal=st.booleans())
def test_packed_equals_one_at_a_time(lengths: list[int], positions: str, causal: bool) -> None:
    model, given_tokens = encoder("pre", positions, causal=causal, layers=1), tokens(lengths)
    alone = [model(own, np.array([len(own)])) for own in given_tokens.split(lengths)]
    torch.testing.assert_close(model(given_tokens, np.array(lengths)), torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_packed_gradients_equal_those_of_one_at_a_time() -> None:
    model, lengths = encoder(), [3, 12, 6]
    given_tokens = tokens(lengths)
    model(given_tokens, np.array(lengths)).square().sum().backward()
    packed = {name: value.grad.clone() for name, value in model.named_parameters()}  # type: ignore[union-attr]
    model.zero_grad()
    for own in given_tokens.split(lengths):
        naive.encode(model, own).square().sum().backward()
    for name, value in model.named_parameters():
        torch.testing.assert_close(packed[name], value.grad, atol=1e-3, rtol=1e-3, msg=name)


@pytest.mark.parametrize(("norm", "positions"), list(product(NORMS, POSITIONS)))
def test_a_later_item_changes_earlier_states_only_where_both_sides_are_read(norm: str, positions: str) -> None:
    lengths, at = [4, 7, 3], 4 + 3  # the fourth item of the second sequence
    before, after = tokens(lengths), tokens(lengths)
    after[at] = torch.randn(DIM, generator=torch.Generator().manual_seed(9))
    for causal in (True, False):
        model = encoder(norm, positions, causal=causal)
        moved = (model(before, np.array(lengths)) - model(after, np.array(lengths))).abs().amax(1)
        assert (moved[4 if not causal else at : 11] > 1e-4).all(), "the item itself and what may see it"
        assert (moved[:4] == 0).all() and (moved[11:] == 0).all(), "never the neighbours in the row"
        assert not causal or (moved[4:at] == 0).all(), "causal: nothing before it"


def test_positions_count_from_the_side_they_are_named_after() -> None:
    """A sequence that grows at its end keeps the positions counted from the start, one that grows at its start those from the end."""
    longer = tokens([6])
    for positions, shorter in (("start", longer[:5]), ("end", longer[1:])):
        model = encoder(positions=positions)
        assert model.positions is not None
        kept = torch.arange(5) if positions == "start" else torch.arange(5).flip(0)
        layer_in = shorter + model.positions[kept]
        x = layer_in
        for layer in model.blocks:
            x = naive.block(layer, x, causal=True, rotary=False)  # type: ignore[arg-type]
        torch.testing.assert_close(model(shorter, np.array([5])), naive.norm(model.norm, x), atol=1e-5, rtol=1e-5)


def test_rotary_positions_know_differences_only() -> None:
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def together(m: int, n: int) -> float:
        turned = [rotate(x, rotation_of(torch.tensor([[at]]), 8)[:, None]) for x, at in ((q, m), (k, n))]
        return float((turned[0] * turned[1]).sum())

    assert together(3, 1) == pytest.approx(together(9, 7), abs=1e-5) and abs(together(3, 1) - together(3, 2)) > 1e-4
    torch.testing.assert_close(rotate(q, rotation_of(torch.tensor([[5]]), 8)[:, None])[0, 0, 0], naive.turn(q[0, 0, 0], 5))


def test_dropout_acts_in_training_only() -> None:
    model, given_tokens = encoder(), tokens([6])
    assert torch.equal(model(given_tokens, np.array([6])), model(given_tokens, np.array([6])))
    model.train()
    assert not torch.equal(model(given_tokens, np.array([6])), model(given_tokens, np.array([6])))


def test_the_start_of_the_weights() -> None:
    small, wide = (SequenceTransformer(Shape(64, 1, 2, 10, 0.0, init=init), causal=True) for init in ("small", "xavier"))  # type: ignore[arg-type]
    assert small.blocks[0].up.weight.detach().std() == pytest.approx(0.02, rel=0.1)  # type: ignore[union-attr]
    assert wide.blocks[0].up.weight.detach().std() == pytest.approx((2 / (64 + 256)) ** 0.5, rel=0.1)  # type: ignore[union-attr]
    assert not small.blocks[0].up.bias.any()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("dim", "heads", "positions", "message"),
    [
        (10, 4, "start", "heads: dim 10 is not a multiple of heads 4. Choose another number of heads"),
        (6, 2, "rotary", "positions: rotary turns pairs of numbers, but dim 6 / heads 2 is odd. Choose a dim that is a multiple of 4."),
    ],
)
def test_widths_that_do_not_fit_the_heads_are_refused(dim: int, heads: int, positions: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        check_heads(dim, heads, positions)
    check_heads(8, 4, "rotary")
    check_heads(6, 2, "start")


def recommender(ask: str = "last", n_items: int = 9, **table: bool) -> SequenceRecommender:
    items = ItemTable(n_items, DIM, mask=ask == "mask", **table)
    made = SequenceRecommender(items, encoder(causal=ask == "last"), head=ClozeHead(DIM) if ask == "mask" else None, ask=ask)  # type: ignore[arg-type]
    naive.wild(made)
    made.prior.copy_(torch.arange(n_items))
    return made.eval()


HISTORIES = Sequences.of([[1, 2], [], [3], [0, 1, 2, 3, 4, 5, 6, 7, 8] * 3, [8] * 12, [], [5] * 11])


@pytest.mark.parametrize("table", [{}, {"tied": False}, {"bias": True}])
def test_scores_are_those_of_the_state_of_the_last_item(table: dict[str, bool]) -> None:
    model = recommender(**table)
    scores = model.item_scores(HISTORIES, NOBODY[:7])
    assert scores.shape == (7, 9)
    for row, history in zip(scores, HISTORIES, strict=True):
        if len(history) == 0:
            assert row.tolist() == list(range(9)), "nobody without a history is left without an answer: the prior"
            continue
        window = torch.from_numpy(history[-MAX_LEN:].astype(np.int64))
        state = naive.encode(model.backbone, model.items.weight[window] * model.items.scale)[-1]
        expected = model.items.output @ state + (model.items.bias if model.items.bias is not None else 0)
        torch.testing.assert_close(row, expected, atol=1e-5, rtol=1e-5)


def test_the_mask_stands_behind_the_history_and_is_never_ranked() -> None:
    model = recommender("mask", bias=True)
    scores = model.item_scores(HISTORIES, NOBODY[:7])
    assert scores.shape == (7, 9), "nine items and no mask"
    for row, history in zip(scores, HISTORIES, strict=True):
        window = history[-(MAX_LEN - 1) :]  # the mask takes a place of the window
        vectors = torch.stack([*(model.items.weight[int(code)] for code in window), model.items.mask])  # type: ignore[list-item]
        state = model.head(naive.encode(model.backbone, vectors))[len(window)]  # the position of the mask is the length of the history
        torch.testing.assert_close(row, model.items.output @ state + model.items.bias, atol=1e-5, rtol=1e-5)


def test_only_the_window_of_a_long_history_counts() -> None:
    model, longer = recommender(), Sequences.of([[5, 4, 3] * 10])
    cut_off = Sequences.of([longer[0][-MAX_LEN:]])
    assert torch.equal(model.item_scores(longer, NOBODY[:1]), model.item_scores(cut_off, NOBODY[:1]))
    shorter = Sequences.of([longer[0][-MAX_LEN + 1 :]])
    assert not torch.allclose(model.item_scores(longer, NOBODY[:1]), model.item_scores(shorter, NOBODY[:1]))


def test_only_empty_histories() -> None:
    assert recommender().item_scores(Sequences.of([[], []]), NOBODY[:2]).tolist() == [list(range(9))] * 2
    masked = recommender("mask").item_scores(Sequences.of([[], []]), NOBODY[:2])
    assert torch.equal(masked[0], masked[1]) and masked.isfinite().all()


def test_who_asks_changes_nothing() -> None:
    model = recommender()
    assert torch.equal(model.item_scores(HISTORIES, NOBODY[:7]), model.item_scores(HISTORIES, np.arange(7, dtype=np.int32)))


def test_the_prior_is_stored_with_the_weights() -> None:
    assert "prior" in recommender().state_dict() and "prior" not in dict(recommender().named_parameters())


def test_the_groups_are_those_of_the_strategies() -> None:
    assert {name.split(".")[0] for name, _ in recommender("mask").named_parameters()} == {"items", "backbone", "head"}
    assert {name.split(".")[0] for name, _ in recommender().named_parameters()} == {"items", "backbone"}


def test_the_cloze_head_by_hand() -> None:
    head, states = ClozeHead(DIM), tokens([3])
    naive.wild(head)
    dense = states @ head.dense.weight.T + head.dense.bias
    gelu = dense * 0.5 * (1 + torch.erf(dense / 2**0.5))
    torch.testing.assert_close(head(states), naive.norm(head.norm, gelu), atol=1e-5, rtol=1e-5)
    assert isinstance(recommender().head, nn.Identity)


@pytest.mark.parametrize(
    ("lengths", "window"),
    [
        ([], 20),
        ([0, 0], 20),
        ([3] * 100, 20),
        ([20] * 100, 20),
        ([21] * 100, 30),
        ([30] * 100, 30),
        ([500] * 100, 200),
        ([10] * 96 + [150] * 4, 20),
        ([10] * 90 + [95] * 10, 100),
    ],
)
def test_the_window_holds_most_histories_whole(lengths: list[int], window: int) -> None:
    assert window_for(np.array(lengths, dtype=np.int64)) == window

"""A prompt before the items: it takes none of their positions, masked it is not there, and it is made of the user's profile alone."""

import copy
from itertools import product

import numpy as np
import pytest
import torch

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.nn.items import ItemTable
from tastelm.nn.packing import Packing
from tastelm.nn.prompted import PromptedRecommender, PromptGenerator
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape

from . import naive

DIM, MAX_LEN, ITEMS = 8, 6, 10
NORMS, POSITIONS = ("pre", "post", "query"), ("start", "end", "rotary")
# Users by attributes of 2 and 3 categories: the first two differ, the third is as the first, of the last nothing is known.
KNOWN = np.array([[0, 1], [1, 1], [0, 1], [-1, -1]])
HISTORIES = Sequences.of([[3, 1, 4], [3, 1, 4], [], [], [2], list(range(9))])


def encoder(norm: str = "pre", positions: str = "start", *, causal: bool = True) -> SequenceTransformer:
    made = SequenceTransformer(Shape(DIM, 2, 2, MAX_LEN, 0.3, norm=norm, positions=positions, position_scale=1.7), causal=causal)  # type: ignore[arg-type]
    naive.wild(made)
    return made.eval()


def recommender(positions: str = "start", *, categories: tuple[int, ...] = (2, 3), count: int = 2) -> PromptedRecommender:
    torch.manual_seed(0)
    generator = PromptGenerator(categories, count, DIM, width=4)
    made = PromptedRecommender(ItemTable(ITEMS, DIM), encoder(positions=positions), generator, len(KNOWN))
    naive.wild(made)
    naive.wild(made.prompt, seed=1, scale=1.5)
    if categories:
        made.fill(KNOWN)
    return made.eval()


def hide_prefixes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention to the places before the first item is forbidden; those look at themselves, as a row of the softmax may not be empty."""
    plain = Packing.mask

    def mask(self: Packing, *, causal: bool) -> torch.Tensor:
        item = self.spread((self.position >= 0)[:, None].float())[..., 0] > 0
        return (plain(self, causal=causal) & item[:, None, None, :]) | torch.eye(item.shape[1], dtype=torch.bool)

    monkeypatch.setattr(Packing, "mask", mask)


def mixed(lengths: list[int], prefix: int) -> tuple[torch.Tensor, np.ndarray]:
    """Tokens of sequences that each have `prefix` more in front, and which of them are items."""
    whole = np.array(lengths) + prefix
    tokens = torch.randn(int(whole.sum()), DIM, generator=torch.Generator().manual_seed(0))
    return tokens, np.concatenate([np.arange(length) >= prefix for length in whole])


@pytest.mark.parametrize(("norm", "positions", "causal"), list(product(NORMS, POSITIONS, (True, False))))
def test_items_behind_a_hidden_prefix_have_the_states_they_have_without_it(norm: str, positions: str, causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model, lengths = encoder(norm, positions, causal=causal), [5, 1, 6, 2]
    tokens, item = mixed(lengths, 3)
    bare = model(tokens[torch.from_numpy(item)], np.array(lengths))
    assert not torch.allclose(model(tokens, np.array(lengths) + 3, 3)[torch.from_numpy(item)], bare, atol=1e-2), "a prefix that is seen changes them"
    hide_prefixes(monkeypatch)
    torch.testing.assert_close(model(tokens, np.array(lengths) + 3, 3)[torch.from_numpy(item)], bare, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", ["start", "end"])
def test_a_prefix_is_a_token_without_a_position(positions: str) -> None:
    """Held against an encoder without positions that is given them with its items."""
    model, lengths = encoder(positions=positions), [4, 1, MAX_LEN]
    tokens, plain = mixed(lengths, 2)[0], copy.deepcopy(model)
    plain.positions = torch.nn.Parameter(torch.zeros(MAX_LEN + 2, DIM))
    assert model.positions is not None
    states = model(tokens, np.array(lengths) + 2, 2)
    for own, state in zip(tokens.split([length + 2 for length in lengths]), states.split([length + 2 for length in lengths]), strict=True):
        given = own.clone()
        places = model.positions[: len(own) - 2]
        given[2:] += (places if positions == "start" else places.flip(0)) * 1.7
        torch.testing.assert_close(state, naive.encode(plain, given), atol=1e-5, rtol=1e-5)


def test_a_prefix_takes_no_room_in_the_window_and_gives_none() -> None:
    model = encoder()
    assert model(torch.zeros(MAX_LEN + 70, DIM), np.array([MAX_LEN + 70]), 70).shape == (MAX_LEN + 70, DIM)
    with pytest.raises(IndexError):
        model(torch.zeros(MAX_LEN + 3, DIM), np.array([MAX_LEN + 3]), 2)


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_masked_prompt_leaves_the_pre_trained_model(positions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, window = recommender(positions), HISTORIES.last(MAX_LEN)
    alone = SequenceRecommender(model.items, model.backbone)
    # Without a vector: to the bit. By its own prompts: not at all.
    assert torch.equal(model.states(window, torch.zeros(len(window), 0, DIM)), alone(window))
    assert not torch.allclose(model.item_scores(HISTORIES, np.full(6, 0, np.int32)), alone.item_scores(HISTORIES, np.full(6, 0, np.int32)), atol=0.1)
    assert torch.equal(model.bare().item_scores(HISTORIES, np.full(6, 0, np.int32)), alone.item_scores(HISTORIES, np.full(6, 0, np.int32)))
    # Zero vectors that nobody looks at: the same numbers up to the order of the sums.
    assert model.prompt.layers is not None
    torch.nn.init.zeros_(model.prompt.layers[-1].weight)
    torch.nn.init.zeros_(model.prompt.layers[-1].bias)
    hide_prefixes(monkeypatch)
    heard = HISTORIES.take(np.flatnonzero(HISTORIES.lengths))
    users = np.zeros(len(heard), np.int32)
    torch.testing.assert_close(model.item_scores(heard, users), alone.item_scores(heard, users), atol=1e-5, rtol=1e-5)


def test_the_profile_decides_and_nothing_else_of_a_user() -> None:
    model, histories = recommender(), Sequences.of([[3, 1, 4]] * 4 + [[]] * 4)
    scores = model.item_scores(histories, np.array([0, 1, 2, 3] * 2, np.int32))
    for first in (0, 4):
        torch.testing.assert_close(scores[first], scores[first + 2], atol=1e-5, rtol=1e-5)
        assert (scores[first] - scores[first + 1]).abs().max() > 5e-3 and (scores[first] - scores[first + 3]).abs().max() > 5e-3
    strangers = model.item_scores(histories, np.full(8, -1, np.int32))
    torch.testing.assert_close(strangers[[3, 7]], scores[[3, 7]], atol=1e-5, rtol=1e-5)


def test_each_part_of_a_sequence_has_the_state_of_what_stands_before() -> None:
    """State t of a sequence is the end of its first t items, alone and answered for."""
    model, batch = recommender(), UserWindows.owned(Sequences.of([[3, 1, 4], [], [2]]), np.array([1, 0, -1]))
    prompts = model.prompt(model.attributes_of(batch.users))
    states = model.states(batch, prompts).split([4, 1, 2])
    for index, (row, found) in enumerate(zip(batch, states, strict=True)):
        for length in range(len(row) + 1):
            own = model.states(Sequences.of([row[:length]]), prompts[[index]])
            torch.testing.assert_close(found[length], own[-1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(batch), torch.cat([part[1:] for part in states]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(Sequences.of([[2]])), states[2][1:], atol=1e-5, rtol=1e-5)  # nobody's are a stranger's
    scores = model.item_scores(batch, batch.users.astype(np.int32))
    torch.testing.assert_close(scores, model.items.scores(torch.stack([part[-1] for part in states])), atol=1e-5, rtol=1e-5)


def test_the_gradient_reaches_every_attribute_of_the_batch_and_no_other() -> None:
    model = recommender()
    codes = model.attributes_of(np.array([0, 3, 0]))
    model.states(Sequences.of([[3, 1], [], [2]]), model.prompt(codes)).square().sum().backward()
    # Categories 0 of 2 and 1 of 3, and behind the last the vectors of what is not known.
    reached = [(table.weight.grad.abs().sum(1) > 0).tolist() for table in model.prompt.tables]  # type: ignore[union-attr, operator]
    assert reached == [[True, False, True], [False, True, False, True]]


def test_without_attributes_there_is_one_soft_prompt_for_everybody() -> None:
    model = recommender(categories=())
    assert not model.needs_users and recommender().needs_users and model.known.numel() == 0
    scores = model.item_scores(Sequences.of([[3], [3]]), np.array([0, -1], np.int32))
    torch.testing.assert_close(scores[0], scores[1], atol=1e-5, rtol=1e-5)
    assert {name for name, _ in model.prompt.named_parameters()} == {"free"} and model.prompt(torch.empty(3, 0)).shape == (3, 2, DIM)


def test_what_is_known_of_the_users_stands_with_the_weights() -> None:
    model, other = recommender(), recommender()
    other.fill(np.full_like(KNOWN, -1))
    other.load_state_dict(model.state_dict())
    assert other.attributes_of(np.array([1, -1, 3, 0])).tolist() == [[1, 1], [-1, -1], [-1, -1], [0, 1]]

"""The port of encoders: rows have the states of packed sequences, what is masked is not there, and a prefix is what items would have left."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tastelm.data.sequences import Sequences, UserWindows
from tastelm.errors import SettingError
from tastelm.nn.convolution import CaserEncoder, DilatedEncoder
from tastelm.nn.items import ItemTable
from tastelm.nn.port import SequencePort
from tastelm.nn.prefix import Prefix
from tastelm.nn.prefixed import PrefixedRecommender, vectors_of
from tastelm.nn.prompted import PromptGenerator
from tastelm.nn.recurrent import GRUEncoder
from tastelm.nn.sequence import SequenceRecommender, SequenceTransformer, Shape

from . import naive

DIM, LAYERS, HEADS, MAX_LEN, ITEMS = 8, 2, 2, 9, 10
NORMS, POSITIONS = ("pre", "post", "query"), ("start", "end", "rotary")
HISTORIES = Sequences.of([[3, 1, 4, 1, 5], [9], [2, 6]])
IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 0, 0, 0, 0], [2, 6, 0, 0, 0]])
MASK = torch.tensor([[True] * 5, [True] + [False] * 4, [True] * 2 + [False] * 3])


def transformer(norm: str = "pre", positions: str = "start", *, causal: bool = True) -> SequenceTransformer:
    return SequenceTransformer(Shape(DIM, LAYERS, HEADS, MAX_LEN, 0.3, norm=norm, positions=positions), causal=causal)  # type: ignore[arg-type]


def port(encoder: nn.Module, free: int = 0) -> SequencePort:
    torch.manual_seed(0)
    whole = SequenceRecommender(ItemTable(ITEMS, DIM), encoder)
    naive.wild(whole)
    whole.eval()
    return SequencePort(whole.items, whole.backbone, free)


def keys_values(model: SequencePort, ids: Tensor) -> Prefix:
    """What every layer keeps of a row of items."""
    kept = list[Tensor]()
    hooks = [block.attention.key_value.register_forward_hook(lambda _, __, out: kept.append(out[:, : len(ids)])) for block in model.encoder.blocks]
    model(model.embed(ids[None]), torch.ones(1, len(ids), dtype=torch.bool))
    for hook in hooks:
        hook.remove()
    parts = torch.stack(kept).view(LAYERS, 1, len(ids), 2, HEADS, -1).permute(3, 0, 1, 4, 2, 5)
    return Prefix(parts[0], parts[1])


ENCODERS: dict[str, Callable[[], nn.Module]] = {
    "gru": lambda: GRUEncoder(DIM, hidden=12, layers=2, max_len=MAX_LEN, dropout=0.3),
    "dilated": lambda: DilatedEncoder(DIM, dilations=(1, 2), kernel=3, max_len=MAX_LEN, dropout=0.3, causal=True),
    "caser": lambda: CaserEncoder(DIM, window=3, horizontal=5, vertical=2, max_len=MAX_LEN, dropout=0.3),
    **{f"{norm} {at} {causal}": lambda n=norm, p=at, c=causal: transformer(n, p, causal=c) for norm, at, causal in product(NORMS, POSITIONS, (True, False))},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", ENCODERS)
@torch.no_grad()
def test_rows_have_the_states_of_packed_sequences_and_a_prefix_of_no_length_is_none(name: str) -> None:
    model = port(ENCODERS[name]())
    packed = model.encoder(model.items(torch.from_numpy(HISTORIES.values)), HISTORIES.lengths)
    states = model(model.embed(IDS), MASK)
    torch.testing.assert_close(states[MASK], packed, atol=1e-5, rtol=1e-5)
    assert not states[~MASK].any() and model.logits(states).shape == (3, 5, ITEMS)
    assert (model.width, model.context) == (DIM, MAX_LEN)
    if isinstance(model.encoder, SequenceTransformer):
        assert model.kv_shape == (LAYERS, HEADS, DIM // HEADS)
        none = torch.zeros(LAYERS, 3, HEADS, 0, DIM // HEADS)
        torch.testing.assert_close(model(model.embed(IDS), MASK, Prefix(none, none))[MASK], packed, atol=1e-5, rtol=1e-5)
    else:
        with pytest.raises(SettingError, match=r"Encoder does not attend, so it has no keys and values to stand a prompt before\. Use a transformer\."):
            model.kv_shape  # noqa: B018


@pytest.mark.parametrize(("norm", "positions"), list(product(NORMS, POSITIONS)))
@torch.no_grad()
def test_gaps_are_not_there(norm: str, positions: str) -> None:
    model = port(transformer(norm, positions))
    gaps = torch.tensor([[True, False, True, False, True]])
    states = model(model.embed(IDS[:1]), gaps)
    torch.testing.assert_close(states[gaps], model(model.embed(IDS[:1, [0, 2, 4]]), torch.ones(1, 3, dtype=torch.bool))[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@torch.no_grad()
def test_what_the_layers_keep_of_items_stands_for_the_items(norm: str) -> None:
    """Without positions, which a prefix does not take."""
    model = port(transformer(norm))
    nn.init.zeros_(model.encoder.positions)
    whole = model(model.embed(IDS[:1]), MASK[:1])
    behind = model(model.embed(IDS[:1, 2:]), MASK[:1, 2:], keys_values(model, IDS[0, :2]))
    torch.testing.assert_close(behind, whole[:, 2:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", POSITIONS)
@torch.no_grad()
def test_a_prefix_is_its_rows_own_is_seen_by_all_and_takes_no_position(positions: str) -> None:
    model, shape = port(transformer("pre", positions)), (LAYERS, 3, HEADS, 2, DIM // HEADS)
    prefix = Prefix(*(torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)))
    bare, states = model(model.embed(IDS), MASK), model(model.embed(IDS), MASK, prefix)
    assert ((states - bare)[MASK].abs().sum(1) > 1e-3).all()
    alone = model(model.embed(IDS[1:2, :1]), MASK[1:2, :1], Prefix(prefix.keys[:, 1:2], prefix.values[:, 1:2]))
    torch.testing.assert_close(states[1, :1], alone[0], atol=1e-5, rtol=1e-5)
    # Values that a layer does not hear of: the items stand where they did.
    for block in model.encoder.blocks:
        nn.init.zeros_(block.attention.out.weight)
    torch.testing.assert_close(model(model.embed(IDS), MASK, prefix), model(model.embed(IDS), MASK))


@torch.no_grad()
def test_free_places_take_no_position() -> None:
    """As the packed path has it: a row with one such place in front is a sequence with a prompt of one vector."""
    encoder = transformer()
    model = port(encoder, free=1)
    asking = torch.randn(3, 1, DIM)
    states = model(torch.cat([asking, model.embed(IDS)], 1), torch.cat([torch.ones(3, 1, dtype=torch.bool), MASK], 1))
    rows = [torch.cat([one, model.items(torch.from_numpy(row))]) for one, row in zip(asking, HISTORIES, strict=True)]
    packed = encoder(torch.cat(rows), HISTORIES.lengths + 1, 1)
    torch.testing.assert_close(torch.cat([state[: len(row)] for state, row in zip(states, rows, strict=True)]), packed, atol=1e-5, rtol=1e-5)


def prefixed(places: int = 2) -> PrefixedRecommender:
    torch.manual_seed(0)
    made = PrefixedRecommender(ItemTable(ITEMS, DIM), transformer(), PromptGenerator((2, 3), vectors_of(places, LAYERS), DIM, width=4), 4)
    naive.wild(made)
    naive.wild(made.prompt, seed=1, scale=1.5)
    made.fill(np.array([[0, 1], [1, 1], [0, 1], [-1, -1]]))
    return made.eval()


def test_a_prompt_in_every_layer_is_the_users_own_and_masked_it_is_not_there() -> None:
    model, batch = prefixed(), UserWindows.owned(Sequences.of([[3, 1, 4], [], [2], []]), np.array([1, 0, -1, 2]))
    prompts = model.prompt(model.attributes_of(batch.users))
    assert torch.equal(model.states(batch, prompts[:, :0]), model.bare()(batch))
    states = model.states(batch, prompts).split([4, 1, 2, 1])
    for index, (row, found) in enumerate(zip(batch, states, strict=True)):
        for length in range(len(row) + 1):
            own: Any = model.states(Sequences.of([row[:length]]), prompts[[index]])
            torch.testing.assert_close(found[length], own[-1], atol=1e-5, rtol=1e-5)
    scores = model.item_scores(Sequences.of([[3, 1, 4]] * 4 + [[]] * 4), np.array([0, 1, 2, 3] * 2, np.int32))
    for first in (0, 4):
        torch.testing.assert_close(scores[first], scores[first + 2], atol=1e-5, rtol=1e-5)
        assert (scores[first] - scores[first + 1]).abs().max() > 5e-3 and (scores[first] - scores[first + 3]).abs().max() > 5e-3


def test_half_precision_changes_little() -> None:
    model, batch = prefixed(), Sequences.of([[3, 1], [], [2, 4, 5]])
    prompts = model.prompt(model.attributes_of(np.array([0, 1, 2])))
    whole = model.states(batch, prompts)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.states(batch, prompts)
    half.float().square().sum().backward()
    assert float(((whole - half.float()).norm() / whole.norm()).detach()) < 0.1


def test_every_vector_of_a_prompt_counts() -> None:
    model = prefixed()
    prompts = model.prompt(model.attributes_of(np.array([0, 1]))).detach().requires_grad_()
    assert prompts.shape == (2, vectors_of(2, LAYERS), DIM)
    model.states(Sequences.of([[3, 1], []]), prompts).square().sum().backward()
    assert prompts.grad is not None and bool((prompts.grad.abs().sum(2) > 0).all())

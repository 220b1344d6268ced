"""Prompts as places: reversible, blind to what is masked, and only what is learnt is learnt."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from tastelm.errors import DataError, SettingError
from tastelm.plm.causal import CausalLM
from tastelm.prompting.layout import UNLEARNT, lay_out
from tastelm.text.segments import Prompt, Slot, Text, Vectors, joined

from .toys import small_causal

MODEL = small_causal()
segments = st.one_of(
    st.builds(Text, st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12), st.booleans()),
    st.builds(Vectors, st.sampled_from(["users", "soft"]), st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple)),
)


def merged(prompt: Prompt) -> Prompt:
    """Neighbouring vectors of one source as one, as a layout reads them back."""
    found: list[Text | Vectors] = []
    for segment in joined(prompt):
        assert not isinstance(segment, Slot)
        if isinstance(segment, Vectors) and found and isinstance(found[-1], Vectors) and found[-1].source == segment.source:
            found[-1] = Vectors(segment.source, found[-1].rows + segment.rows)
        else:
            found.append(segment)
    return tuple(found)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(segments, max_size=5).map(tuple), max_size=3))
def test_what_is_laid_out_can_be_read_again(prompts: list[Prompt]) -> None:
    layout = lay_out(prompts, MODEL.tokens, start=False)
    assert [merged(prompt) for prompt in layout.prompts(MODEL.tokens)] == [merged(prompt) for prompt in prompts]


def sources(seed: int = 0) -> nn.ModuleDict:
    torch.manual_seed(seed)
    return nn.ModuleDict({"users": nn.Embedding(6, MODEL.width), "soft": nn.Embedding(6, MODEL.width)})


@torch.no_grad()
def loss(prompts: list[Prompt], model: CausalLM = MODEL, seed: int = 0) -> float:
    layout = lay_out(prompts, model.tokens, end=True)
    logits = model.logits(model(layout.embed(model, sources(seed)), layout.mask()))
    return float(F.cross_entropy(logits[:, :-1].flatten(0, 1), torch.from_numpy(layout.labels[:, 1:].copy()).flatten(), ignore_index=UNLEARNT))


def test_only_what_is_learnt_is_a_label() -> None:
    layout = lay_out([(Text("toy"), Text(" story", learn=True))], MODEL.tokens, end=True)
    learnt = [token for token in layout.labels[0].tolist() if token != UNLEARNT]
    assert learnt == [*MODEL.tokens.encode(" story"), MODEL.tokens.end]
    silent = lay_out([(Text("toy story"),)], MODEL.tokens, end=True)
    assert (silent.labels == UNLEARNT).all()


def test_the_loss_moves_with_what_is_read_and_with_vectors_but_company_does_not_move_it() -> None:
    prompt: Prompt = (Vectors("users", (3,)), Text("toy"), Text(" story", learn=True))
    longer: Prompt = (Text("you liked the godfather, alien, and the matrix"),)
    assert loss([prompt]) == pytest.approx(loss([prompt, longer]), abs=1e-5), "a prompt without labels, and the filling behind a short row, count for nothing"
    assert abs(loss([prompt]) - loss([(Vectors("users", (4,)), *prompt[1:])])) > 1e-3
    assert abs(loss([prompt]) - loss([prompt], seed=1)) > 1e-3


@torch.no_grad()
def test_a_masked_prompt_is_no_prompt() -> None:
    layout = lay_out([(Vectors("soft", (0, 1)), Text("toy story"))], MODEL.tokens, start=False)
    embeds, mask = layout.embed(MODEL, sources()), layout.mask()
    mask[:, :2] = False
    bare = lay_out([(Text("toy story"),)], MODEL.tokens, start=False)
    np.testing.assert_allclose(MODEL(embeds, mask)[0, 2:].numpy(), MODEL(bare.embed(MODEL, {}), bare.mask())[0].numpy(), atol=1e-5)


def test_gradients_reach_the_vectors() -> None:
    tables = sources()
    layout = lay_out([(Vectors("users", (2,)), Text("toy", learn=True))], MODEL.tokens, start=False)
    MODEL(layout.embed(MODEL, tables), layout.mask()).sum().backward()
    gradient = tables["users"].weight.grad
    assert gradient is not None and gradient[2].abs().sum() > 0 and gradient[[0, 1, 3, 4, 5]].abs().sum() == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="the slot 'history' of a prompt is not filled"):
        lay_out([(Slot("history", "history"),)], MODEL.tokens)
    with pytest.raises(DataError, match=r"prompt 2 takes \d+ tokens, but the model reads 4"):
        lay_out([(Text("a"),), (Text("the matrix, the godfather, 0123456789"),)], MODEL.tokens, longest=4)
    with pytest.raises(SettingError, match="asks for vectors of 'users', but there are only those of none"):
        lay_out([(Vectors("users", (0,)),)], MODEL.tokens).embed(MODEL, {})
